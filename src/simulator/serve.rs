//! The simulator on a socket.

use std::{future::Future, io};

use axum::{
    Router,
    body::{self, Body},
    extract::State,
    http::{HeaderValue, Request as HttpRequest, Response, StatusCode, header},
    serve::ListenerExt,
};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use tokio::net::TcpListener;

use super::{
    state::Simulator,
    wire::{Reply, Request, SimulatedRefusal},
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
            let authorization =
                parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            simulator.answer(&Request {
                method: parts.method.as_str().to_owned(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                bearer: authorization.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned),
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
    let body = match reply.cut {
        None => Body::from(reply.body),
        Some(cut) => cut_short(reply.body.slice(..cut.min(bytes))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    }
    response
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
