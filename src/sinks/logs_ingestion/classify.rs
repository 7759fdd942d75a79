//! What the answer to a call means.

use std::{sync::atomic::Ordering, time::SystemTime};

use collectors::{Response, retry_after};
use http::{StatusCode, header};
use serde::{Deserialize, de::IgnoredAny};

use super::client::{LogsIngestionConnection, REQUEST_ID};
use crate::sinks::{
    http::{asks_for_credentials, intercepted},
    remote::{RemoteError, RemoteErrorKind, Service, plain},
};

/// How many characters of a response's own text the rejects keep.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// The outcome of a call.
#[derive(Debug)]
pub(super) enum CallAnswer {
    /// All of it is accepted.
    Accepted,
    /// It is too large; a smaller one may be accepted.
    TooLarge(GatewayRefusal),
    /// Something in it is wrong; without that it may be accepted.
    Malformed(GatewayRefusal),
}

/// The gateway's own words.
#[derive(Debug)]
pub(super) struct GatewayRefusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The word for what is wrong.
    pub code: String,
    /// With the message, which may quote content: for the rejects only.
    pub reason: String,
    /// The gateway's name for the request.
    pub request_id: Option<String>,
    /// Whether it is not Azure's own gateway that refuses, but something in between.
    pub is_intercepted: bool,
}

/// Judges the answer to a call.
pub(super) fn judge(api: &LogsIngestionConnection, response: &Response) -> Result<CallAnswer, RemoteError> {
    let Response { status, headers, body } = response;
    if status.is_success() {
        if *status != StatusCode::NO_CONTENT {
            accepted_otherwise(response)?;
            // The documentation gives two statuses; another one is logged once, and changes nothing.
            if !api.surprised.swap(true, Ordering::Relaxed) {
                tracing::info!(status = status.as_u16(), "rows are accepted with a status other than 204");
            }
        }
        return Ok(CallAnswer::Accepted);
    }
    let request_id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(plain);
    let envelope = GatewayError::of(body);
    let code = plain(&envelope.code);
    let is_intercepted = is_intercepted(response);
    let wait = || retry_after(headers, SystemTime::now(), api.retry_after_max);
    let refusal = |code| GatewayRefusal {
        status: *status,
        reason: if is_intercepted { intercepted(*status) } else { envelope.reason(*status) },
        is_intercepted,
        request_id: request_id.clone(),
        code,
    };
    let kind = match *status {
        StatusCode::BAD_REQUEST => return Ok(CallAnswer::Malformed(refusal(code))),
        StatusCode::PAYLOAD_TOO_LARGE => return Ok(CallAnswer::TooLarge(refusal(code))),
        // A firewall rule that one row matches.
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
        // No redirect is followed: it would send the token to a host that nobody configured.
        status => RemoteErrorKind::NotUnderstood(format!("status {}", status.as_u16())),
    };
    Err(RemoteError { request_id, ..kind.of(Service::LogsIngestion) })
}

/// Whether a 401 or 403, or any 407, comes from a proxy in between: a response of Azure's gateway has an
/// error in it, or its name for the request.
pub(super) fn is_intercepted(response: &Response) -> bool {
    #[derive(Deserialize)]
    struct Own {
        #[serde(rename = "error")]
        _error: IgnoredAny,
    }
    if response.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return true;
    }
    matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        && !response.headers.contains_key(REQUEST_ID)
        && !asks_for_credentials(response)
        && serde_json::from_slice::<Own>(&response.body).is_err()
}

/// Whether a success other than 204 is Azure's. A proxy in between may respond with a page of its own, which
/// is no acknowledgement: a response of Azure's gateway has its name for the request, and neither a page nor
/// an error in it.
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
        "status {status}, content type {content_type}, {bytes} bytes: not an acknowledgement from Azure"
    );
    let request_id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(plain);
    Err(RemoteError { request_id, ..RemoteErrorKind::NotUnderstood(came).of(Service::LogsIngestion) })
}

impl GatewayRefusal {
    /// As the failure of a call, whatever its rows.
    pub(super) fn into_error(self) -> RemoteError {
        let status = self.status.as_u16();
        let kind = match self.is_intercepted {
            true => RemoteErrorKind::Intercepted { status },
            false => RemoteErrorKind::Refused { status, code: self.code },
        };
        RemoteError { request_id: self.request_id, ..kind.of(Service::LogsIngestion) }
    }

    /// As a failure of the rule, which accepts no record, or of what is in front of it.
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
struct GatewayError {
    code: String,
    message: String,
}

impl GatewayError {
    fn of(body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Outer {
            error: GatewayError,
        }
        serde_json::from_slice::<Outer>(body).unwrap_or_default().error
    }

    fn reason(&self, status: StatusCode) -> String {
        let message: String = self.message.chars().take(MESSAGE_CHARS_MAX).collect();
        format!("status {}, {}: {message}", status.as_u16(), plain(&self.code))
    }
}
