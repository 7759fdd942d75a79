//! One connection: it ends when its peer is idle, however long a stream or an order takes.
//!
//! ```text
//! the peer owes    a head    HEAD_MAX for all of it, and between two requests
//!                  a body    BODY_MAX for all of it; one of the connectors' API what `body` says
//!                  reading   UNREAD_MAX for the next byte
//! the peer waits   for a page that needs no token   PAGE_MAX; for an order or a stream, no limit
//! ```

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep, timeout},
};

use super::pages::refusal;

/// Timeout of a request's head, and of a connection without a request.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// The largest request body: an order has some hundred bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Timeout of a request's body.
const BODY_MAX: Duration = Duration::from_secs(10);
/// How long a peer may read nothing of what is sent to it: as long as a person looks at a stopped terminal.
const UNREAD_MAX: Duration = Duration::from_secs(120);
/// How long a page that needs no token may take, so that a disk that hangs does not use up the connections.
const PAGE_MAX: Duration = Duration::from_secs(120);

/// A TCP or Unix stream.
pub(super) trait AdminStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> AdminStream for T {}

/// Answers the requests of a connection until it ends.
pub(super) async fn answer(stream: Box<dyn AdminStream>, router: Router) {
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .serve_connection(
            TokioIo::new(WatchedStream { stream, unread: None }),
            TowerToHyperService::new(router),
        );
    // It does not matter here why a connection ends early.
    _ = serving.await;
}

/// Reads the body before anything else happens: a peer that sends it slowly keeps nothing else waiting.
pub(super) async fn with_whole_body(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let (status, text) = match timeout(BODY_MAX, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => return next.run(Request::from_parts(head, Body::from(body))).await,
        Ok(Err(_)) => (StatusCode::PAYLOAD_TOO_LARGE, "the body of the request is too large or incomplete"),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the body of the request did not arrive in time"),
    };
    refusal(status, text).into_response()
}

/// Limits how long a page may take.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    match timeout(PAGE_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refusal(StatusCode::SERVICE_UNAVAILABLE, "the page was not ready in time").into_response(),
    }
}

/// A stream that fails once its peer has read nothing for too long.
struct WatchedStream {
    stream: Box<dyn AdminStream>,
    /// Runs while the peer must read before more can be written.
    unread: Option<Pin<Box<Sleep>>>,
}

impl WatchedStream {
    fn limited(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let unread = self.unread.get_or_insert_with(|| Box::pin(sleep(UNREAD_MAX)));
        unread.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.limited(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.limited(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{middleware::from_fn, routing::get};
    use bytes::Bytes;
    use futures::stream;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
        time::Instant,
    };

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const TICK: Duration = Duration::from_secs(15);

    /// A connection whose peer must read after a few hundred bytes.
    fn connected() -> DuplexStream {
        let order = || async {
            sleep(HOUR).await;
            "done"
        };
        let ticks = || async {
            let tick = |number: u64| async move {
                sleep(TICK).await;
                Some((Ok::<_, Infallible>(Bytes::from(format!("tick {number}\n"))), number + 1))
            };
            Body::from_stream(stream::unfold(1, tick))
        };
        let pages = Router::new().route("/page", get(order)).route_layer(from_fn(in_time));
        let router = Router::new()
            .route("/order", get(order).post(order))
            .route("/ticks", get(ticks))
            .route("/much", get(|| async { vec![b'x'; 1 << 20] }))
            .merge(pages)
            .layer(from_fn(with_whole_body));
        let (peer, stream) = tokio::io::duplex(256);
        tokio::spawn(answer(Box::new(stream), router));
        peer
    }

    async fn asks(path: &str) -> DuplexStream {
        let mut peer = connected();
        peer.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        peer
    }

    /// Everything until the connection ends, and how long that took.
    async fn until_end(peer: &mut DuplexStream) -> (String, Duration) {
        let (begun, mut text) = (Instant::now(), Vec::new());
        _ = peer.read_to_end(&mut text).await;
        (String::from_utf8_lossy(&text).into_owned(), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_sends_nothing_is_not_waited_for() {
        let (_, lasted) = until_end(&mut connected()).await;
        assert!(lasted <= 2 * HEAD_MAX, "{lasted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_or_a_body_that_comes_byte_by_byte_is_given_up() {
        for begin in ["", "POST /order HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"] {
            let (mut reading, mut writing) = tokio::io::split(connected());
            writing.write_all(begin.as_bytes()).await.unwrap();
            let slowly = tokio::spawn(async move {
                while writing.write_all(b"a").await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            });
            let begun = Instant::now();
            let mut text = Vec::new();
            _ = reading.read_to_end(&mut text).await;
            assert!(begun.elapsed() <= 3 * HEAD_MAX, "{begin:?} {:?}", begun.elapsed());
            assert_eq!(String::from_utf8_lossy(&text).contains("408"), !begin.is_empty());
            slowly.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_next_request_ends() {
        let mut peer = asks("/nothing").await;
        let (text, lasted) = until_end(&mut peer).await;
        assert!(text.starts_with("HTTP/1.1 404") && lasted <= 2 * HEAD_MAX, "{lasted:?} {text}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_may_take_an_hour_and_a_page_may_not() {
        let (text, lasted) = until_end(&mut asks("/order").await).await;
        assert!(text.ends_with("done") && lasted >= HOUR, "{lasted:?} {text}");
        let (text, lasted) = until_end(&mut asks("/page").await).await;
        assert!(text.starts_with("HTTP/1.1 503") && lasted < HOUR, "{lasted:?} {text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_lives_as_long_as_it_is_read() {
        let mut peer = asks("/ticks").await;
        let (begun, mut text) = (Instant::now(), String::new());
        while begun.elapsed() < HOUR {
            let mut piece = [0; 64];
            let read = peer.read(&mut piece).await.unwrap();
            assert!(read > 0, "ended after {:?}", begun.elapsed());
            text += &String::from_utf8_lossy(&piece[..read]);
        }
        assert!(text.contains("tick 239"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_slowly_is_served_and_one_that_does_not_read_is_not() {
        let mut peer = asks("/much").await;
        for _ in 0..100 {
            sleep(UNREAD_MAX - Duration::from_secs(1)).await;
            assert!(peer.read(&mut [0; 64]).await.unwrap() > 0);
        }
        sleep(UNREAD_MAX + Duration::from_secs(1)).await;
        let (rest, _) = until_end(&mut peer).await;
        assert!(rest.len() <= 256, "{} bytes more", rest.len());
    }
}
