//! One run of a connector.

use std::{fmt, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::stream::BoxStream;
use serde_json::{Map, Value};

use super::{
    connector::{Connector, ConnectorSecrets},
    index::IndexTarget,
    outgoing::Outgoing,
    progress::RunProgress,
};

/// Who runs a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody with the token of the admin interface, or at this machine's command line.
    Operator(String),
    /// An API key, by its name.
    ApiKey(String),
    /// An action of an alert, by the name of the rule.
    Rule(String),
}

/// What a run has to work with.
pub struct RunContext<'a> {
    /// The connector.
    pub connector: &'a Connector,
    /// Its secrets.
    pub secrets: &'a ConnectorSecrets,
    /// The parameters, checked by the type.
    pub params: &'a Map<String, Value>,
    /// The space in which it runs.
    pub space: &'a str,
    /// Who runs it.
    pub caller: &'a Caller,
    /// The same for each attempt of one run: receivers that know it do the work once.
    pub idempotency_key: Option<&'a str>,
    /// What attempts of it have done.
    pub progress: &'a RunProgress,
    /// The time.
    pub now: DateTime<Utc>,
    /// Requests to other systems.
    pub outgoing: &'a Outgoing,
    /// Where `.index` writes.
    pub index: &'a dyn IndexTarget,
}

/// Tokens that a run of a model used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// The model, as the response names it.
    pub model: Option<String>,
    /// Of the prompt; unknown is not zero.
    pub prompt: Option<u64>,
    /// Of the completion.
    pub completion: Option<u64>,
    /// Of both.
    pub total: Option<u64>,
}

/// What a run that succeeded returns.
pub enum RunOutput {
    /// Nothing.
    Nothing,
    /// Data.
    Data {
        /// The data.
        data: Value,
        /// Tokens, of a run of a model.
        usage: Option<TokenUsage>,
    },
    /// Bytes that are passed on as they come, chunk by chunk.
    Stream {
        /// The type of the content.
        content_type: String,
        /// The chunks.
        bytes: BoxStream<'static, std::io::Result<Bytes>>,
        /// How the stream ended, once it has. What records the run takes it.
        end: Option<tokio::sync::oneshot::Receiver<StreamEnd>>,
    },
}

/// What is known of a stream after its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// Tokens, as far as the stream named them.
    pub usage: TokenUsage,
    /// How it ended.
    pub ending: StreamEnding,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnding {
    /// All of it was passed on.
    Complete,
    /// The other system reported an error in it.
    Failed,
    /// The other system ended it early.
    Cut,
    /// The reader went away.
    ReaderLeft,
}

impl RunOutput {
    /// Data of a run that used no model.
    pub fn data(data: Value) -> Self {
        Self::Data { data, usage: None }
    }
}

impl fmt::Debug for RunOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the data: it may be an answer of a model.
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Data { .. } => "Data",
            Self::Stream { .. } => "Stream",
        })
    }
}

/// Whether another attempt may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request fails again.
    No,
    /// Later.
    Yes,
    /// Later, for what is left: the receiver works, and has done a part.
    Rest,
    /// After the time that the receiver named.
    After(Duration),
}

/// Whose mistake a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorSource {
    /// Settings, parameters or the other system.
    User,
    /// ccfd.
    Framework,
}

/// Why a run failed. Texts name no secret and none of the content that was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .service_message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
pub struct RunFailure {
    /// What failed.
    pub message: String,
    /// What the other system said.
    pub service_message: Option<String>,
    /// Whether another attempt may help.
    pub retry: Retry,
    /// Whose mistake it is.
    pub source_of: ErrorSource,
    /// When to try again, if the receiver named a time. The registry fills it in, from the time that texts count from.
    pub retry_at: Option<DateTime<Utc>>,
    /// Whether what the run was to change is not there any more.
    pub is_gone: bool,
}

/// What Kibana says when a type fails in a way that it did not expect.
pub const UNEXPECTED: &str = "an error occurred while running the action";

impl RunFailure {
    /// A failure that the type expected and describes itself.
    pub fn returned(message: impl Into<String>, service_message: Option<String>, retry: Retry) -> Self {
        Self {
            message: message.into(),
            service_message,
            retry,
            source_of: ErrorSource::User,
            retry_at: None,
            is_gone: false,
        }
    }

    /// A failure that Kibana's types throw: only the service's message says what it is.
    pub fn thrown(service_message: impl Into<String>, source_of: ErrorSource) -> Self {
        let service_message = Some(service_message.into());
        Self {
            message: UNEXPECTED.to_owned(),
            service_message,
            retry: Retry::Yes,
            source_of,
            retry_at: None,
            is_gone: false,
        }
    }

    /// With the time of another attempt, if the receiver named how long to wait.
    pub(super) fn dated(self, now: DateTime<Utc>) -> Self {
        let retry_at = match self.retry {
            Retry::No | Retry::Yes | Retry::Rest => None,
            Retry::After(wait) => {
                TimeDelta::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait))
            }
        };
        Self { retry_at, ..self }
    }
}
