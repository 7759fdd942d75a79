//! Requests and replies without HTTP.

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde_json::json;

/// A request as the simulator needs it.
#[derive(Clone, Default)]
pub struct Request {
    /// Upper case, as `GET`.
    pub method: String,
    /// From the root, as `/v1/chat/completions`.
    pub path: String,
    /// Without the question mark, encoded as on the wire; empty when there is none.
    pub query: String,
    /// What follows `Bearer ` in `Authorization`; below Azure's paths, what is in `api-key`.
    pub bearer: Option<String>,
    /// Empty except for `POST`.
    pub body: Bytes,
}

impl Request {
    /// A `GET` of a path with an optional query, with this key.
    pub fn get(target: &str, key: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            bearer: Some(key.to_owned()),
            body: Bytes::new(),
        }
    }

    /// Path and query as one text.
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }
}

/// Never shows the key, nor the filters, which may name people.
impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Request({} {})", self.method, self.path)
    }
}

/// The answer to a request.
#[derive(Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Names are lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The whole body, also where `cut` says that not all of it arrives.
    pub body: Bytes,
    /// Close the connection after this many bytes of the body; 0 means without any answer.
    pub cut: Option<usize>,
    /// Time to let pass before the reply is sent.
    pub latency: Duration,
    /// Of a stream of events: time to let pass between two of them.
    pub pace: Option<Duration>,
}

impl Reply {
    pub(super) fn json(status: u16, body: Bytes) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body, cut: None, latency: Duration::ZERO, pace: None }
    }

    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Shows the size of the body, not the records in it.
impl fmt::Debug for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reply({}, {} bytes, cut {:?})", self.status, self.body.len(), self.cut)
    }
}

/// What Azure's paths begin with.
pub(super) const AZURE_BEGIN: &str = "/openai/deployments/";

/// What a path leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SimulatedEndpoint {
    /// `/v1/organization/audit_logs`
    AuditLogs,
    /// `/v1/chat/completions`
    Completions,
    /// `/v1/chat/completions/{id}`
    Completion,
    /// `/v1/chat/completions/{id}/messages`
    Messages,
    /// `/openai/deployments/{deployment}/chat/completions`
    AzureChat,
    /// Any other path.
    Other,
}

impl SimulatedEndpoint {
    /// The endpoint of a path, and the id in it.
    pub(super) fn of(path: &str) -> (Self, &str) {
        if let Some(rest) = path.strip_prefix(AZURE_BEGIN) {
            return match rest.split_once('/') {
                Some((deployment, "chat/completions")) if !deployment.is_empty() => {
                    (Self::AzureChat, deployment)
                }
                Some(_) | None => (Self::Other, ""),
            };
        }
        let Some(path) = path.strip_prefix("/v1/") else {
            return (Self::Other, "");
        };
        match path {
            "organization/audit_logs" => return (Self::AuditLogs, ""),
            "chat/completions" => return (Self::Completions, ""),
            _ => {}
        }
        let Some(rest) = path.strip_prefix("chat/completions/") else {
            return (Self::Other, "");
        };
        match rest.split_once('/') {
            None if !rest.is_empty() => (Self::Completion, rest),
            Some((id, "messages")) if !id.is_empty() => (Self::Messages, id),
            None | Some(_) => (Self::Other, ""),
        }
    }
}

/// An answer that is an error, in the API's own envelope.
#[derive(Debug)]
pub(super) struct SimulatedRefusal {
    pub status: u16,
    pub message: String,
    pub kind: &'static str,
    pub param: Option<String>,
    pub code: Option<&'static str>,
}

impl SimulatedRefusal {
    pub fn new(status: u16, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), kind: "invalid_request_error", param: None, code }
    }

    /// A 401 of a key that may not do this.
    pub fn missing_scope(scope: &str) -> Self {
        let message =
            format!("You have insufficient permissions for this operation. Missing scopes: {scope}.");
        Self::new(401, Some("missing_scope"), message)
    }

    /// A 400 about one parameter.
    pub fn parameter(name: &str, message: impl Into<String>) -> Self {
        Self { param: Some(name.to_owned()), ..Self::new(400, None, message) }
    }

    /// A 400 that does not say why.
    pub fn unspecific() -> Self {
        Self::new(400, None, "Bad request.")
    }

    pub fn reply(&self) -> Reply {
        Reply::json(self.status, Bytes::from(self.body().to_string()))
    }

    /// The envelope alone.
    pub fn body(&self) -> serde_json::Value {
        let error = json!({
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        });
        json!({ "error": error })
    }
}
