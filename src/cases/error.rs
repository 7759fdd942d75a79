//! Why something about a case was not done.

use crate::sinks::SinkError;

/// Why something about a case was not done. The texts are Kibana's where it has some.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It is not what a case, a comment or a file can be.
    #[error("{0}")]
    Invalid(String),
    /// The change is none.
    #[error("All update fields are identical to current version.")]
    Unchanged,
    /// There is no such case, comment or configuration in this space.
    #[error("Saved object [{kind}/{id}] not found")]
    Unknown {
        /// What was looked for.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// Someone else was first.
    #[error("{0}")]
    Conflict(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] SinkError),
}

impl CaseError {
    /// There is no such case.
    pub(super) fn no_case(id: &str) -> Self {
        Self::Unknown { kind: "cases", id: id.to_owned() }
    }
}

/// Why a transaction was not completed.
#[derive(Debug)]
pub(super) enum CaseFault {
    Refused(CaseError),
    Sql(rusqlite::Error),
}

impl From<CaseError> for CaseFault {
    fn from(error: CaseError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for CaseFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}
