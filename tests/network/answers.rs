//! Answers that HTTP allows and few servers send.

use std::{io::Write, time::Duration};

use bytes::Bytes;
use collectors::{Http, HttpSettings, Transport, TransportError};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, Method};

use super::{ask, refusal, settings};
use crate::support::raw::{Answer, Raw};

const BODY: &str = r#"{"data":[],"has_more":false}"#;

fn gzip(text: &str) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

/// An answer with these header lines and this body.
fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Asks a server that answers with this. Its body must be read as what was meant.
async fn is_read(what: &str, bytes: Vec<u8>) {
    let server = Raw::start(move |_| Answer::Last(bytes.clone()));
    let response = ask(&settings(), &server.url()).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert_eq!((response.status.as_u16(), response.body.as_ref()), (200, BODY.as_bytes()), "{what}");
}

#[tokio::test]
async fn an_answer_is_read_in_every_form_that_http_has_for_it() {
    let chunks = format!("{:x}\r\n{}\r\n{:x};ext=1\r\n{}\r\n", 9, &BODY[..9], BODY.len() - 9, &BODY[9..]);
    let chunked = |end: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{end}");
    is_read("chunks", chunked("0\r\n\r\n").into()).await;
    is_read("chunks with trailers", chunked("0\r\nX-Checksum: 1\r\nServer-Timing: a\r\n\r\n").into()).await;
    is_read("HTTP/1.0", format!("HTTP/1.0 200 OK\r\n\r\n{BODY}").into()).await;
    let mut old = answer("", BODY.as_bytes());
    old[7] = b'0';
    is_read("HTTP/1.0 with a length", old).await;
    let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n".to_vec();
    is_read("early hints", [early.clone(), early, answer("", BODY.as_bytes())].concat()).await;
    let many: String = (0..150).map(|n| format!("X-Step-{n}: passed\r\n")).collect();
    is_read("150 headers", answer(&many, BODY.as_bytes())).await;
}

#[tokio::test]
async fn a_body_is_read_with_a_byte_order_mark_and_compressed_unasked() {
    is_read("a byte order mark", answer("", format!("\u{feff}{BODY}").as_bytes())).await;
    is_read("gzip", answer("Content-Encoding: gzip\r\n", &gzip(BODY))).await;
    is_read("gzip without a word", answer("", &gzip(BODY))).await;
}

#[tokio::test]
async fn every_request_says_that_it_wants_its_answer_as_it_is() {
    let server = Raw::start(|_| Answer::Last(answer("", BODY.as_bytes())));
    ask(&settings(), &server.url()).await.unwrap();
    assert!(server.seen()[0].contains("accept-encoding: identity\r\n"), "{}", server.seen()[0]);
}

#[tokio::test]
async fn a_body_that_grows_beyond_its_bound_when_it_is_unpacked_is_refused() {
    let packed = answer("Content-Encoding: gzip\r\n", &gzip(&" ".repeat(100_001)));
    assert!(packed.len() < 1000);
    let server = Raw::start(move |_| Answer::Last(packed.clone()));
    assert_eq!(refusal(ask(&settings(), &server.url()).await), "more than 100000");
}

#[tokio::test]
async fn an_answer_that_is_cut_is_no_answer_whatever_its_form() {
    let chunk = format!("{:x}\r\n{BODY}\r\n", BODY.len());
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 3].to_vec();
    for bytes in [
        cut(&answer("", BODY.as_bytes())),
        cut(&answer("Content-Encoding: gzip\r\n", &gzip(BODY))),
        answer("Content-Encoding: gzip\r\n", &cut(&gzip(BODY))),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}").into(),
    ] {
        let server = Raw::start(move |_| Answer::Last(bytes.clone()));
        refusal(ask(&settings(), &server.url()).await);
    }
}

#[tokio::test]
async fn a_connection_that_the_server_closes_as_it_is_used_again_costs_no_poll() {
    // Says that it stays, and goes: as a gateway whose idle time is the poll interval.
    let server = Raw::start(|_| Answer::Last(answer("Connection: keep-alive\r\n", BODY.as_bytes())));
    let http = Http::new(&settings()).unwrap();
    for _ in 0..50 {
        let response = http.get(&server.url(), HeaderMap::new(), usize::MAX).await.unwrap();
        assert_eq!(response.body, BODY);
    }
    assert_eq!((server.seen().len(), server.connections()), (50, 50));
}

#[tokio::test]
async fn a_write_whose_connection_breaks_is_left_to_the_sink_to_repeat() {
    let server = Raw::start(|_| Answer::Last(Vec::new()));
    let http = Http::new(&settings()).unwrap();
    for method in [Method::POST, Method::GET] {
        let sent = http.send(method, &server.url(), HeaderMap::new(), Bytes::new()).await;
        assert!(refusal(sent).contains("closed before message completed"));
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_not_whole_in_time_is_distinguished_from_none() {
    let cut = |bytes: usize| {
        let whole = answer("", BODY.as_bytes());
        let part = whole[..whole.len() - BODY.len() + bytes].to_vec();
        Raw::start(move |_| Answer::Bytes(part.clone()))
    };
    let settings = HttpSettings { timeout: Duration::from_millis(200), ..settings() };
    let (slow, silent) = (cut(9), cut(0));
    let asked = ask(&settings, &slow.url()).await;
    assert!(matches!(asked, Err(TransportError::TooSlow(_))), "{asked:?}");
    let asked = ask(&settings, &silent.url()).await;
    assert!(matches!(asked, Err(TransportError::Unanswered(_))), "{asked:?}");
}
