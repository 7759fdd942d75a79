//! How a route is doing, in the words of Sentinel's health.

use crate::pipeline::{
    progress::{Measured, RouteState},
    stage::Stage,
    verified::LastVerification,
};

/// A passing failure counts as one after this many seconds, as with Sentinel's own connectors.
pub(super) const PATIENCE: i64 = 60 * 60;

/// How a route is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It works.
    Success,
    /// It does not.
    Failure,
    /// An operator has paused it, or a verification could not prove its window.
    Informational,
}

impl Status {
    /// The word in the row.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Failure => "Failure",
            Self::Informational => "Informational",
        }
    }

    /// Judges the verdict of a verification: what could not be proven is neither good nor bad.
    pub(super) fn of_verdict(verified: &LastVerification) -> Self {
        match verified.verdict.as_str() {
            "differs" => Self::Failure,
            _ if verified.agrees() => Self::Success,
            _ => Self::Informational,
        }
    }

    /// Judges a passing failure by its duration in seconds. `None` while the route has neither worked nor
    /// failed.
    pub(super) fn of(route: &Measured, now: i64, patience: i64) -> Option<Self> {
        let has_worked = route.counters.succeeded[Stage::Reading as usize].is_some();
        let is_failing = route.status.error.as_ref().is_some_and(|error| match route.status.state {
            RouteState::Parked | RouteState::Stopped => true,
            RouteState::Starting
            | RouteState::Searching
            | RouteState::CatchingUp
            | RouteState::Live
            | RouteState::BackingOff
            | RouteState::Paused => now - error.since >= patience,
        });
        match (route.status.state, is_failing) {
            (RouteState::Paused, _) => Some(Self::Informational),
            (_, true) => Some(Self::Failure),
            (_, false) => has_worked.then_some(Self::Success),
        }
    }
}
