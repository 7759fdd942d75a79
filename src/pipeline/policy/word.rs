//! A fixed word for each kind of failure, for metrics. It never contains data from the other side.

use collectors::CollectErrorKind;
use state::StateError;

use super::{Failure, RejectsError, SinkError};
use crate::sinks::remote::RemoteErrorKind;

/// Causes are stored in order to recognise them.
const CAUSE_CHARS_MAX: usize = 200;

impl Failure {
    /// The word for its kind.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Collect(error) => collect(&error.kind),
            Self::Sink(error) => sink(error),
            Self::State(error) => state(error),
            Self::Rejects(RejectsError::Full { .. }) => "rejects_full",
            Self::Rejects(RejectsError::Io { .. }) => "rejects_io",
            Self::RefusesAll { .. } => "refuses_all",
            Self::Changed(_) => "changed",
            Self::Clocks(_) => "clocks",
            Self::Secret(_) => "secret",
            Self::Proxy(_) => "proxy",
            Self::HashKey(_) => "hash_key",
            Self::Action(_) => "action",
        }
    }
}

impl Failure {
    /// Its text without the parts that differ each time: another cause is worth a log line, the same cause at
    /// another byte is not.
    pub fn cause(&self) -> String {
        let text = match self {
            Self::Collect(error) => error.kind.to_string(),
            Self::Sink(SinkError::Remote(error)) => error.kind.to_string(),
            Self::Sink(_)
            | Self::State(_)
            | Self::Rejects(_)
            | Self::RefusesAll { .. }
            | Self::Changed(_)
            | Self::Clocks(_)
            | Self::Secret(_)
            | Self::Proxy(_)
            | Self::HashKey(_)
            | Self::Action(_) => self.to_string(),
        };
        text.chars().filter(|c| !c.is_ascii_digit()).take(CAUSE_CHARS_MAX).collect()
    }
}

fn collect(kind: &CollectErrorKind) -> &'static str {
    match kind {
        CollectErrorKind::Unreachable(_) | CollectErrorKind::Unanswered(_) => "unreachable",
        CollectErrorKind::Untrusted(_) => "untrusted",
        CollectErrorKind::TooSlow(_) => "too_slow",
        CollectErrorKind::Overloaded { .. } => "overloaded",
        CollectErrorKind::Throttled { .. } => "throttled",
        CollectErrorKind::OutOfMoney { .. } => "out_of_money",
        CollectErrorKind::Unauthorized => "unauthorized",
        CollectErrorKind::MissingScope { .. } => "missing_scope",
        CollectErrorKind::WrongKeyClass(_) => "wrong_key_class",
        CollectErrorKind::KeyShape(_) => "key_shape",
        CollectErrorKind::NotAMember => "not_a_member",
        CollectErrorKind::AddressNotAllowed => "address_not_allowed",
        CollectErrorKind::WrongHost => "wrong_host",
        CollectErrorKind::UnsupportedCountry => "unsupported_country",
        CollectErrorKind::MethodNotAllowed => "method_not_allowed",
        CollectErrorKind::Forbidden => "forbidden",
        CollectErrorKind::NotFound => "not_found",
        CollectErrorKind::ParameterRefused { .. } => "parameter_refused",
        CollectErrorKind::Redirected { .. } => "redirected",
        CollectErrorKind::ProxyAuthentication => "proxy_authentication",
        CollectErrorKind::Intercepted { .. } => "intercepted",
        CollectErrorKind::Refused { .. } => "refused",
        CollectErrorKind::CursorExpired => "cursor_expired",
        CollectErrorKind::Malformed(_) => "malformed",
        CollectErrorKind::Unreadable(_) => "unreadable",
        CollectErrorKind::RepeatedPage => "repeated_page",
        CollectErrorKind::Implausible(_) => "implausible",
        CollectErrorKind::TooLarge { .. } => "too_large",
        CollectErrorKind::WindowIgnored => "window_ignored",
        CollectErrorKind::CursorIgnored => "cursor_ignored",
        CollectErrorKind::Unordered => "unordered",
        CollectErrorKind::Settings(_) => "settings",
    }
}

fn sink(error: &SinkError) -> &'static str {
    match error {
        SinkError::DiskFull { .. } => "disk_full",
        SinkError::Busy { .. } => "busy",
        SinkError::Misplaced { .. } => "misplaced",
        SinkError::BrokenRules { .. } => "broken_rules",
        SinkError::Closed { .. } => "closed",
        SinkError::SizeLimit { .. } => "size_limit",
        SinkError::Io { .. } => "io",
        SinkError::Remote(error) => remote(&error.kind),
    }
}

fn remote(kind: &RemoteErrorKind) -> &'static str {
    match kind {
        RemoteErrorKind::Unreachable(_) => "unreachable",
        RemoteErrorKind::Untrusted(_) => "untrusted",
        RemoteErrorKind::Throttled { .. } => "throttled",
        RemoteErrorKind::Overloaded { .. } => "overloaded",
        RemoteErrorKind::StorageFull { .. } => "storage_full",
        RemoteErrorKind::Unauthorized { .. } => "unauthorized",
        RemoteErrorKind::Forbidden { .. } => "forbidden",
        RemoteErrorKind::PolicyDenied { .. } => "policy_denied",
        RemoteErrorKind::NotFound { .. } => "not_found",
        RemoteErrorKind::PlaceAtFault { .. } => "place_at_fault",
        RemoteErrorKind::RunFailed { .. } => "run_failed",
        RemoteErrorKind::Refused { .. } => "refused",
        RemoteErrorKind::Intercepted { .. } => "intercepted",
        RemoteErrorKind::NotUnderstood(_) => "not_understood",
        RemoteErrorKind::Unconfirmed { .. } => "unconfirmed",
        RemoteErrorKind::Secret(_) => "secret",
        RemoteErrorKind::Settings(_) => "settings",
    }
}

fn state(error: &StateError) -> &'static str {
    match error {
        StateError::Locked { .. } => "state_locked",
        StateError::NoLocks { .. } => "state_no_locks",
        StateError::Newer { .. } => "state_newer",
        StateError::Unrecoverable { .. } => "state_unrecoverable",
        StateError::Foreign { .. } => "state_foreign",
        StateError::Damaged(_) => "state_damaged",
        StateError::Conflict { .. } => "state_conflict",
        StateError::NotUnderstood { .. } => "state_not_understood",
        StateError::TooLarge { .. } => "state_too_large",
        StateError::InvalidName(_) => "state_invalid_name",
        StateError::TimedOut { .. } => "state_timed_out",
        StateError::Io { .. } => "state_io",
        StateError::Closed => "state_closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::policy::{Action, judge};

    #[test]
    fn broken_rules_have_a_word_and_an_advice_of_their_own() {
        let reason = "own.yml:7: detection.s.EventTypo: is not a field".to_owned();
        let failure = Failure::Sink(SinkError::BrokenRules { reason });
        let judged = judge(&failure);
        assert_eq!((judged.action, failure.word()), (Action::Park, "broken_rules"));
        assert!(judged.advice.contains("rules") && !judged.advice.contains("path"), "{}", judged.advice);
    }
}
