//! Cases that others change each time, or of which Kibana does not show all: they wait, which is said once.

use std::collections::BTreeMap;

use super::running::RunningCase;
use crate::{
    pipeline::policy::Failure,
    sinks::{
        SinkError,
        remote::{RemoteErrorKind, Service},
    },
};

/// What is kept of such a case.
pub(super) const CONTENDED: &str =
    "the case was changed in Kibana each time, or Kibana did not show all of it";
/// Fewer tries in a row are nothing to say.
const TRIES_MIN: u32 = 3;

/// These cases.
#[derive(Debug, Default)]
pub(super) struct ContendedCases {
    /// Their numbers, by their ids.
    numbers: BTreeMap<String, i64>,
    is_said: bool,
}

impl ContendedCases {
    /// It is one of them, again.
    pub(super) fn met(&mut self, case: &RunningCase) {
        self.numbers.insert(case.id.clone(), case.number);
        if case.tries >= TRIES_MIN {
            self.say();
        }
    }

    /// It is none of them.
    pub(super) fn passed(&mut self, case: &RunningCase) {
        self.numbers.remove(&case.id);
        self.is_said &= !self.numbers.is_empty();
    }

    /// What keeps them from being sent, if there are any at the end.
    pub(super) fn into_failure(mut self) -> Option<Failure> {
        self.say();
        let (_, number) = self.numbers.first_key_value()?;
        let text = format!("{} cases are not sent; #{number}: {CONTENDED}", self.numbers.len());
        Some(Failure::Sink(SinkError::from(RemoteErrorKind::NotUnderstood(text).of(Service::KibanaCases))))
    }

    fn say(&mut self) {
        let Some((_, case)) = self.numbers.first_key_value().filter(|_| !self.is_said) else { return };
        let advice = "nothing is lost: it is tried again; see how many comments Kibana counts and shows, and who changes the case";
        tracing::warn!(case, cases = self.numbers.len(), advice, "a case waits: {CONTENDED}");
        self.is_said = true;
    }
}
