//! What can go wrong while reading a list, by kind: the pipeline's policy decides what follows from each.

use std::{fmt, time::Duration};

/// A failed request or an answer that cannot be used. Never holds a key, a body or a message of the API (which may quote them).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectError {
    /// What happened.
    pub kind: CollectErrorKind,
    /// `x-request-id` of the answer, which the API's support asks for.
    pub request_id: Option<String>,
}

/// The kinds of failure. A new kind must be given a policy: nothing matches it by default.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectErrorKind {
    /// No answer: connection refused, reset or cut, name not found, TLS failure, timeout.
    #[error("no response: {0}")]
    Unreachable(String),
    /// The certificate that the other side shows is signed by nobody who is trusted.
    #[error("no response: {0}")]
    Untrusted(String),
    /// An answer that came so slowly that the time for a request ended within its body.
    #[error("the response was not complete in time: {0}")]
    TooSlow(String),
    /// The service cannot answer now (408, 409, 5xx, or any status with `x-should-retry: true`).
    #[error("the service is unavailable (status {status})")]
    Overloaded {
        /// HTTP status.
        status: u16,
        /// What the service asked to wait, already bounded.
        retry_after: Option<Duration>,
    },
    /// Too many requests (429 that speaks of a rate).
    #[error("rate limit reached")]
    Throttled {
        /// What the service asked to wait, already bounded.
        retry_after: Option<Duration>,
    },
    /// 429 that speaks of money or a spending limit: waiting does not help.
    #[error("the account has no credit or reached a spending limit ({code})")]
    OutOfMoney {
        /// `error.code` of the answer.
        code: String,
    },
    /// The key is not valid (401).
    #[error("the API key is not valid")]
    Unauthorized,
    /// The key lacks a permission.
    #[error("the API key lacks the permission {scope}")]
    MissingScope {
        /// The scope as the answer names it, or what the list is known to need.
        scope: String,
    },
    /// An admin key where a project key belongs, or the reverse.
    #[error("{0}")]
    WrongKeyClass(WrongKeyClass),
    /// The key is wrapped in something, as a file for a shell or a manifest would have it.
    #[error("{0}")]
    KeyShape(KeyShape),
    /// The key's owner is not a member of the organization or project.
    #[error("the key is not a member of this organization or project")]
    NotAMember,
    /// The organization's IP allow-list does not hold this machine's address.
    #[error("this machine's address is not on the organization's IP allow-list")]
    AddressNotAllowed,
    /// The organization or project lives on another regional host.
    #[error("the base URL is not the host of this organization's region")]
    WrongHost,
    /// The API is not offered where this machine is.
    #[error("the API is not offered in this country, region or territory")]
    UnsupportedCountry,
    /// 405: the address answers, but not to this list.
    #[error("the address does not support listing: GET returns 405")]
    MethodNotAllowed,
    /// The key is known but may not do this (403 without a better name).
    #[error("the request is forbidden")]
    Forbidden,
    /// The path does not exist (404 to a request without cursor).
    #[error("there is no such list at this base URL (404)")]
    NotFound,
    /// The list does not know a parameter that was sent.
    #[error("the parameter {param} is refused (status {status})")]
    ParameterRefused {
        /// HTTP status.
        status: u16,
        /// `error.param`, or the parameter that the message names.
        param: String,
    },
    /// 30x: the address leads elsewhere, where a key must not follow.
    #[error("the address redirects (status {status})")]
    Redirected {
        /// HTTP status.
        status: u16,
    },
    /// 407: a proxy wants to know who asks.
    #[error("the proxy requires a user name and password (status 407)")]
    ProxyAuthentication,
    /// A refusal with a web page: whatever stands in between answers, not the API.
    #[error("something between ccfd and the API refuses the request (status {status}, with a web page)")]
    Intercepted {
        /// HTTP status.
        status: u16,
    },
    /// Any other refusal that repeating does not mend.
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
    /// The body is cut or is no list.
    #[error("{0}")]
    Malformed(crate::page::Malformed),
    /// The body is cut or is no list, however often it is asked for.
    #[error("the response stays unreadable: {0}")]
    Unreadable(crate::page::Malformed),
    /// The body is larger than the limit.
    #[error("the response is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Records outside of the asked window come back again and again: the time filter has no effect.
    #[error("the list ignores the requested time window")]
    WindowIgnored,
    /// `after` of a record that was read a moment ago has no effect.
    #[error("the list ignores its cursor: `after` a record read a moment ago, it starts elsewhere")]
    CursorIgnored,
    /// The list stays unordered, and has no filter by which it could be read without an order.
    #[error("the list is in no order at all")]
    Unordered,
    /// The settings cannot work (a certificate file that is none, a proxy address that is none).
    #[error("{0}")]
    Settings(String),
}

/// Which way round the key and the list do not fit.
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
    /// An error that came before any answer.
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
