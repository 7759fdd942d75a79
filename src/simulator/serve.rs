//! The simulator on a socket.

use std::{future::Future, io, time::Duration};

use axum::{
    Router,
    body::{self, Body},
    extract::State,
    http::{HeaderValue, Request as HttpRequest, Response, StatusCode, header},
    serve::ListenerExt,
};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use memchr::memmem;
use tokio::net::TcpListener;

use super::{
    state::Simulator,
    wire::{AZURE_BEGIN, Reply, Request, SimulatedRefusal},
};

/// The largest request body that is read: metadata has at most 16 short pairs.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Serves HTTP/1.1 until `shutdown` is done; requests in progress are answered first. Fails if the listener
/// does.
pub async fn serve(
    listener: TcpListener,
    simulator: Simulator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "cannot switch off delayed sending");
        }
    });
    let app = Router::new().fallback(handle).with_state(simulator);
    axum::serve(listener, app).with_graceful_shutdown(shutdown).await
}

async fn handle(State(simulator): State<Simulator>, request: HttpRequest<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let reply = match body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => {
            let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
            let bearer = if parts.uri.path().starts_with(AZURE_BEGIN) {
                text("api-key")
            } else {
                text("authorization").and_then(|value| value.strip_prefix("Bearer "))
            };
            simulator.answer(&Request {
                method: parts.method.as_str().to_owned(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                bearer: bearer.map(str::to_owned),
                body,
            })
        }
        Err(_) => SimulatedRefusal::new(413, None, "The request body is too large.").reply(),
    };
    if !reply.latency.is_zero() {
        tokio::time::sleep(reply.latency).await;
    }
    respond(reply)
}

fn respond(reply: Reply) -> Response<Body> {
    let bytes = reply.body.len();
    let body = match (reply.pace, reply.cut) {
        (Some(pace), cut) => paced(&reply.body, pace, cut),
        (None, None) => Body::from(reply.body),
        (None, Some(cut)) => cut_short(reply.body.slice(..cut.min(bytes))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    // The length of a stream is known at its end.
    if reply.pace.is_none() {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    }
    response
}

/// Events, one after the other, with time between them.
fn paced(body: &Bytes, pace: Duration, cut: Option<usize>) -> Body {
    let mut left = body.slice(..cut.unwrap_or(body.len()).min(body.len()));
    let mut pieces: Vec<io::Result<Bytes>> = Vec::new();
    while !left.is_empty() {
        let end = memmem::find(&left, b"\n\n").map_or(left.len(), |at| at + 2);
        pieces.push(Ok(left.split_to(end)));
    }
    if cut.is_some() {
        pieces.push(Err(io::Error::other("the connection is cut on purpose")));
    }
    Body::from_stream(stream::iter(pieces).then(move |piece| async move {
        if pace.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pace).await;
        }
        piece
    }))
}

/// A body that fails after these bytes, which closes the connection. The delay before the failure lets them
/// be sent; without any, nothing is sent at all.
fn cut_short(bytes: Bytes) -> Body {
    let empty = bytes.is_empty();
    let failure = stream::once(async move {
        if !empty {
            tokio::task::yield_now().await;
        }
        Err(io::Error::other("the connection is cut on purpose"))
    });
    let sent = stream::iter((!empty).then_some(Ok(bytes)));
    Body::from_stream(sent.chain(failure))
}
