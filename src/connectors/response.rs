//! What follows from a response, or from the lack of one, for the types that use HTTP.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::StatusCode;

use super::{
    outgoing::{OutgoingBody, OutgoingError, OutgoingResponse},
    run::Retry,
};

/// The longest wait that a receiver may ask for: after a longer one, ask again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

impl OutgoingResponse {
    /// Whether another attempt may help, if this response is a failure.
    pub(super) fn retry(&self, now: DateTime<Utc>) -> Retry {
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let wait = collectors::retry_after(&self.headers, SystemTime::from(now), RETRY_AFTER_MAX);
            return wait.map_or(Retry::Yes, Retry::After);
        }
        if self.status.is_server_error() { Retry::Yes } else { Retry::No }
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
