//! Failures of actions of alerts.

use std::time::Duration;

use super::{Judgement, back_off, park, wait};

/// Why an action of an alert is not done yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ActionFailure {
    /// What failed. It names no secret and none of the content that was sent.
    pub text: String,
    /// What ends it.
    pub kind: ActionFailureKind,
}

/// What ends a failure of an action. What nothing ends is no failure of the route: the action is kept as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionFailureKind {
    /// Time.
    Passing,
    /// The time that the other system named.
    Asked(Duration),
    /// An operator: the connector or a secret of it is missing, or its settings or the parameters are invalid.
    Lasting,
}

/// What follows from it.
pub(super) fn judge_action(failure: &ActionFailure) -> Judgement {
    match failure.kind {
        ActionFailureKind::Passing => {
            back_off("check the connector and the system that it leads to; see `ccfd alerts actions list`")
        }
        ActionFailureKind::Asked(asked) => wait(Some(asked), "the other system asks to wait"),
        ActionFailureKind::Lasting => park(
            "correct the connector or its secrets, or the `connector`, `space` and `params` of the action; what waits is done by \
             itself then, see `ccfd alerts actions list`",
        ),
    }
}
