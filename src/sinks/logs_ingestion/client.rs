//! One call, and what its answer means.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use collectors::{Http, Response, TransportError, retry_after};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::IgnoredAny};

use super::{
    auth::{Token, Tokens},
    encode::{broken, nothing},
};
use crate::sinks::{
    SinkError,
    counters::SinkCounter,
    http::{asks_for_credentials, intercepted},
    remote::{RemoteError, RemoteErrorKind, Service, plain},
    request_size::RequestSize,
    sink_thread::SinkThread,
};

const API_VERSION: &str = "2023-01-01";
/// The gateway's name for a request, and ours.
const REQUEST_ID: &str = "x-ms-request-id";
const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";
/// How much of an answer's own words the rejects keep, in characters.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// The endpoint with one data collection rule.
pub(super) struct Api {
    /// Its connections.
    pub http: Arc<Http>,
    /// What the path of every stream begins with.
    pub streams: String,
    /// Where tokens come from.
    pub tokens: Arc<Tokens>,
    /// Where requests are counted.
    pub meter: Arc<SinkCounter>,
    /// How much one call may carry.
    pub size: RequestSize,
    /// The longest wait that an answer may ask for.
    pub retry_after_max: Duration,
    /// Where rows are compressed, one call after the other: that is done long before the calls before it are answered.
    pub encoding: SinkThread,
    /// Whether another success than 204 was told of.
    pub surprised: AtomicBool,
}

/// What became of a call that was answered.
#[derive(Debug)]
pub(super) enum CallAnswer {
    /// All of it is accepted.
    Accepted,
    /// It is too large; a smaller one may be accepted.
    TooLarge(Refusal),
    /// Something in it is not as it should be; without that it may be accepted.
    Malformed(Refusal),
}

/// The gateway's own words.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The word for what is wrong.
    pub code: String,
    /// With the message, which may repeat content: for the rejects only.
    pub reason: String,
    /// The gateway's name for the request.
    pub request_id: Option<String>,
    /// Whether it is not the gateway's own, but that of something in between.
    pub is_intercepted: bool,
}

impl Api {
    /// Sends one compressed array to a stream. A token that is refused is replaced, once.
    pub(super) async fn post(&self, stream: &str, body: Bytes) -> Result<CallAnswer, RemoteError> {
        let token = self.tokens.get().await?;
        let response = self.send(stream, &token, body.clone()).await?;
        if response.status != StatusCode::UNAUTHORIZED || is_intercepted(&response) {
            return self.judge(&response);
        }
        tracing::debug!(stream, "the token is refused: requesting another");
        let token = self.tokens.renew(&token).await?;
        self.judge(&self.send(stream, &token, body).await?)
    }

    /// Asks whether a write would be accepted, by one without a row.
    pub(super) async fn probe(&self, stream: &str) -> Result<(), SinkError> {
        match self.post(stream, nothing().map_err(broken)?).await? {
            CallAnswer::Accepted => Ok(()),
            CallAnswer::TooLarge(refusal) | CallAnswer::Malformed(refusal) => {
                Err(refusal.into_error().into())
            }
        }
    }

    async fn send(&self, stream: &str, token: &Token, body: Bytes) -> Result<Response, RemoteError> {
        let client_request_id = azure_core::Uuid::new_v4().to_string();
        let failed = |kind: RemoteErrorKind| RemoteError {
            request_id: Some(client_request_id.clone()),
            ..kind.of(Service::LogsIngestion)
        };
        let header_value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| {
                failed(RemoteErrorKind::NotUnderstood("a token with unprintable characters".into()))
            })
        };
        let mut authorization = header_value(&format!("Bearer {}", token.text.expose_secret()))?;
        authorization.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, authorization),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::CONTENT_ENCODING, HeaderValue::from_static("gzip")),
            (header::HeaderName::from_static(CLIENT_REQUEST_ID), header_value(&client_request_id)?),
        ]);
        let url = format!("{}/{stream}?api-version={API_VERSION}", self.streams);
        let sent = self.http.send(Method::POST, &url, headers, body).await;
        self.meter.request(&sent);
        sent.map_err(|error| match error {
            TransportError::Unreachable(why) | TransportError::TooSlow(why) => {
                failed(RemoteErrorKind::Unreachable(why))
            }
            TransportError::Untrusted(why) => failed(RemoteErrorKind::Untrusted(why)),
            TransportError::TooLarge { bytes_max } => {
                failed(RemoteErrorKind::NotUnderstood(format!("more than {bytes_max} bytes")))
            }
        })
    }

    fn judge(&self, response: &Response) -> Result<CallAnswer, RemoteError> {
        let Response { status, headers, body } = response;
        if status.is_success() {
            if *status != StatusCode::NO_CONTENT {
                accepted_otherwise(response)?;
                // Documented in two ways; a surprise is told of once, and changes nothing.
                if !self.surprised.swap(true, Ordering::Relaxed) {
                    tracing::info!(
                        status = status.as_u16(),
                        "rows are accepted with a status other than 204"
                    );
                }
            }
            return Ok(CallAnswer::Accepted);
        }
        let request_id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(plain);
        let envelope = Envelope::of(body);
        let code = plain(&envelope.code);
        let is_intercepted = is_intercepted(response);
        let wait = || retry_after(headers, SystemTime::now(), self.retry_after_max);
        let refusal = |code| Refusal {
            status: *status,
            reason: if is_intercepted { intercepted(*status) } else { envelope.reason(*status) },
            is_intercepted,
            request_id: request_id.clone(),
            code,
        };
        let kind = match *status {
            StatusCode::BAD_REQUEST => return Ok(CallAnswer::Malformed(refusal(code))),
            StatusCode::PAYLOAD_TOO_LARGE => return Ok(CallAnswer::TooLarge(refusal(code))),
            // A rule of a firewall that one row meets.
            _ if is_intercepted => return Ok(CallAnswer::Malformed(refusal(code))),
            StatusCode::UNAUTHORIZED => RemoteErrorKind::Unauthorized { code },
            StatusCode::FORBIDDEN => RemoteErrorKind::Forbidden { code },
            StatusCode::NOT_FOUND => RemoteErrorKind::NotFound {
                what: "the endpoint, the data collection rule or the stream".to_owned(),
            },
            StatusCode::TOO_MANY_REQUESTS => RemoteErrorKind::Throttled { retry_after: wait() },
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                RemoteErrorKind::Overloaded { status: status.as_u16(), retry_after: wait() }
            }
            status if status.is_client_error() => RemoteErrorKind::Refused { status: status.as_u16(), code },
            // No redirect is followed: it would carry the token to a host that nobody configured.
            status => RemoteErrorKind::NotUnderstood(format!("status {}", status.as_u16())),
        };
        Err(RemoteError { request_id, ..kind.of(Service::LogsIngestion) })
    }
}

/// Whether a 401 or 403 is that of something in between: what the gateway of Azure answers has an error in it, or its
/// name for the request.
fn is_intercepted(response: &Response) -> bool {
    #[derive(Deserialize)]
    struct Own {
        #[serde(rename = "error")]
        _error: IgnoredAny,
    }
    matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        && !response.headers.contains_key(REQUEST_ID)
        && !asks_for_credentials(response)
        && serde_json::from_slice::<Own>(&response.body).is_err()
}

/// Whether another success than 204 is Azure's. A proxy or a gateway in between may answer with a page of its own, and
/// that is no acknowledgement: what the gateway of Azure answers has its name for the request, and neither a page nor an
/// error in it.
fn accepted_otherwise(response: &Response) -> Result<(), RemoteError> {
    let Response { status, headers, body } = response;
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("none");
    let said: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(body).ok();
    let is_clean = body.trim_ascii().is_empty() || said.is_some_and(|said| !said.contains_key("error"));
    if headers.contains_key(REQUEST_ID) && is_clean && !content_type.contains("html") {
        return Ok(());
    }
    let (status, content_type, bytes) = (status.as_u16(), plain(content_type), body.len());
    let came = format!(
        "status {status}, content type {content_type}, {bytes} bytes: not an acknowledgement from \
                 Azure"
    );
    let request_id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(plain);
    Err(RemoteError { request_id, ..RemoteErrorKind::NotUnderstood(came).of(Service::LogsIngestion) })
}

impl Refusal {
    /// As the failure of any call, with whatever rows.
    pub(super) fn into_error(self) -> RemoteError {
        let status = self.status.as_u16();
        let kind = match self.is_intercepted {
            true => RemoteErrorKind::Intercepted { status },
            false => RemoteErrorKind::Refused { status, code: self.code },
        };
        RemoteError { request_id: self.request_id, ..kind.of(Service::LogsIngestion) }
    }

    /// As the fault of the rule, which takes no record, or of what stands in front of it.
    pub(super) fn fault_of_rule(&self) -> RemoteError {
        let place = "the data collection rule".to_owned();
        let kind = match self.is_intercepted {
            true => RemoteErrorKind::Intercepted { status: self.status.as_u16() },
            false => RemoteErrorKind::PlaceAtFault { place, code: self.code.clone() },
        };
        RemoteError { request_id: self.request_id.clone(), ..kind.of(Service::LogsIngestion) }
    }
}

/// `{"error": {"code": "…", "message": "…"}}`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope {
    code: String,
    message: String,
}

impl Envelope {
    fn of(body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Outer {
            error: Envelope,
        }
        serde_json::from_slice::<Outer>(body).unwrap_or_default().error
    }

    fn reason(&self, status: StatusCode) -> String {
        let message: String = self.message.chars().take(MESSAGE_CHARS_MAX).collect();
        format!("status {}, {}: {message}", status.as_u16(), plain(&self.code))
    }
}
