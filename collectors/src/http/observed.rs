//! A look at every request that [`Http`](crate::Http) sends, for whoever has to find out what goes on: when it went, how it
//! ended, how large it was. Bodies are not shown. Nobody looks unless somebody asked to.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderMap, Method, StatusCode};
use tracing::{Span, field::Empty};
use url::Url;

static OBSERVER: OnceLock<Arc<dyn RequestObserver>> = OnceLock::new();

/// Is shown every request once it has ended. It is called where requests are sent, so it must not wait for anything.
pub trait RequestObserver: Send + Sync {
    /// A request has ended. Its URL and its headers hold what is secret: what of them is kept is up to the observer.
    fn observe(&self, exchange: &Exchange);
}

/// Shows every request of this process to `observer` from now on. There is one for as long as the process lives; `false`
/// when there was one already.
pub fn observe_requests(observer: Arc<dyn RequestObserver>) -> bool {
    OBSERVER.set(observer).is_ok()
}

/// One request, and what came back.
pub struct Exchange {
    /// When it was sent.
    pub at: SystemTime,
    /// Until it ended.
    pub took: Duration,
    /// How.
    pub method: Method,
    /// Where to, with its query.
    pub url: String,
    /// With which headers, the key among them.
    pub headers: HeaderMap,
    /// Bytes of the body that was sent.
    pub request_bytes: usize,
    /// Status and headers, if they arrived.
    pub answer: Option<(StatusCode, HeaderMap)>,
    /// Bytes of the body that arrived.
    pub response_bytes: usize,
    /// Why there is no whole answer; `None` when there is one.
    pub failed: Option<Failed>,
}

/// Why an answer is not there, or not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// No connection: no address, no route, no TLS.
    Connect,
    /// It took too long.
    Timeout,
    /// The connection broke, or what came back is not HTTP.
    Broken,
    /// The body outgrew its limit.
    TooLarge,
    /// Nobody waited for the end.
    GivenUp,
}

impl Failed {
    /// A word to search for.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::TooLarge => "too_large",
            Self::GivenUp => "given_up",
        }
    }

    fn of(error: &reqwest::Error) -> Self {
        match () {
            () if error.is_timeout() => Self::Timeout,
            () if error.is_connect() => Self::Connect,
            () => Self::Broken,
        }
    }
}

/// The method and the outcome alone: the rest may hold secrets.
impl fmt::Debug for Exchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.answer.as_ref().map(|(status, _)| status);
        let mut shown = out.debug_struct("Exchange");
        shown.field("method", &self.method).field("status", &status).field("failed", &self.failed);
        shown.finish_non_exhaustive()
    }
}

/// One request under observation; shown when it is dropped, so that one that nobody waits for is shown, too.
pub(crate) struct Watched {
    span: Span,
    exchange: Option<(Instant, Exchange)>,
}

impl Watched {
    /// Begins to watch, if anybody wants to see.
    pub(crate) fn begin(method: &Method, url: &str, headers: &HeaderMap, request_bytes: usize) -> Self {
        let exchange = OBSERVER.get().map(|_| {
            let exchange = Exchange {
                at: SystemTime::now(),
                took: Duration::ZERO,
                method: method.clone(),
                url: url.to_owned(),
                headers: headers.clone(),
                request_bytes,
                answer: None,
                response_bytes: 0,
                failed: Some(Failed::GivenUp),
            };
            (Instant::now(), exchange)
        });
        Self { span: span(method, url, request_bytes), exchange }
    }

    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.span.record("http.response.status_code", i64::from(status.as_u16()));
        self.note(|exchange| exchange.answer = Some((status, headers.clone())));
    }

    pub(crate) fn received(&mut self, bytes: usize) {
        self.note(|exchange| exchange.response_bytes += bytes);
    }

    pub(crate) fn failed(&mut self, error: &reqwest::Error) {
        self.fail(Failed::of(error));
    }

    pub(crate) fn outgrew(&mut self) {
        self.fail(Failed::TooLarge);
    }

    pub(crate) fn done(&mut self, bytes: usize) {
        self.span.record("http.response.body.size", bytes as i64);
        self.note(|exchange| exchange.failed = None);
    }

    fn fail(&mut self, failed: Failed) {
        self.span.record("error.type", failed.as_str());
        self.note(|exchange| exchange.failed = Some(failed));
    }

    fn note(&mut self, note: impl FnOnce(&mut Exchange)) {
        if let Some((_, exchange)) = &mut self.exchange {
            note(exchange);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let (Some((since, mut exchange)), Some(observer)) = (self.exchange.take(), OBSERVER.get()) {
            exchange.took = since.elapsed();
            observer.observe(&exchange);
        }
    }
}

/// For whoever follows the way of a page, by the words of OpenTelemetry, whose numbers have a sign. The query is left out: it
/// may name people.
fn span(method: &Method, url: &str, request_bytes: usize) -> Span {
    let span = tracing::debug_span!(
        target: "telemetry",
        "request",
        otel.kind = "client",
        http.request.method = method.as_str(),
        http.request.body.size = request_bytes as i64,
        server.address = Empty,
        url.path = Empty,
        http.response.status_code = Empty,
        http.response.body.size = Empty,
        error.type = Empty,
    );
    if let (false, Ok(url)) = (span.is_disabled(), Url::parse(url)) {
        span.record("server.address", url.host_str()).record("url.path", url.path());
    }
    span
}
