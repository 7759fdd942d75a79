//! What becomes of a case that is sent.

use super::kibana::CasesApiError;
use crate::{
    cases::{CaseError, cut_text},
    sinks::remote::{RemoteError, RemoteErrorKind},
};

/// How many characters of Kibana's own text are shown.
pub(super) const SAID_MAX: usize = 160;

/// What became of a case.
#[derive(Debug)]
pub(super) enum CaseSent {
    /// All of it is there.
    Whole(String),
    /// All but alerts that are waited for.
    Partly(String, AlertsWait),
    /// All but what Kibana refuses. The text may quote it.
    Incomplete(String),
}

/// What alerts are waited for.
#[derive(Debug)]
pub(super) enum AlertsWait {
    /// They may be found soon.
    Short,
    /// They may take long.
    Long,
    /// Looking for them failed.
    Failed(RemoteError),
}

/// Why a case was not sent.
#[derive(Debug)]
pub(super) enum SendFault {
    /// Kibana or Elasticsearch failed.
    Remote(RemoteError),
    /// Kibana refuses this case each time. The text may quote the case.
    Refused(String),
    /// The key may not do this with cases of this owner.
    NotAllowed(String),
    /// Somebody else changed the case each time.
    Conflict,
    /// What was done could not be kept.
    Database(CaseError),
}

impl From<CasesApiError> for SendFault {
    fn from(error: CasesApiError) -> Self {
        match error {
            CasesApiError::Remote(error) | CasesApiError::Intercepted(error) => Self::Remote(error),
            CasesApiError::Conflict => Self::Conflict,
            CasesApiError::Gone => Self::gone(),
            // It was there when the case was read.
            CasesApiError::CommentGone => Self::Conflict,
            CasesApiError::NotAllowed(said) => {
                Self::NotAllowed(format!("Kibana refuses it (status 403): {}", cut_text(&said, SAID_MAX)))
            }
            CasesApiError::TooMuch(count) => Self::Refused(format!(
                "{count} comments and alerts are attached to it in Kibana, more than its API shows: remove some there"
            )),
            CasesApiError::TooLarge => {
                let text = "what Kibana says of it is too large: remove long comments there";
                Self::Refused(text.to_owned())
            }
            CasesApiError::Refused(status, said) => {
                let said = cut_text(&said, SAID_MAX);
                Self::Refused(format!("Kibana refuses it (status {status}): {said}"))
            }
            CasesApiError::Oversized(said) => {
                let said = cut_text(&said, SAID_MAX);
                Self::Refused(format!("something before Kibana refuses its size (status 413): {said}"))
            }
        }
    }
}

impl From<CaseError> for SendFault {
    fn from(error: CaseError) -> Self {
        Self::Database(error)
    }
}

impl From<RemoteError> for SendFault {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

impl SendFault {
    pub(super) fn gone() -> Self {
        let text = "it was deleted in Kibana, and only `ccfd cases resend --create` creates it there again";
        Self::Refused(text.to_owned())
    }
}

/// Whether a request that failed so may have been carried out.
pub(super) fn may_be_done(kind: &RemoteErrorKind) -> bool {
    match kind {
        RemoteErrorKind::Unreachable(_)
        | RemoteErrorKind::Overloaded { .. }
        | RemoteErrorKind::RunFailed { .. }
        | RemoteErrorKind::NotUnderstood(_)
        | RemoteErrorKind::Unconfirmed { .. } => true,
        RemoteErrorKind::Untrusted(_)
        | RemoteErrorKind::Throttled { .. }
        | RemoteErrorKind::StorageFull { .. }
        | RemoteErrorKind::Unauthorized { .. }
        | RemoteErrorKind::Forbidden { .. }
        | RemoteErrorKind::PolicyDenied { .. }
        | RemoteErrorKind::NotFound { .. }
        | RemoteErrorKind::PlaceAtFault { .. }
        | RemoteErrorKind::Refused { .. }
        | RemoteErrorKind::Intercepted { .. }
        | RemoteErrorKind::Secret(_)
        | RemoteErrorKind::Settings(_) => false,
    }
}
