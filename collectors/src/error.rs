//! What can fail while a list is read, by kind. The pipeline's policy decides what follows from each kind.

use std::{fmt, time::Duration};

/// A failed request or an unusable answer. Never contains a key, a body or a message of the API (which may
/// quote them).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectError {
    /// What failed.
    pub kind: CollectErrorKind,
    /// `x-request-id` of the answer, which OpenAI's support asks for.
    pub request_id: Option<String>,
}

/// The kinds of failure. Each needs a policy: nothing matches a kind by default.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectErrorKind {
    /// No connection: refused, unknown host name, TLS failure, timeout.
    #[error("no response: {0}")]
    Unreachable(String),
    /// A connection, but no complete answer: reset, cut, or no byte of it before the timeout.
    #[error("no response: {0}")]
    Unanswered(String),
    /// No trusted authority signed the server's certificate.
    #[error("no response: {0}")]
    Untrusted(String),
    /// The request's timeout ended while the body was still arriving.
    #[error("the response was not complete in time: {0}")]
    TooSlow(String),
    /// The service cannot answer now (408, 409, 5xx, or any status with `x-should-retry: true`).
    #[error("the service is unavailable (status {status})")]
    Overloaded {
        /// HTTP status.
        status: u16,
        /// The delay that the service asked for, already limited.
        retry_after: Option<Duration>,
    },
    /// Too many requests (429 about a rate).
    #[error("rate limit reached")]
    Throttled {
        /// The delay that the service asked for, already limited.
        retry_after: Option<Duration>,
    },
    /// 429 about money or a spending limit: waiting does not help.
    #[error("the account has no credit or reached a spending limit ({code})")]
    OutOfMoney {
        /// `error.code` of the answer.
        code: String,
    },
    /// The key is invalid (401).
    #[error("the API key is not valid")]
    Unauthorized,
    /// The key lacks a scope.
    #[error("the API key lacks the permission {scope}")]
    MissingScope {
        /// The scope named by the answer, or else the one that the list is known to need.
        scope: String,
    },
    /// An admin key where a project key is needed, or the reverse.
    #[error("{0}")]
    WrongKeyClass(WrongKeyClass),
    /// The key is wrapped in something, such as an assignment or quotes from a shell or manifest file.
    #[error("{0}")]
    KeyShape(KeyShape),
    /// The key's owner is not a member of the organization or project.
    #[error("the key is not a member of this organization or project")]
    NotAMember,
    /// The organization's IP allowlist does not contain this machine's address.
    #[error("this machine's address is not on the organization's IP allow-list")]
    AddressNotAllowed,
    /// The organization or project is on another regional host.
    #[error("the base URL is not the host of this organization's region")]
    WrongHost,
    /// The API is not available where this machine is.
    #[error("the API is not offered in this country, region or territory")]
    UnsupportedCountry,
    /// 405: the host exists, but does not serve this list.
    #[error("the address does not support listing: GET returns 405")]
    MethodNotAllowed,
    /// The key is valid but not allowed to do this (403 without a more specific code).
    #[error("the request is forbidden")]
    Forbidden,
    /// The path does not exist (404 to a request without a cursor).
    #[error("there is no such list at this base URL (404)")]
    NotFound,
    /// The list does not know one of the parameters.
    #[error("the parameter {param} is refused (status {status})")]
    ParameterRefused {
        /// HTTP status.
        status: u16,
        /// `error.param`, or the parameter that the message names.
        param: String,
    },
    /// 3xx: a redirect, which must not be followed with a key.
    #[error("the address redirects (status {status})")]
    Redirected {
        /// HTTP status.
        status: u16,
    },
    /// 407: a proxy requires authentication.
    #[error("the proxy requires a user name and password (status 407)")]
    ProxyAuthentication,
    /// A refusal with a web page: it comes from an intermediary, not from the API.
    #[error("something between ccfd and the API refuses the request (status {status}, with a web page)")]
    Intercepted {
        /// HTTP status.
        status: u16,
    },
    /// Any other refusal that a retry does not fix.
    #[error("refused with status {status} ({code})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// `error.code` or `error.type` of the answer.
        code: String,
    },
    /// The record that a cursor names is gone.
    #[error("the record that the cursor names is gone")]
    CursorExpired,
    /// The body is truncated or is not a list.
    #[error("{0}")]
    Malformed(crate::page::Malformed),
    /// The body is truncated or is not a list, in every one of several answers.
    #[error("the response stays unreadable: {0}")]
    Unreadable(crate::page::Malformed),
    /// The page of another request keeps coming.
    #[error("the same page came again for another request")]
    RepeatedPage,
    /// An answer that cannot be right keeps coming.
    #[error("the response cannot be right: {0}")]
    Implausible(&'static str),
    /// The body exceeds the limit.
    #[error("the response is larger than {}", size(*bytes_max))]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Records outside the requested window keep coming: the time filter has no effect.
    #[error("the list ignores the requested time window")]
    WindowIgnored,
    /// `after` with a record that was just read has no effect.
    #[error("the list ignores its cursor: `after` a record read a moment ago, it starts elsewhere")]
    CursorIgnored,
    /// The list stays unordered, and has no filter with which it could be read without an order.
    #[error("the list is in no order at all")]
    Unordered,
    /// Settings that cannot work (an invalid certificate file or proxy address).
    #[error("{0}")]
    Settings(String),
}

/// In which way the key's class and the list do not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongKeyClass {
    /// `audit_logs` with a project or service-account key.
    #[error("audit_logs needs an admin key (sk-admin-…), and this is a project key")]
    ProjectForAdmin,
    /// `chat_completions` with an admin key.
    #[error("chat_completions needs a project key, and this is an admin key (sk-admin-…)")]
    AdminForProject,
}

/// What a key is wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyShape {
    /// `"sk-…"`
    #[error("the API key is in quotes, which are not part of a key")]
    Quoted,
    /// `OPENAI_API_KEY=sk-…`
    #[error("the API key is written as NAME=key, as in a shell file")]
    Assignment,
    /// The key in base64.
    #[error("the API key is base64-encoded, as in a Kubernetes Secret")]
    Encoded,
}

impl CollectError {
    /// An error without an answer.
    pub fn new(kind: CollectErrorKind) -> Self {
        Self { kind, request_id: None }
    }
}

impl From<CollectErrorKind> for CollectError {
    fn from(kind: CollectErrorKind) -> Self {
        Self::new(kind)
    }
}

impl From<crate::page::Malformed> for CollectError {
    fn from(malformed: crate::page::Malformed) -> Self {
        Self::new(CollectErrorKind::Malformed(malformed))
    }
}

impl fmt::Display for CollectError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.kind)?;
        match &self.request_id {
            Some(id) => write!(out, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CollectError {}

/// Limits are set in MiB; any other number is printed to the byte, so that it is the one in the settings.
fn size(bytes: usize) -> String {
    const MIB: usize = 1 << 20;
    if bytes >= MIB && bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_body_is_in_the_unit_of_its_setting() {
        let text = |bytes_max| CollectErrorKind::TooLarge { bytes_max }.to_string();
        assert_eq!(text(64 << 20), "the response is larger than 64 MiB");
        assert_eq!(text(1_000), "the response is larger than 1000 bytes");
    }
}
