//! One request to an instance, and what went wrong with it.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use url::Url;

use super::{
    super::{
        outgoing::{Outgoing, OutgoingError, OutgoingRequest, OutgoingResponse},
        run::{ErrorSource, Retry, RunContext, RunFailure, UNEXPECTED},
        said::Hidden,
    },
    config::{ServiceNowConfig, credentials},
};

/// Which part of an instance a request is for, in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Records of a table.
    Table,
    /// Elastic's application, which turns rows into incidents.
    ImportSet,
    /// The version of that application.
    Health,
}

impl Endpoint {
    fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::ImportSet => "import_set",
            Self::Health => "health",
        }
    }
}

/// What a request was for, as errors show it.
struct RequestPlace<'p> {
    attempt: &'p str,
    endpoint: Endpoint,
    method: Method,
}

impl fmt::Display for RequestPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_str().to_lowercase();
        write!(f, "[method={method}] [endpoint={}]", self.endpoint.as_str())
    }
}

/// A request that failed.
pub struct InstanceFailure {
    /// Why.
    pub failure: RunFailure,
    /// Whether the instance may have done what it was asked to do: its answer was lost.
    pub may_be_done: bool,
}

impl InstanceFailure {
    /// One that was answered without a refusal, in a form that does not say what was done.
    pub fn unclear(failure: RunFailure) -> Self {
        Self { failure, may_be_done: true }
    }
}

/// Whether a status other than success says nothing about what was done: a gateway did not hear the answer, or the instance has
/// cancelled the transaction, which may be after the change.
fn is_unclear(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT
    )
}

impl From<RunFailure> for InstanceFailure {
    /// One that was not sent, or refused.
    fn from(failure: RunFailure) -> Self {
        Self { failure, may_be_done: false }
    }
}

impl From<InstanceFailure> for RunFailure {
    fn from(failed: InstanceFailure) -> Self {
        failed.failure
    }
}

/// An instance.
pub struct Instance<'a> {
    /// Its settings.
    pub config: ServiceNowConfig,
    /// Who asks: ServiceNow shows it as the caller of an incident.
    pub user: &'a str,
    /// The time of the run.
    pub now: DateTime<Utc>,
    outgoing: &'a Outgoing,
    authorization: HeaderValue,
    hidden: Hidden,
}

impl<'a> Instance<'a> {
    /// The instance of a connector.
    pub fn new(run: &RunContext<'a>, config: ServiceNowConfig) -> Result<Self, String> {
        let (user, password) = credentials(run.secrets)?;
        let encoded = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        let mut authorization =
            HeaderValue::try_from(format!("Basic {encoded}")).map_err(|error| error.to_string())?;
        authorization.set_sensitive(true);
        let hidden = Hidden::of(run.secrets).and(encoded).and_address(&config.api_url);
        Ok(Self { config, user, now: run.now, outgoing: run.outgoing, authorization, hidden })
    }

    /// An address of the instance. Each segment is escaped.
    pub fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.config.api_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// The `result` of a response. `attempt` says what was attempted, for errors.
    pub async fn ask(
        &self,
        attempt: &str,
        endpoint: Endpoint,
        method: Method,
        url: Url,
        body: Option<&Map<String, Value>>,
    ) -> Result<Value, RunFailure> {
        Ok(self.request(attempt, endpoint, method, url, body).await?)
    }

    /// The same, with what is known of a request that failed.
    pub async fn request(
        &self,
        attempt: &str,
        endpoint: Endpoint,
        method: Method,
        url: Url,
        body: Option<&Map<String, Value>>,
    ) -> Result<Value, InstanceFailure> {
        let place = RequestPlace { attempt, endpoint, method };
        let response = self.send(&place, url, body).await?;
        let status = response.status;
        self.result(&place, response, body).map_err(|failure| InstanceFailure {
            failure,
            may_be_done: status.is_success() || is_unclear(status),
        })
    }

    /// A record of the table, if there is one at this address.
    pub async fn find(&self, attempt: &str, url: Url) -> Result<Option<Value>, RunFailure> {
        let place = RequestPlace { attempt, endpoint: Endpoint::Table, method: Method::GET };
        let response = self.send(&place, url, None).await?;
        if response.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.result(&place, response, None).map(Some)
    }

    /// Whether the instance itself says that it has no record at this address, or none that the user may see.
    pub async fn is_missing(&self, url: Url) -> bool {
        let place = RequestPlace { attempt: "", endpoint: Endpoint::Table, method: Method::GET };
        let Ok(response) = self.send(&place, url, None).await else { return false };
        let is_missing = response.status == StatusCode::NOT_FOUND;
        // A proxy has answers of its own.
        let body: Value = serde_json::from_slice(&response.whole_body()).unwrap_or_default();
        is_missing && body["error"]["message"].is_string() && body["status"] == "failure"
    }

    async fn send(
        &self,
        place: &RequestPlace<'_>,
        url: Url,
        body: Option<&Map<String, Value>>,
    ) -> Result<OutgoingResponse, InstanceFailure> {
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::from_iter([
            (header::ACCEPT, json.clone()),
            (header::AUTHORIZATION, self.authorization.clone()),
        ]);
        let mut bytes = Bytes::new();
        if let Some(body) = body {
            headers.insert(header::CONTENT_TYPE, json);
            bytes = serde_json::to_vec(body).map_err(|error| unexpected(error.to_string()))?.into();
        }
        let request = OutgoingRequest {
            method: place.method.clone(),
            url,
            headers,
            body: bytes,
            timeout: None,
            is_streamed: false,
            is_beginning_enough: false,
            identity: None,
        };
        self.outgoing.send(request).await.map_err(|error| {
            let why = format!("{} [status=none] {place}", self.hidden.said(&error.to_string()));
            let may_be_done = match &error {
                OutgoingError::TimedOut(_) | OutgoingError::TooLarge(_) | OutgoingError::Cut(_) => true,
                OutgoingError::NotAllowed(_)
                | OutgoingError::Unreachable(_)
                | OutgoingError::Untrusted(_) => false,
            };
            InstanceFailure { failure: self.failed(place.attempt, &why, error.retry()), may_be_done }
        })
    }

    fn result(
        &self,
        place: &RequestPlace<'_>,
        response: OutgoingResponse,
        sent: Option<&Map<String, Value>>,
    ) -> Result<Value, RunFailure> {
        let (status, retry) = (response.status, response.retry(self.now));
        let code = status.as_u16();
        if !status.is_success() {
            let why = self.reason(response, sent);
            let text =
                format!("Request failed with status code {code} Reason: {why} [status={code}] {place}");
            return Err(self.failed(place.attempt, &text, retry));
        }
        let body: Option<Value> = serde_json::from_slice(&response.whole_body()).ok();
        // An instance that cancels a transaction says so behind what it had found until then.
        let body = body.filter(|body| !body["error"].is_object());
        let result = body.and_then(|mut body| body.get_mut("result").map(Value::take));
        result.filter(|result| !result.is_null()).ok_or_else(|| {
            let host = self.config.api_url.host_str().unwrap_or_default();
            let why = format!("There is an issue with your Service Now Instance. Please check {host}.");
            // An instance that sleeps answers with a page.
            self.failed(place.attempt, &format!("{why} [status={code}] {place}"), Retry::Yes)
        })
    }

    /// The reason that an instance names: `{ "error": { "message": "…", "detail": "…" } }`.
    fn reason(&self, response: OutgoingResponse, sent: Option<&Map<String, Value>>) -> String {
        let body: Value = serde_json::from_slice(&response.whole_body()).unwrap_or_default();
        let text = |name| body["error"][name].as_str();
        match (text("message"), text("detail")) {
            (Some(message), Some(detail)) => self.said_of(sent, &format!("{message}: {detail}")),
            (Some(message), None) => self.said_of(sent, message),
            (None, _) => "unknown: no error in error response".to_owned(),
        }
    }

    /// A failure, as Kibana words those of this type.
    pub fn failed(&self, attempt: &str, why: &str, retry: Retry) -> RunFailure {
        RunFailure { retry, ..unexpected(format!("[Action][ServiceNow]: {attempt}. Error: {why}")) }
    }

    /// A text of the instance about something that was sent, made safe.
    pub fn said_of(&self, sent: Option<&Map<String, Value>>, text: &str) -> String {
        let bodies = sent.and_then(|sent| serde_json::to_vec(sent).ok());
        bodies.iter().fold(self.hidden.clone(), |hidden, body| hidden.and_body(body)).said(text)
    }

    /// A text of the instance, made safe.
    pub fn said(&self, text: &str) -> String {
        self.hidden.said(text)
    }
}

fn unexpected(why: String) -> RunFailure {
    RunFailure {
        message: UNEXPECTED.to_owned(),
        service_message: Some(why),
        retry: Retry::No,
        source_of: ErrorSource::User,
        retry_at: None,
        is_gone: false,
    }
}
