//! Requests to a cluster: its addresses in turn, and what the status of an answer means.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use collectors::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::classify::{self, Error};
use crate::sinks::counters::SinkCounters;
use crate::sinks::http::{Remote, asks_for_credentials, intercepted};
use crate::sinks::remote::{RemoteError, RemoteErrorKind, plain};

/// A cluster that can be reached at several addresses.
pub(super) struct Cluster {
    remote: Remote,
    /// Without a slash at their ends.
    urls: Vec<String>,
    /// The one that answered last.
    current: AtomicUsize,
}

/// What a `_bulk` request as a whole came to.
pub(super) enum Reply {
    /// It was carried out; this says what became of each row.
    Items(Response),
    /// Something in it is refused, and so all of it.
    Refused(RemoteError, String),
    /// It is larger than what is taken, or said to be; the error is for when that cannot be.
    TooLarge(RemoteError),
}

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Behind the address, with a leading slash.
    pub(super) path: String,
    /// The type of the body; none for an empty one.
    pub(super) content_type: Option<&'static str>,
    pub(super) gzip: bool,
    pub(super) body: Bytes,
}

impl Request {
    /// A question.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), content_type: None, gzip: false, body: Bytes::new() }
    }

    /// A JSON body.
    pub(super) fn json(method: Method, path: impl Into<String>, body: &serde_json::Value) -> Self {
        let content_type = Some("application/json");
        Self { method, path: path.into(), content_type, gzip: false, body: body.to_string().into() }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let accept = [(header::ACCEPT, "application/json")];
        let content = self.content_type.map(|content| (header::CONTENT_TYPE, content));
        let encoding = self.gzip.then_some((header::CONTENT_ENCODING, "gzip"));
        for (name, value) in accept.into_iter().chain(content).chain(encoding) {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
    }
}

impl Cluster {
    pub(super) fn new(remote: Remote, urls: Vec<String>) -> Self {
        Self { remote, urls, current: AtomicUsize::new(0) }
    }

    /// The address in use.
    pub(super) fn url(&self) -> &str {
        let current = self.current.load(Ordering::Relaxed);
        self.urls.get(current).map(String::as_str).unwrap_or_default()
    }

    /// What was counted so far.
    pub(super) fn counters(&self) -> SinkCounters {
        self.remote.counters()
    }

    /// Sends to one address after the other until one answers for itself; then to that one first.
    pub(super) async fn send(&self, request: &Request) -> Result<Response, RemoteError> {
        let first = self.current.load(Ordering::Relaxed);
        let mut sent = self.send_to(first, request).await;
        for turn in 1..self.urls.len() {
            if !is_of_the_address(&sent) {
                break;
            }
            let place = (first + turn) % self.urls.len();
            sent = self.send_to(place, request).await;
            if !is_of_the_address(&sent) {
                self.current.store(place, Ordering::Relaxed);
            }
        }
        sent
    }

    async fn send_to(&self, place: usize, request: &Request) -> Result<Response, RemoteError> {
        let base = self.urls.get(place).map(String::as_str).unwrap_or_default();
        let url = format!("{base}{}", request.path);
        self.remote.send(request.method.clone(), &url, request.headers(), request.body.clone()).await
    }

    /// Sends rows.
    pub(super) async fn bulk(&self, request: &Request, index: &str) -> Result<Reply, RemoteError> {
        let response = self.send(request).await?;
        match response.status {
            StatusCode::OK => Ok(Reply::Items(response)),
            StatusCode::PAYLOAD_TOO_LARGE => {
                let kind = RemoteErrorKind::Overloaded {
                    status: response.status.as_u16(),
                    retry_after: self.remote.retry_after(&response.headers),
                };
                Ok(Reply::TooLarge(self.remote.error(kind, &response.headers)))
            }
            StatusCode::BAD_REQUEST => {
                let reason = told(&response.body).unwrap_or_default().reason.into_owned();
                Ok(Reply::Refused(self.refusal(&response, index), reason))
            }
            _ => {
                let error = self.refusal(&response, index);
                // A rule of a firewall that one row meets.
                if matches!(error.kind, RemoteErrorKind::Intercepted { .. }) {
                    return Ok(Reply::Refused(error, intercepted(response.status)));
                }
                Err(error)
            }
        }
    }

    /// The failure behind a status other than 2xx.
    pub(super) fn refusal(&self, response: &Response, index: &str) -> RemoteError {
        let told = told(&response.body);
        let is_own = told.is_some() || asks_for_credentials(response);
        let error = told.unwrap_or_default();
        let code = || plain(&error.kind);
        let retry_after = self.remote.retry_after(&response.headers);
        let status = response.status.as_u16();
        let kind = match status {
            401 | 403 if !is_own => RemoteErrorKind::Intercepted { status },
            401 => RemoteErrorKind::Unauthorized { code: code() },
            // A block of the index or the cluster is no matter of the key.
            403 if error.kind != "cluster_block_exception" => RemoteErrorKind::Forbidden { code: code() },
            404 if error.kind != "index_not_found_exception" => {
                RemoteErrorKind::NotFound { what: "_bulk at this address".to_owned() }
            }
            429 if error.kind != "cluster_block_exception" => RemoteErrorKind::Throttled { retry_after },
            408 | 500.. => RemoteErrorKind::Overloaded { status, retry_after },
            403 | 404 | 429 => classify::fault(status, &error).kind(index),
            _ => RemoteErrorKind::Refused { status, code: code() },
        };
        self.remote.error(kind, &response.headers)
    }

    /// An error of this cluster, for an answer with these headers.
    pub(super) fn error(&self, kind: RemoteErrorKind, headers: &HeaderMap) -> RemoteError {
        self.remote.error(kind, headers)
    }
}

/// Whether another address may do better.
fn is_of_the_address(sent: &Result<Response, RemoteError>) -> bool {
    match sent {
        Ok(response) => matches!(response.status.as_u16(), 502..=504),
        Err(error) => {
            matches!(error.kind, RemoteErrorKind::Unreachable(_) | RemoteErrorKind::Untrusted(_))
        }
    }
}

/// The error in the body of an answer, if it has one as the cluster's own answers do; empty where that is but a text.
fn told(body: &[u8]) -> Option<Error<'_>> {
    #[derive(Deserialize)]
    struct ErrorBody<'a> {
        #[serde(borrow)]
        error: &'a RawValue,
    }
    serde_json::from_slice::<ErrorBody<'_>>(body).ok().map(|told| classify::error(told.error.get()))
}
