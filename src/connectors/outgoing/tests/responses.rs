//! How much and how long a server may answer.

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use futures::StreamExt as _;

use super::{
    server::{Habit, Server, allowing, get, outgoing, text},
    *,
};

const MAX: u64 = 64 * 1024;

fn limited() -> Outgoing {
    outgoing(OutgoingSettings { response_max: MAX, ..allowing(&["127.0.0.1"]) }, &[])
}

#[tokio::test]
async fn a_response_without_end_is_given_up() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let server = Server::with(move |_| Habit::Drips(head, &[b'x'; 4096], Duration::ZERO)).await;
    let sent = limited().send(get(server.url("127.0.0.1", "/"))).await;
    assert_eq!(sent.unwrap_err(), OutgoingError::TooLarge(MAX as usize));
}

#[tokio::test]
async fn a_response_that_announces_too_much_is_not_read() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n";
    let server = Server::with(move |_| Habit::Drips(head, b"", Duration::from_secs(60))).await;
    let sent = limited().send(get(server.url("127.0.0.1", "/"))).await;
    assert_eq!(sent.unwrap_err().to_string(), "maxContentLength size of 65536 exceeded");
}

#[tokio::test]
async fn a_response_that_grows_when_it_is_decompressed_is_given_up() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![0; 1 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
    let answer = [head.into_bytes(), bomb].concat();
    let server = Server::with(move |_| Habit::Says(answer.clone())).await;
    let sent = limited().send(get(server.url("127.0.0.1", "/"))).await;
    assert_eq!(sent.unwrap_err(), OutgoingError::TooLarge(MAX as usize));
}

#[tokio::test]
async fn of_a_failure_and_where_that_is_enough_the_beginning_counts() {
    for (status, announced) in [(503, true), (429, false), (200, true), (200, false)] {
        let length = if announced { "content-length: 2097152\r\n" } else { "" };
        let head = format!("HTTP/1.1 {status} x\r\nretry-after: 7\r\n{length}connection: close\r\n\r\nok ");
        let answer = [head.into_bytes(), vec![b' '; 2 << 20]].concat();
        let server = Server::with(move |_| Habit::Says(answer.clone())).await;
        let request =
            OutgoingRequest { is_beginning_enough: status == 200, ..get(server.url("127.0.0.1", "/")) };
        let response = limited().send(request).await.unwrap();
        assert_eq!(
            (response.status.as_u16(), response.headers["retry-after"].to_str().unwrap()),
            (status, "7")
        );
        let body = text(response);
        assert_eq!((body.len() as u64, &body[..3]), (MAX, "ok "));
    }
}

#[tokio::test]
async fn a_response_that_comes_too_slowly_is_given_up() {
    let within = Duration::from_millis(150);
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let silent = Server::with(|_| Habit::Waits).await;
    let dripping = Server::with(move |_| Habit::Drips(head, b"x", Duration::from_millis(10))).await;
    for server in [silent, dripping] {
        let request = OutgoingRequest { timeout: Some(within), ..get(server.url("127.0.0.1", "/")) };
        let sent = limited().send(request).await;
        assert_eq!(sent.unwrap_err(), OutgoingError::TimedOut(within));
    }
    let settings = OutgoingSettings { response_timeout: within, ..allowing(&["127.0.0.1"]) };
    let silent = Server::with(|_| Habit::Waits).await;
    let request = OutgoingRequest { timeout: None, ..get(silent.url("127.0.0.1", "/")) };
    let sent = outgoing(settings, &[]).send(request).await;
    assert_eq!(sent.unwrap_err().to_string(), "timeout of 150 ms exceeded");
}

#[tokio::test]
async fn a_response_that_is_cut_is_no_response() {
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    let sent = limited().send(get(server.url("127.0.0.1", "/secret-path"))).await.unwrap_err();
    assert!(matches!(&sent, OutgoingError::Cut(why) if !why.contains("secret-path")), "{sent:?}");
    let closed = Server::saying("").await;
    let sent = limited().send(get(closed.url("127.0.0.1", "/"))).await.unwrap_err();
    assert!(matches!(sent, OutgoingError::Cut(_)), "{sent:?}");
}

#[tokio::test]
async fn a_port_without_a_server_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
    drop(listener);
    let sent = limited().send(get(url.parse().unwrap())).await.unwrap_err();
    assert!(matches!(&sent, OutgoingError::Unreachable(why) if !why.contains("secret-path")), "{sent:?}");
}

#[tokio::test]
async fn a_streamed_response_is_passed_on_as_it_comes_and_may_be_large() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let server = Server::with(move |_| Habit::Drips(head, &[b'x'; 4096], Duration::ZERO)).await;
    let request = OutgoingRequest { is_streamed: true, ..get(server.url("127.0.0.1", "/")) };
    let response = limited().send(request).await.unwrap();
    let OutgoingBody::Streamed(mut bytes) = response.body else { panic!("whole") };
    let mut received = 0;
    while received < 2 * MAX {
        received += bytes.next().await.unwrap().unwrap().len() as u64;
    }
}

#[tokio::test]
async fn a_streamed_response_that_pauses_too_long_fails() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let server = Server::with(move |_| Habit::Drips(head, b"data", Duration::from_secs(3600))).await;
    let timeout = Some(Duration::from_millis(100));
    let request = OutgoingRequest { is_streamed: true, timeout, ..get(server.url("127.0.0.1", "/")) };
    let OutgoingBody::Streamed(mut bytes) = limited().send(request).await.unwrap().body else {
        panic!("whole")
    };
    assert_eq!(bytes.next().await.unwrap().unwrap(), "data");
    assert_eq!(bytes.next().await.unwrap().unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert!(bytes.next().await.is_none());
}

#[tokio::test]
async fn an_error_that_would_be_streamed_is_read_whole() {
    let server = Server::saying("HTTP/1.1 429 x\r\ncontent-length: 4\r\nretry-after: 7\r\n\r\nslow").await;
    let request = OutgoingRequest { is_streamed: true, ..get(server.url("127.0.0.1", "/")) };
    let response = limited().send(request).await.unwrap();
    assert_eq!(
        (response.status.as_u16(), &response.headers["retry-after"]),
        (429, &HeaderValue::from_static("7"))
    );
    assert_eq!(text(response), "slow");
}

#[tokio::test]
async fn a_connector_does_not_set_the_headers_of_the_connection() {
    let server = Server::saying(OK).await;
    let mut request = get(server.url("127.0.0.1", "/"));
    for name in ["host", "content-length", "transfer-encoding", "connection", "x-own"] {
        request.headers.insert(HeaderName::from_static(name), HeaderValue::from_static("7"));
    }
    assert_eq!(text(limited().send(request).await.unwrap()), "ok");
    let head = server.requests().remove(0).to_lowercase();
    assert!(
        head.contains(&format!("host: 127.0.0.1:{}", server.port)) && head.contains("x-own: 7"),
        "{head}"
    );
    assert!(!head.contains("transfer-encoding") && !head.contains("host: 7\r\n"), "{head}");
}
