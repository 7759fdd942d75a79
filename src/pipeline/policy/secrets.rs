//! What follows if a secret cannot be had: it is read again at each retry, unless only a new process can have it.

use super::{Judgement, park};
use crate::config::NoSecret;

/// The advice for a secret that is read again, and the advice for one that is not.
macro_rules! provide {
    ($none:expr, $what:literal $(, $more:literal)?) => {
        park(if $none.until_restart {
            concat!($what, " and restart ccfd: the environment of a running process cannot change" $(, "; ", $more)?)
        } else {
            concat!($what, "; it is read again at the next retry" $(, "; ", $more)?)
        })
    };
}

/// The collector's key.
pub(super) fn api_key(none: &NoSecret) -> Judgement {
    provide!(none, "provide the key at the place that `api_key` names")
}

/// The URL of its proxy.
pub(super) fn proxy(none: &NoSecret) -> Judgement {
    provide!(none, "provide the proxy's URL at the place that `proxy` names")
}

/// The key with which it hashes.
pub(super) fn hash_key(none: &NoSecret) -> Judgement {
    provide!(
        none,
        "provide the key at the place that `hash_key` names",
        "nothing is read until then, because no value may leave unhashed"
    )
}

/// A secret of a sink.
pub(super) fn of_sink(none: &NoSecret) -> Judgement {
    provide!(none, "provide the secret at the place that the sink's settings name")
}

#[cfg(test)]
mod tests {
    use crate::{
        config::{NoSecret, SecretError, SecretSource},
        pipeline::policy::{Action, Failure, judge},
        sinks::remote::{RemoteErrorKind, Service},
    };

    /// Every failure about a secret in this place.
    fn failures(place: &SecretSource) -> [Failure; 4] {
        let none = || NoSecret::from(&SecretError::Unset(place.clone()));
        [
            Failure::Secret(none()),
            Failure::Proxy(none()),
            Failure::HashKey(none()),
            Failure::Sink(RemoteErrorKind::Secret(none()).of(Service::Kibana).into()),
        ]
    }

    #[test]
    fn a_variable_that_is_not_set_needs_a_restart_and_a_file_that_is_missing_does_not() {
        let places = [SecretSource::Env("KEY".to_owned()), SecretSource::File("key".into())];
        for (place, restart) in places.iter().zip([true, false]) {
            for failure in failures(place) {
                let judged = judge(&failure);
                assert_eq!(judged.action, Action::Park, "{failure}");
                assert_eq!(judged.advice.contains("restart ccfd"), restart, "{failure}: {}", judged.advice);
                assert_eq!(
                    judged.advice.contains("at the next retry"),
                    !restart,
                    "{failure}: {}",
                    judged.advice
                );
            }
        }
    }
}
