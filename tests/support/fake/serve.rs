//! The fake behind its socket.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::body::{self, Body};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

use super::{
    ending::Ending,
    message::{Fate, Reply, Request, Step},
};
use crate::support::chaos::Chaos;

/// The largest request that is taken: far above what any judged service takes, so that the limits under test are
/// those of the handlers.
const REQUEST_BYTES_MAX: usize = 256 << 20;

pub type Handler = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// What the server's thread and the test both hold.
pub struct Shared {
    pub handler: Handler,
    pub requests: Mutex<Vec<Request>>,
    /// Each with the text that a request's path must hold.
    pub script: Mutex<Vec<(String, Step)>>,
    pub taken: watch::Sender<usize>,
    pub holding: watch::Sender<bool>,
    /// What is in front of the handler, if anything is.
    pub gateway: Mutex<Option<Chaos>>,
    /// What was carried out while the gateway kept the true answer back.
    pub unheard: Mutex<Vec<Request>>,
}

/// Serves every connection that comes.
pub async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) -> Infallible {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (tls, shared, reset) = (tls.clone(), shared.clone(), Arc::<AtomicBool>::default());
        let stream = Ending { stream, reset: reset.clone() };
        tokio::spawn(async move {
            match tls {
                None => serve(stream, shared, reset).await,
                // A client that refuses the certificate is what some tests are about.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, shared, reset).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>, reset: Arc<AtomicBool>) {
    let service = service_fn(move |request| answer(request, shared.clone(), reset.clone()));
    // An error is a connection that was cut, by us on purpose or by a client that went away.
    _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    shared: Arc<Shared>,
    reset: Arc<AtomicBool>,
) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(Body::new(body), REQUEST_BYTES_MAX).await.map_err(io::Error::other)?;
    let reply = shared.take(Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    });
    let mut holding = shared.holding.subscribe();
    holding.wait_for(|holding| !holding).await.map_err(io::Error::other)?;
    if reply.fate == Fate::Hangs {
        std::future::pending::<()>().await;
    }
    reset.store(reply.fate == Fate::Reset, Ordering::Relaxed);
    respond(reply)
}

impl Shared {
    fn take(&self, request: Request) -> Reply {
        self.requests.lock().unwrap().push(request.clone());
        let reply = match self.step(&request.path) {
            Some(Step::Reply(reply)) => reply,
            Some(Step::Handled(fate)) => (self.handler)(&request).with_fate(fate),
            None => self.through_the_gateway(&request),
        };
        self.taken.send_modify(|taken| *taken += 1);
        reply
    }

    fn through_the_gateway(&self, request: &Request) -> Reply {
        let drawn = self.gateway.lock().unwrap().as_mut().map(|gateway| gateway.draw(request.body.len()));
        let Some(whim) = drawn else { return (self.handler)(request) };
        let mut carried_out = None;
        let reply = whim.answer(|| carried_out.insert((self.handler)(request)).clone());
        if carried_out.is_some_and(|truth| whim.hides(&truth, &reply)) {
            self.unheard.lock().unwrap().push(request.clone());
        }
        reply
    }

    fn step(&self, path: &str) -> Option<Step> {
        let mut script = self.script.lock().unwrap();
        let place = script.iter().position(|(part, _)| path.contains(part))?;
        Some(script.remove(place).1)
    }
}

fn respond(reply: Reply) -> io::Result<Response<Body>> {
    let bytes = reply.body.len();
    let body = match reply.fate {
        Fate::Arrives | Fate::Hangs => Body::from(reply.body),
        Fate::Lost | Fate::Reset => return Err(cut()),
        Fate::CutAfter(count) => cut_short(reply.body.slice(..count.min(bytes))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
    // 204 has neither a body nor a length.
    if reply.status != 204 {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    for (name, value) in reply.headers {
        let name = HeaderName::try_from(name).unwrap();
        response.headers_mut().append(name, HeaderValue::try_from(value).unwrap());
    }
    Ok(response)
}

/// A body that fails behind these bytes. The pause before the failure lets them be sent.
fn cut_short(bytes: Bytes) -> Body {
    let failure = stream::once(async {
        tokio::task::yield_now().await;
        Err(cut())
    });
    Body::from_stream(stream::iter([Ok(bytes)]).chain(failure))
}

fn cut() -> io::Error {
    io::Error::other("the connection is cut on purpose")
}
