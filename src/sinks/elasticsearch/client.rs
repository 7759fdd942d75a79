//! One request to a cluster, at one of its addresses after the other, and the raw response.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use collectors::Response;
use http::{HeaderMap, HeaderValue, Method, header};

use super::classify::{self, BulkReply};
use crate::sinks::{
    counters::SinkCounters,
    http::Remote,
    remote::{RemoteError, RemoteErrorKind},
};

/// A cluster that can be reached at several addresses.
pub(super) struct Cluster {
    remote: Remote,
    /// Without a slash at their ends.
    urls: Vec<String>,
    /// The one that answered last.
    current: AtomicUsize,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Appended to the address, with a leading slash.
    pub(super) path: String,
    /// The content type; `None` without a body.
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

    /// Sends to one address after the other until one responds; the next request begins with that one.
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
    pub(super) async fn bulk(&self, request: &Request, index: &str) -> Result<BulkReply, RemoteError> {
        let response = self.send(request).await?;
        classify::reply(self, response, index)
    }

    /// The failure behind a status other than 2xx.
    pub(super) fn refusal(&self, response: &Response, index: &str) -> RemoteError {
        let retry_after = self.retry_after(&response.headers);
        self.error(classify::refusal(response, index, retry_after), &response.headers)
    }

    /// How long a response asks to wait, bounded.
    pub(super) fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        self.remote.retry_after(headers)
    }

    /// An error of this cluster, for a response with these headers.
    pub(super) fn error(&self, kind: RemoteErrorKind, headers: &HeaderMap) -> RemoteError {
        self.remote.error(kind, headers)
    }
}

/// Whether another address may respond better.
fn is_of_the_address(sent: &Result<Response, RemoteError>) -> bool {
    match sent {
        Ok(response) => matches!(response.status.as_u16(), 502..=504),
        Err(error) => {
            matches!(error.kind, RemoteErrorKind::Unreachable(_) | RemoteErrorKind::Untrusted(_))
        }
    }
}
