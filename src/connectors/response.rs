//! What follows from a response, or from the lack of one, for the types that use HTTP.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::{HeaderMap, StatusCode, header};
use url::Url;

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

    /// The status in words, such as `Not Found`; of a redirect that was not followed, with where it leads.
    pub(super) fn reason(&self) -> Cow<'static, str> {
        let words = self.status.canonical_reason().unwrap_or("Unknown");
        match redirected(self.status, &self.headers) {
            Some(to) => format!("{words}: {to}").into(),
            None => words.into(),
        }
    }

    /// The body of a request that was not streamed.
    pub(super) fn whole_body(self) -> Bytes {
        match self.body {
            OutgoingBody::Whole(bytes) => bytes,
            OutgoingBody::Streamed(_) => Bytes::new(),
        }
    }
}

/// Where a redirect leads that was not followed: the host alone, because the rest may be a secret.
pub(super) fn redirected(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let location = headers.get(header::LOCATION).filter(|_| status.is_redirection())?.to_str().ok()?;
    // A location that begins with `//` has a host, too.
    let absolute = if location.starts_with("//") { format!("https:{location}") } else { location.to_owned() };
    let url = Url::parse(&absolute).ok();
    let to = match url.as_ref().and_then(Url::host_str) {
        Some(host) => format!("it redirects to {host}"),
        None => "it redirects on the same host".to_owned(),
    };
    Some(format!("{to}; give the address to which it leads"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_redirect_the_host_is_named_and_nothing_else_of_its_address() {
        let said = |status, to: &str| {
            let headers = HeaderMap::from_iter([(header::LOCATION, to.parse().unwrap())]);
            redirected(status, &headers).map(|text| text.replace("; give the address to which it leads", ""))
        };
        let elsewhere = Some("it redirects to new.example".to_owned());
        assert_eq!(said(StatusCode::FOUND, "https://user@new.example/a/secret"), elsewhere);
        assert_eq!(said(StatusCode::FOUND, "//new.example/a"), elsewhere);
        assert_eq!(said(StatusCode::FOUND, "/a"), Some("it redirects on the same host".to_owned()));
        assert_eq!(said(StatusCode::OK, "/a"), None);
    }
}
