//! What follows from the answer to an attempt.

use crate::{
    actions::TemplateError,
    cases::CaseError,
    connectors::{ConnectorError, Retry, RunFailure},
    detect_db::DueAction,
    pipeline::policy::{ActionFailure, ActionFailureKind},
    reasons::with_reasons,
    sinks::SinkError,
};

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attempted {
    /// It is done.
    Done(String),
    /// The connector works and has done a part; the rest may be done later.
    Rest(String),
    /// It fails each time.
    Failed(String),
    /// It may be done later; with the receiver that asked to wait, if one did.
    Again(ActionFailure, Option<String>),
    /// It was not tried, because it must not be before this second.
    NotBefore(i64, String),
}

/// Attempts of one task, each with what came of it.
pub(super) type Attempts = Vec<(DueAction, Attempted)>;

impl Attempted {
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self::Again(ActionFailure { text: text.into(), kind: ActionFailureKind::Passing }, None)
    }

    /// Nothing was sent, and only an operator can change that.
    pub(super) fn lasting(text: impl Into<String>) -> Self {
        Self::Again(ActionFailure { text: text.into(), kind: ActionFailureKind::Lasting }, None)
    }

    /// A run of a connector failed at this receiver.
    pub(super) fn run_failed(failure: &RunFailure, receiver: &str) -> Self {
        let text = failure.to_string();
        match failure.retry {
            Retry::No => Self::Failed(text),
            Retry::Rest => Self::Rest(text),
            Retry::Yes => Self::passing(text),
            Retry::After(asked) => {
                let kind = ActionFailureKind::Asked(asked);
                Self::Again(ActionFailure { text, kind }, Some(receiver.to_owned()))
            }
        }
    }
}

/// A connector could not be run.
impl From<ConnectorError> for Attempted {
    fn from(error: ConnectorError) -> Self {
        let kind = match &error {
            // Its parameters: they are the same each time.
            ConnectorError::Malformed(_) => return Self::Failed(error.to_string()),
            ConnectorError::Database(_) => ActionFailureKind::Passing,
            ConnectorError::UnknownType(_)
            | ConnectorError::Disabled(_)
            | ConnectorError::Config(_)
            | ConnectorError::Secrets(_)
            | ConnectorError::Pair(_)
            | ConnectorError::NoSpace(_)
            | ConnectorError::ReadSystem(_)
            | ConnectorError::NotFound(_)
            | ConnectorError::Conflict(_)
            | ConnectorError::TakenByPreconfigured(_)
            | ConnectorError::UpdatePreconfigured(_)
            | ConnectorError::DeletePreconfigured(_)
            | ConnectorError::CreateSystem(_)
            | ConnectorError::UpdateSystem(_)
            | ConnectorError::DeleteSystem(_)
            | ConnectorError::RunSystem
            | ConnectorError::SecretStore(_) => ActionFailureKind::Lasting,
        };
        Self::Again(ActionFailure { text: with_reasons(&error), kind }, None)
    }
}

/// Cases could not be made.
impl From<CaseError> for Attempted {
    fn from(error: CaseError) -> Self {
        let text = with_reasons(&error);
        match error {
            CaseError::Conflict(_) | CaseError::Database(_) => Self::passing(text),
            CaseError::Invalid(_) | CaseError::Unchanged | CaseError::Unknown { .. } => Self::Failed(text),
        }
    }
}

impl From<TemplateError> for Attempted {
    fn from(error: TemplateError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The database failed.
impl From<SinkError> for Attempted {
    fn from(error: SinkError) -> Self {
        Self::passing(with_reasons(&error))
    }
}
