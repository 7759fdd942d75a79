//! Observation of every request that [`Http`](crate::Http) sends, for troubleshooting: when it was sent, how
//! it ended, how large it was. Bodies are not shown. Off unless an observer is set.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderMap, Method, StatusCode};
use tracing::{Span, field::Empty};
use url::Url;

static OBSERVER: OnceLock<Arc<dyn RequestObserver>> = OnceLock::new();

/// Receives every request once it has ended. Called where requests are sent, so it must not block.
pub trait RequestObserver: Send + Sync {
    /// A request has ended. URL and headers contain secrets; the observer decides what to keep.
    fn observe(&self, exchange: &Exchange);
}

/// Sends every request of this process to `observer` from now on. It cannot be replaced; `false` if there is
/// one already.
pub fn observe_requests(observer: Arc<dyn RequestObserver>) -> bool {
    OBSERVER.set(observer).is_ok()
}

/// A request and its answer.
pub struct Exchange {
    /// When it was sent.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// HTTP method.
    pub method: Method,
    /// URL, including the query.
    pub url: String,
    /// Request headers, including the key.
    pub headers: HeaderMap,
    /// Bytes of the request body.
    pub request_bytes: usize,
    /// Status and headers of the answer, if they arrived.
    pub answer: Option<(StatusCode, HeaderMap)>,
    /// Bytes of the answer's body that arrived.
    pub response_bytes: usize,
    /// Why there is no complete answer; `None` if there is one.
    pub failed: Option<FailedRequest>,
}

/// Why an answer is missing or incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedRequest {
    /// No connection: name lookup, routing or TLS failed.
    Connect,
    /// The timeout ended.
    Timeout,
    /// The connection broke, or the answer is not HTTP.
    Broken,
    /// The body exceeded its limit.
    TooLarge,
    /// The caller stopped waiting.
    GivenUp,
}

impl FailedRequest {
    /// Its fixed word in logs.
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

/// Shows method and outcome only: the rest may contain secrets.
impl fmt::Debug for Exchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.answer.as_ref().map(|(status, _)| status);
        let mut shown = out.debug_struct("Exchange");
        shown.field("method", &self.method).field("status", &status).field("failed", &self.failed);
        shown.finish_non_exhaustive()
    }
}

/// A request under observation. It is reported when dropped, so that cancelled requests are reported too.
pub(crate) struct Watched {
    span: Span,
    exchange: Option<(Instant, Exchange)>,
}

impl Watched {
    /// Begins to observe, if there is an observer.
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
                failed: Some(FailedRequest::GivenUp),
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
        self.fail(FailedRequest::of(error));
    }

    pub(crate) fn outgrew(&mut self) {
        self.fail(FailedRequest::TooLarge);
    }

    pub(crate) fn done(&mut self, bytes: usize) {
        self.span.record("http.response.body.size", bytes as i64);
        self.note(|exchange| exchange.failed = None);
    }

    fn fail(&mut self, failed: FailedRequest) {
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

/// A tracing span with OpenTelemetry's attribute names (whose numbers are signed). The query is omitted
/// because it may contain personal data.
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
