//! One request to Kibana, and the raw response.

use std::time::Duration;

use bytes::Bytes;
use collectors::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};

use super::classify;
use crate::{
    config::{Environment, KibanaIndexSettings},
    sinks::{
        counters::SinkCounters,
        http::Remote,
        remote::{RemoteError, RemoteErrorKind, Service},
    },
};

/// The most bytes of a response that are read: a run has about 250 for each of at most 10,000 documents, a
/// list of connectors some hundreds for each.
const ANSWER_MAX: u64 = 16 << 20;
/// The default space, which has no path of its own.
const DEFAULT_SPACE: &str = "default";

/// One space of one Kibana.
pub struct Client {
    remote: Remote,
    root: String,
    /// The URL of the space.
    base: String,
    space: String,
}

/// A space, as Kibana shows it.
#[derive(Deserialize)]
struct Space {
    #[serde(rename = "id")]
    _id: String,
}

impl Client {
    /// For what the settings name; connects to nothing yet.
    pub(super) fn new(settings: &KibanaIndexSettings, environment: Environment) -> Self {
        Self::of(Service::Kibana, settings, environment)
    }

    /// The same for cases, which need other privileges.
    pub fn for_cases(settings: &KibanaIndexSettings, environment: Environment) -> Self {
        Self::of(Service::KibanaCases, settings, environment)
    }

    fn of(service: Service, settings: &KibanaIndexSettings, environment: Environment) -> Self {
        let connection = settings.connection.clone();
        let remote = Remote::new(
            service,
            Box::new(move |environment| connection.http(ANSWER_MAX, environment)),
            settings.auth.clone(),
            environment,
            settings.connection.retry_after_max,
        );
        let (root, space) = (settings.url.as_str().trim_end_matches('/').to_owned(), settings.space.clone());
        let base = if space == DEFAULT_SPACE { root.clone() } else { format!("{root}/s/{space}") };
        Self { remote, root, base, space }
    }

    /// What was counted so far.
    pub(super) fn counters(&self) -> SinkCounters {
        self.remote.counters()
    }

    /// The space, as the settings call it.
    pub fn space(&self) -> String {
        format!("space `{}`", self.space)
    }

    /// Whether the space is there.
    pub(super) async fn find_space(&self) -> Result<(), RemoteError> {
        let url = format!("{}/api/spaces/space/{}", self.root, self.space);
        let answer = self.send(Method::GET, &url, Bytes::new()).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(&answer, &self.space()));
        }
        self.read::<Space>(&answer).map(drop)
    }

    /// Gets a path of the space, such as `/api/actions/connectors`.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        let answer = self.request(Method::GET, path, Bytes::new()).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(&answer, &self.space()));
        }
        self.read(&answer)
    }

    /// Sends a request to a path of the space. `Ok` is any response, whatever its status.
    pub async fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Response, RemoteError> {
        self.send(method, &format!("{}{path}", self.base), body).await
    }

    /// The same; an inner error is the status of a response that is larger than is read.
    pub async fn request_unless_large(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Result<Response, StatusCode>, RemoteError> {
        let (headers, body) = Self::prepared(body);
        self.remote.send_unless_large(method, &format!("{}{path}", self.base), headers, body).await
    }

    /// The body of a response. Its content never reaches the error.
    pub fn read<'a, T: Deserialize<'a>>(&self, answer: &'a Response) -> Result<T, RemoteError> {
        serde_json::from_slice(&answer.body).map_err(|_| {
            let kind =
                RemoteErrorKind::NotUnderstood(format!("status {}, another body", answer.status.as_u16()));
            self.remote.error(kind, &answer.headers)
        })
    }

    /// The meaning of a status other than 2xx; `what` is what was requested.
    pub fn refusal(&self, answer: &Response, what: &str) -> RemoteError {
        let kind = classify::refusal(answer, what, self.retry_after(answer), &self.said(answer));
        self.error(kind, answer)
    }

    /// How long a response asks to wait, bounded.
    pub(super) fn retry_after(&self, answer: &Response) -> Option<Duration> {
        self.remote.retry_after(&answer.headers)
    }

    /// An error with Kibana's name for the request.
    pub(super) fn error(&self, kind: RemoteErrorKind, answer: &Response) -> RemoteError {
        self.remote.error(kind, &answer.headers)
    }

    /// Kibana's own text of a refusal, without our credentials. It may quote what was sent: it is not for logs.
    pub fn said(&self, answer: &Response) -> String {
        classify::message(&answer.body, &self.remote.hidden())
    }

    /// The same in full, to recognise it. It is cut before it is shown.
    pub fn said_whole(&self, answer: &Response) -> String {
        classify::whole_message(&answer.body, &self.remote.hidden())
    }

    async fn send(&self, method: Method, url: &str, body: Bytes) -> Result<Response, RemoteError> {
        let (headers, body) = Self::prepared(body);
        self.remote.send(method, url, headers, body).await
    }

    fn prepared(body: Bytes) -> (HeaderMap, Bytes) {
        let mut headers = HeaderMap::new();
        // Without this header Kibana refuses every change as cross-site request forgery.
        headers.insert("kbn-xsrf", HeaderValue::from_static("ccfd"));
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        (headers, body)
    }
}
