//! What can go wrong with a service on another machine, in the same words for all of them.

use std::{fmt, time::Duration};

use crate::config::NoSecret;

/// A request that a service did not carry out. Texts hold no record, no key and no URL with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service}: {kind}{}", shown(.request_id.as_deref()))]
pub struct RemoteError {
    /// Who was asked.
    pub service: Service,
    /// What went wrong.
    pub kind: RemoteErrorKind,
    /// The service's name for the request, for its support.
    pub request_id: Option<String>,
}

/// The services that sinks speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Azure Monitor's Logs Ingestion API.
    LogsIngestion,
    /// The query API of Log Analytics, which reads back what came through the Logs Ingestion API.
    LogAnalytics,
    /// The issuer of the tokens for it: Entra ID, a managed identity endpoint, the Azure CLI.
    Entra,
    /// Elasticsearch or OpenSearch.
    Elasticsearch,
    /// Kibana's connectors.
    Kibana,
    /// Kibana's cases.
    KibanaCases,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteErrorKind {
    /// No complete response came; what was sent may have been carried out.
    #[error("no response: {0}")]
    Unreachable(String),
    /// No trusted authority has signed the service's certificate; nothing was sent.
    #[error("no response: {0}")]
    Untrusted(String),
    /// The service asks to send less.
    #[error("throttled")]
    Throttled {
        /// How long it asks to wait, already bounded.
        retry_after: Option<Duration>,
    },
    /// The service is not well.
    #[error("status {status}")]
    Overloaded {
        /// The HTTP status.
        status: u16,
        /// How long it asks to wait, already bounded.
        retry_after: Option<Duration>,
    },
    /// The service has no disk space left.
    #[error("its disk is full: {code}")]
    StorageFull {
        /// The service's word for it.
        code: String,
    },
    /// The credentials are wrong or have expired.
    #[error("not authenticated (status 401, {code})")]
    Unauthorized {
        /// The service's word for it.
        code: String,
    },
    /// The credentials are known and lack a permission.
    #[error("not allowed (status 403, {code})")]
    Forbidden {
        /// The service's word for it.
        code: String,
    },
    /// The access policies of AWS refuse the request before the service sees it.
    #[error("refused by an access policy of AWS (status {status})")]
    PolicyDenied {
        /// The HTTP status.
        status: u16,
    },
    /// What the settings name is not there.
    #[error("{what} not found")]
    NotFound {
        /// What was not found, as the settings call it.
        what: String,
    },
    /// The place refuses every row: it is at fault, not the rows.
    #[error("{place} accepts no rows: {code}")]
    PlaceAtFault {
        /// The place: an index, a connector.
        place: String,
        /// The service's word for the fault.
        code: String,
    },
    /// The service accepted the request, and the system behind it did not carry it out, for a reason that
    /// passes.
    #[error("its run failed: {code}")]
    RunFailed {
        /// A word for the reason.
        code: String,
    },
    /// The request as such is refused.
    #[error("refused (status {status}, {code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The service's word for it.
        code: String,
    },
    /// The request is refused, and not in the service's own form: a proxy or gateway has responded.
    #[error("refused (status {status}) by something between ccfd and the service")]
    Intercepted {
        /// The HTTP status.
        status: u16,
    },
    /// The response is not one of this service.
    #[error("unreadable response: {0}")]
    NotUnderstood(String),
    /// The responses to several writes are not of this service: each write may have been carried out.
    #[error("the responses to {writes} writes in a row are unreadable")]
    Unconfirmed {
        /// So many in a row.
        writes: u32,
    },
    /// The credentials cannot be read on this machine.
    #[error("{0}")]
    Secret(NoSecret),
    /// A setting cannot be used.
    #[error("{0}")]
    Settings(String),
}

impl RemoteErrorKind {
    /// The error of a service, without the id of a request.
    pub fn of(self, service: Service) -> RemoteError {
        RemoteError { service, kind: self, request_id: None }
    }

    /// Whether a smaller request might be accepted.
    pub fn may_be_the_size(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Throttled { .. }
            | Self::Overloaded { .. }
            | Self::RunFailed { .. }
            | Self::NotUnderstood(_)
            | Self::Unconfirmed { .. } => true,
            Self::Untrusted(_)
            | Self::StorageFull { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::PolicyDenied { .. }
            | Self::NotFound { .. }
            | Self::PlaceAtFault { .. }
            | Self::Refused { .. }
            | Self::Intercepted { .. }
            | Self::Secret(_)
            | Self::Settings(_) => false,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::LogsIngestion => "Logs Ingestion API",
            Self::LogAnalytics => "Log Analytics",
            Self::Entra => "Entra ID",
            Self::Elasticsearch => "Elasticsearch",
            Self::Kibana | Self::KibanaCases => "Kibana",
        })
    }
}

fn shown(request_id: Option<&str>) -> String {
    request_id.map(|id| format!(" (request {id})")).unwrap_or_default()
}

/// A word of a response that is safe in a log, whatever the service sent.
pub fn plain(text: &str) -> String {
    let word: String =
        text.chars().filter(|c| c.is_ascii_alphanumeric() || "_-./:".contains(*c)).take(80).collect();
    if word.is_empty() { "no code".to_owned() } else { word }
}
