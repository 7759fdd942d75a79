//! Slow peers, on a connection as the daemon serves it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::{Instant, sleep},
};

use super::*;
use crate::admin::connection::answer;

const SECOND: Duration = Duration::from_secs(1);
const KIB: usize = 1 << 10;

/// A connection to a daemon without connectors.
fn connected() -> DuplexStream {
    let guard = Guard { token: Some("token".into()), strict: false, hosts: Some(Vec::new()) };
    // Never opened: the token of the admin interface is enough for the default space.
    let database = DetectThread::new("/nowhere/detect.db".into());
    let connectors = Arc::new(Registry::bare("/nowhere".as_ref()));
    let router = router::<()>(connectors, Arc::default(), Arc::new(database), Arc::new(guard)).with_state(());
    let (peer, stream) = tokio::io::duplex(64 * KIB);
    tokio::spawn(answer(Box::new(stream), router));
    peer
}

fn head(length: usize) -> String {
    format!(
        "POST /api/actions/connector/x/_execute HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer token\r\n\
         kbn-xsrf: true\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
}

/// Sends a body piece by piece, one in each second. The status of the response, and after how long it came.
async fn sent(body: &str, piece: usize) -> (String, Duration) {
    let begun = Instant::now();
    let (mut reading, mut writing) = tokio::io::split(connected());
    writing.write_all(head(body.len()).as_bytes()).await.unwrap();
    let body = body.as_bytes().to_vec();
    let sending = tokio::spawn(async move {
        for piece in body.chunks(piece) {
            sleep(SECOND).await;
            if writing.write_all(piece).await.is_err() {
                return;
            }
        }
        // A response ends the connection, and not that nothing more is sent.
        sleep(600 * SECOND).await;
    });
    let mut response = Vec::new();
    _ = reading.read_to_end(&mut response).await;
    sending.abort();
    let status = String::from_utf8_lossy(&response).split(' ').nth(1).unwrap_or_default().to_owned();
    (status, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_batch_over_a_slow_line_arrives() {
    let body = format!("{{\"params\":{{\"text\":\"{}\"}}}}", "x".repeat(4000 * KIB));
    let (status, lasted) = sent(&body, 20 * KIB).await;
    assert_eq!(
        status, "404",
        "after {lasted:?}: there is no such connector, which is known once the body was read"
    );
    assert!(lasted >= 200 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_hardly_comes_is_given_up() {
    let body = format!("{{\"params\":{{\"text\":\"{}\"}}}}", "x".repeat(4000));
    let (status, lasted) = sent(&body, 1).await;
    assert_eq!(status, "408");
    assert!(lasted < 30 * SECOND, "{lasted:?}");
}
