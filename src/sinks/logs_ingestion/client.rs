//! One call, and the raw answer.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use collectors::{Http, Response, TransportError};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::ExposeSecret;

use super::{
    auth::{Token, Tokens},
    classify::{CallAnswer, is_intercepted, judge},
    encode::{broken, nothing},
};
use crate::{
    sinks::{
        SinkError,
        counters::SinkCounter,
        remote::{RemoteError, RemoteErrorKind, Service},
        request_size::RequestSize,
        sink_thread::SinkThread,
    },
    units::size,
};

const API_VERSION: &str = "2023-01-01";
/// The gateway's name for a request, and ours.
pub(super) const REQUEST_ID: &str = "x-ms-request-id";
const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";

/// The endpoint with one data collection rule.
pub(super) struct LogsIngestionConnection {
    /// Its connections.
    pub http: Arc<Http>,
    /// The first part of each stream's path.
    pub streams: String,
    /// Where tokens come from.
    pub tokens: Arc<Tokens>,
    /// Where requests are counted.
    pub meter: Arc<SinkCounter>,
    /// How much one call may carry.
    pub size: RequestSize,
    /// The longest wait that a response may ask for.
    pub retry_after_max: Duration,
    /// The thread that compresses rows, one call after the other: that is much faster than the calls are
    /// answered.
    pub encoding: SinkThread,
    /// Whether a success other than 204 was logged.
    pub surprised: AtomicBool,
}

impl LogsIngestionConnection {
    /// Sends one compressed array to a stream. A refused token is replaced, once.
    pub(super) async fn post(&self, stream: &str, body: Bytes) -> Result<CallAnswer, RemoteError> {
        let token = self.tokens.get().await?;
        let response = self.send(stream, &token, body.clone()).await?;
        if response.status != StatusCode::UNAUTHORIZED || is_intercepted(&response) {
            return judge(self, &response);
        }
        tracing::debug!(stream, "the token is refused: requesting another");
        let token = self.tokens.renew(&token).await?;
        judge(self, &self.send(stream, &token, body).await?)
    }

    /// Checks whether a write would be accepted, by one without a row.
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
            TransportError::Unreachable(why)
            | TransportError::Unanswered(why)
            | TransportError::TooSlow(why) => failed(RemoteErrorKind::Unreachable(why)),
            TransportError::Untrusted(why) => failed(RemoteErrorKind::Untrusted(why)),
            TransportError::TooLarge { bytes_max, .. } => {
                failed(RemoteErrorKind::NotUnderstood(format!("larger than {}", size(bytes_max as u64))))
            }
        })
    }
}
