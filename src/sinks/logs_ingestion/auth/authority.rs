//! The transport for tokens: our own connections, so that `ca_file`, `proxy` and every limit apply. It also
//! reads the responses, because the library's errors quote them.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, headers::Headers};
use collectors::{Http, Response, TransportError, retry_after};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    sinks::remote::{RemoteError, RemoteErrorKind, Service, plain},
    units::size,
};

/// The authority, for one token.
pub(super) struct Authority {
    http: Arc<Http>,
    retry_after_max: Duration,
    last: Mutex<Option<Result<Response, TransportError>>>,
}

impl Authority {
    /// Reached by these connections.
    pub(super) fn new(http: Arc<Http>, retry_after_max: Duration) -> Self {
        Self { http, retry_after_max, last: Mutex::default() }
    }

    /// How many seconds the last token lives, by the issuer's own statement and clock.
    pub(super) fn lifetime(&self) -> Option<i64> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Ok(response)) = last.as_ref() else { return None };
        let life: Life = serde_json::from_slice(&response.body).ok()?;
        if let Some(seconds) = whole(&life.expires_in) {
            return Some(seconds);
        }
        let date = response.headers.get(header::DATE).and_then(|value| value.to_str().ok());
        let date = httpdate::parse_http_date(date?).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(whole(&life.expires_on)? - i64::try_from(date.as_secs()).ok()?)
    }

    /// Why there is no token.
    pub(super) fn explain(&self) -> RemoteError {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        let response = match last {
            // Neither a request nor a response was seen: the library does not accept the settings.
            None => return entra(RemoteErrorKind::Settings("`auth` cannot be used as it is".to_owned())),
            Some(Err(
                TransportError::Unreachable(why)
                | TransportError::Unanswered(why)
                | TransportError::TooSlow(why),
            )) => {
                return entra(RemoteErrorKind::Unreachable(why));
            }
            Some(Err(TransportError::Untrusted(why))) => return entra(RemoteErrorKind::Untrusted(why)),
            Some(Err(TransportError::TooLarge { bytes_max, .. })) => {
                return entra(RemoteErrorKind::NotUnderstood(format!(
                    "larger than {}",
                    size(bytes_max as u64)
                )));
            }
            Some(Ok(response)) => response,
        };
        let said: Said = serde_json::from_slice(&response.body).unwrap_or_default();
        let request_id = said.correlation_id.as_deref().map(plain);
        RemoteError { request_id, ..entra(self.kind(&response, &said)) }
    }

    /// Why there is no token after this long.
    pub(super) fn explain_silence(&self, waited: Duration) -> RemoteError {
        let is_answered = self.last.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let silence = format!("no token within {}s", waited.as_secs());
        if is_answered { self.explain() } else { entra(RemoteErrorKind::Unreachable(silence)) }
    }

    fn kind(&self, response: &Response, said: &Said) -> RemoteErrorKind {
        let (status, code) = (response.status, said.code());
        let wait = || retry_after(&response.headers, SystemTime::now(), self.retry_after_max);
        match status {
            StatusCode::UNAUTHORIZED => RemoteErrorKind::Unauthorized { code },
            StatusCode::FORBIDDEN => RemoteErrorKind::Forbidden { code },
            StatusCode::NOT_FOUND | StatusCode::GONE => nowhere(),
            // Entra ID numbers its refusals. A machine's own issuer says this about an identity that it does
            // not have.
            StatusCode::BAD_REQUEST if said.error_codes.is_empty() => nowhere(),
            StatusCode::TOO_MANY_REQUESTS => RemoteErrorKind::Throttled { retry_after: wait() },
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                RemoteErrorKind::Overloaded { status: status.as_u16(), retry_after: wait() }
            }
            status if status.is_client_error() => RemoteErrorKind::Refused { status: status.as_u16(), code },
            status => RemoteErrorKind::NotUnderstood(format!("status {} without a token", status.as_u16())),
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Authority {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let failed =
            |why: &'static str| azure_core::Error::with_message(azure_core::error::ErrorKind::Io, why);
        let method = Method::from_bytes(request.method().as_ref().as_bytes())
            .map_err(|_| failed("an invalid method"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers().iter() {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| failed("an invalid header"))?;
            let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| failed("an invalid header"))?;
            // On App Service an identity's own secret is in a header.
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let Body::Bytes(body) = request.body() else {
            return Err(failed("a stream for a body"));
        };
        let answer = self.http.send(method, request.url().as_str(), headers, body.clone()).await;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
        let Response { status, headers, body } = answer.map_err(|_| failed("no response"))?;
        let mut said = Headers::new();
        for (name, value) in &headers {
            if let Ok(value) = value.to_str() {
                said.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        Ok(AsyncRawResponse::from_bytes(status.as_u16().into(), said, body))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Authority")
    }
}

/// What may be passed on of a response: its numbers. Its description may quote names and addresses.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    error: Option<String>,
    error_codes: Vec<u64>,
    correlation_id: Option<String>,
}

/// When the token expires, as the issuer says. Some write numbers as texts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Life {
    expires_in: Value,
    expires_on: Value,
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

impl Said {
    fn code(&self) -> String {
        let codes: Vec<_> = self.error_codes.iter().map(|code| format!("AADSTS{code}")).collect();
        if codes.is_empty() { plain(self.error.as_deref().unwrap_or_default()) } else { codes.join("/") }
    }
}

fn nowhere() -> RemoteErrorKind {
    RemoteErrorKind::NotFound { what: "the tenant or the identity".to_owned() }
}

fn entra(kind: RemoteErrorKind) -> RemoteError {
    kind.of(Service::Entra)
}
