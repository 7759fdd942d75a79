//! What follows if the messages of a completion cannot be read: they must never delay the list permanently.

use collectors::CollectErrorKind;

use crate::pipeline::messages::Missing;

/// What a failed request for messages means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// It passes, or it concerns the route: judged like any other failure.
    OfTheRoute,
    /// It usually passes; if it keeps occurring for one completion only, it concerns that completion.
    Passing,
    /// This completion's messages cannot be read.
    OfTheCompletion(Missing),
    /// Messages are refused to this key. If the list is refused too, it concerns the route.
    IfListed {
        /// Why there are none.
        missing: Missing,
        /// Whether that applies to every completion.
        all: bool,
    },
}

/// Judges a failed request for messages.
pub fn meaning(kind: &CollectErrorKind) -> Meaning {
    use Meaning::{IfListed, OfTheCompletion, OfTheRoute, Passing};
    match kind {
        CollectErrorKind::Unreachable(_)
        | CollectErrorKind::Unanswered(_)
        | CollectErrorKind::Untrusted(_)
        | CollectErrorKind::TooSlow(_)
        | CollectErrorKind::Overloaded { .. }
        | CollectErrorKind::Malformed(_)
        | CollectErrorKind::Unreadable(_)
        | CollectErrorKind::RepeatedPage
        | CollectErrorKind::Implausible(_)
        | CollectErrorKind::CursorExpired => Passing,
        // Failures of the key or the account concern the list as well.
        CollectErrorKind::Throttled { .. }
        | CollectErrorKind::OutOfMoney { .. }
        | CollectErrorKind::Unauthorized
        | CollectErrorKind::WrongKeyClass(_)
        | CollectErrorKind::KeyShape(_)
        | CollectErrorKind::Redirected { .. }
        | CollectErrorKind::ProxyAuthentication
        | CollectErrorKind::NotAMember
        | CollectErrorKind::AddressNotAllowed
        | CollectErrorKind::WrongHost
        | CollectErrorKind::UnsupportedCountry
        | CollectErrorKind::Settings(_) => OfTheRoute,
        CollectErrorKind::MissingScope { .. } => IfListed { missing: Missing::Forbidden, all: true },
        CollectErrorKind::Forbidden | CollectErrorKind::Intercepted { .. } => {
            IfListed { missing: Missing::Forbidden, all: false }
        }
        CollectErrorKind::MethodNotAllowed => {
            IfListed { missing: Missing::Refused { status: 405 }, all: true }
        }
        CollectErrorKind::NotFound | CollectErrorKind::ParameterRefused { status: 404, .. } => {
            OfTheCompletion(Missing::Deleted)
        }
        CollectErrorKind::ParameterRefused { status, .. } | CollectErrorKind::Refused { status, .. } => {
            OfTheCompletion(Missing::Refused { status: *status })
        }
        CollectErrorKind::TooLarge { bytes_max } => {
            OfTheCompletion(Missing::TooLarge { bytes_max: *bytes_max })
        }
        CollectErrorKind::WindowIgnored | CollectErrorKind::CursorIgnored | CollectErrorKind::Unordered => {
            OfTheCompletion(Missing::Unending)
        }
    }
}

/// The advice for messages that are missing for this reason.
pub fn advice(missing: &Missing) -> &'static str {
    match missing {
        Missing::Deleted => "these completions were deleted, or expired, after they were listed",
        Missing::Forbidden => {
            "give the key the permission to read the messages of stored completions, or set include_messages = false"
        }
        Missing::Refused { .. } => {
            "the API refuses the messages of these completions; if it refuses all, set include_messages = \
             false"
        }
        Missing::TooLarge { .. } => {
            "raise messages_max of the collector, or body_max if a response exceeds that"
        }
        Missing::Unavailable => {
            "the API failed repeatedly on these completions while it listed others; see its status page"
        }
        Missing::Unending => "the list of these messages never ends: a gateway may drop query parameters",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_revoked_is_no_reason_of_a_completion() {
        for kind in [
            CollectErrorKind::Unauthorized,
            CollectErrorKind::OutOfMoney { code: "insufficient_quota".into() },
            CollectErrorKind::AddressNotAllowed,
        ] {
            assert_eq!(meaning(&kind), Meaning::OfTheRoute, "{kind}");
        }
    }

    #[test]
    fn a_404_is_a_deleted_completion_whether_it_names_the_parameter_or_not() {
        let named = CollectErrorKind::ParameterRefused { status: 404, param: "completion_id".into() };
        for kind in [CollectErrorKind::NotFound, named] {
            assert_eq!(meaning(&kind), Meaning::OfTheCompletion(Missing::Deleted));
        }
    }
}
