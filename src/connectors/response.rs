//! What follows from a response, or from the lack of one, for the types that use HTTP.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::{HeaderMap, StatusCode};

use super::{
    outgoing::{OutgoingBody, OutgoingError, OutgoingResponse},
    run::Retry,
};

/// The longest wait that a receiver may ask for: after a longer one, ask again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

impl OutgoingResponse {
    /// Whether another attempt may help, if this response is a failure.
    pub(super) fn retry(&self, now: DateTime<Utc>) -> Retry {
        retry_of(self.status, &self.headers, now)
    }

    /// The status in words, such as `Not Found`.
    pub(super) fn reason(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Unknown")
    }

    /// The body of a request that was not streamed.
    pub(super) fn whole_body(self) -> Bytes {
        match self.body {
            OutgoingBody::Whole(bytes) => bytes,
            OutgoingBody::Streamed(_) => Bytes::new(),
        }
    }
}

/// Whether another attempt may help after a failure with this status, and when the receiver says so.
pub(super) fn retry_of(status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) -> Retry {
    let passes =
        matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
            || status.is_server_error();
    if !passes {
        return Retry::No;
    }
    let asked = collectors::retry_after(headers, SystemTime::from(now), RETRY_AFTER_MAX);
    asked.map_or(Retry::Yes, Retry::After)
}

impl OutgoingError {
    /// Whether another attempt may help.
    pub(super) fn retry(&self) -> Retry {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) | Self::Cut(_) => Retry::Yes,
            Self::NotAllowed(_) | Self::Untrusted(_) | Self::TooLarge(_) => Retry::No,
        }
    }
}

/// A time as Kibana writes it.
pub(super) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// When to try again.
pub(super) fn retry_at(now: DateTime<Utc>, wait: Duration) -> String {
    iso(now + TimeDelta::from_std(wait).unwrap_or_default())
}
