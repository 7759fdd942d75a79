//! `[health_table]`: rows about the state of each route.

use std::time::Duration;

use super::{
    section::Section,
    values::{DAY, SECOND, text},
};

/// Where the rows go, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthTableSettings {
    /// The name of the sink.
    pub sink: String,
    /// The time between two rows of a route that does not change.
    pub interval: Duration,
}

impl HealthTableSettings {
    /// `None` if no sink is named: then there are no rows.
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let sink = section.optional("sink", text);
        let interval = section.duration("interval", SECOND..=DAY);
        section.finish();
        Some(Self { sink: sink?, interval })
    }
}
