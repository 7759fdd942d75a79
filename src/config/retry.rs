//! `retry` of a sink: how long a write that failed waits.

use std::time::Duration;

use super::{
    section::Section,
    values::{DAY, HOUR, SECOND},
};

/// How long a failed write waits before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// After the first failure; the wait grows by half with each further one in a row.
    pub first: Duration,
    /// The longest of these delays.
    pub max: Duration,
    /// After a failure that an operator must correct.
    pub parked: Duration,
}

impl RetrySettings {
    /// Reads the table `retry` of a sink's section.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        section.nested("retry", |section| {
            let first = section.duration("first", SECOND / 10..=HOUR);
            let max = section.duration("max", SECOND..=DAY);
            let parked = section.duration("parked", SECOND..=DAY);
            if section.is_complete() && max < first {
                section.problem("max", "must not be less than `first`");
            }
            Some(Self { first, max, parked })
        })
    }
}
