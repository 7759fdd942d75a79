//! Large and slow requests: each route takes what it is for, and all of them together take a bounded memory.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use reqwest::Method;
use serde_json::json;

use super::{Api, envelope};
use crate::support::{http::send, observed::Observed};

const MIB: usize = 1 << 20;

fn padded(bytes: usize) -> Vec<u8> {
    let body = json!({ "params": { "text": "x".repeat(bytes) } });
    body.to_string().into_bytes()
}

fn post(api: &Api, path: &str, body: Vec<u8>) -> (u16, serde_json::Value) {
    let bearer = format!("Bearer {}", api.daemon.token);
    let headers =
        [("authorization", bearer.as_str()), ("kbn-xsrf", "true"), ("content-type", "application/json")];
    send(Method::POST, &format!("{}{path}", api.daemon.url), &headers, body)
}

#[test]
fn each_route_takes_bodies_for_what_it_is_for() {
    let api = Api::start();
    let message = |max: usize| format!("Payload content length greater than maximum allowed: {max}");
    let too_large = |max: usize| envelope(413, "Request Entity Too Large", &message(max));
    let run = "/api/actions/connector/x/_execute";
    assert_eq!(post(&api, run, padded(9 * MIB)).0, 404, "a run takes a batch");
    assert_eq!(post(&api, run, padded(11 * MIB)), too_large(10 * MIB));
    let (status, answer) = post(&api, "/api/actions/connector", padded(MIB / 2));
    assert_eq!((status, &answer["error"]), (400, &json!("Bad Request")), "a connector may have certificates");
    assert_eq!(post(&api, "/api/actions/connector", padded(2 * MIB)), too_large(MIB));
    assert_eq!(post(&api, "/api/spaces/space", padded(2 * MIB)), too_large(MIB));
    let (status, answer) = post(&api, "/api/v1/reset", padded(100 << 10));
    assert!(status == 413 && answer["error"].is_string(), "an order is small: {answer}");
}

/// A peer that has sent all of a request but the last byte.
fn almost_sent(api: &Api, body: &[u8]) -> TcpStream {
    let mut peer = TcpStream::connect(api.daemon.url.strip_prefix("http://").unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!(
        "POST /api/actions/connector/x/_execute HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         kbn-xsrf: true\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        api.daemon.token,
        body.len()
    );
    peer.write_all(head.as_bytes()).unwrap();
    peer.write_all(&body[..body.len() - 1]).unwrap();
    peer
}

#[test]
fn large_requests_at_once_take_a_bounded_memory_and_keep_no_order_waiting() {
    let api = Api::start();
    // Less than a MiB as text, and 70 once it is parsed.
    let values = vec!["{\"a\":1}"; 100_000].join(",");
    let body = format!("{{\"params\":{{\"values\":[{values}]}}}}").into_bytes();
    let answers: Vec<String> = thread::scope(|scope| {
        let sending = || {
            let mut peer = almost_sent(&api, &body);
            peer.write_all(b"}").unwrap();
            let mut answer = String::new();
            _ = peer.read_to_string(&mut answer);
            answer
        };
        let peers: Vec<_> = (0..24).map(|_| scope.spawn(sending)).collect();
        let order = format!("Bearer {}", api.daemon.token);
        let url = format!("{}/api/v1/collectors/acme-chat/poll", api.daemon.url);
        assert_eq!(send(Method::POST, &url, &[("authorization", &order)], Vec::new()).0, 200);
        peers.into_iter().map(|peer| peer.join().unwrap()).collect()
    });
    for answer in &answers {
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["404", "503"].contains(&status), "{answer}");
    }
    assert!(answers.iter().any(|answer| answer.starts_with("HTTP/1.1 404")), "{answers:?}");
    let peak = Observed::of(api.daemon.running.id()).mib("VmHWM");
    assert!(peak < 300.0, "{peak} MiB");
    assert_eq!(
        post(&api, "/api/actions/connector/x/_execute", padded(9 * MIB)).0,
        404,
        "all memory is free again"
    );
}
