//! Where the first run of a collector begins.

use std::time::Duration;

use chrono::{DateTime, Utc};
use config::Value;

use super::values::{ValueProblem, YEAR, as_text, wanted};

const LOOK_BACK_MAX: Duration = YEAR.saturating_mul(10);

/// The words for the oldest record there is, wherever a time is given.
pub const FIRST: [&str; 2] = ["beginning", "all"];

/// Where a collector begins that has no checkpoint yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// This long before the first run.
    LookBack(Duration),
    /// With the oldest record there is.
    All,
    /// With the first record at or after this time.
    At(DateTime<Utc>),
}

impl Start {
    pub(super) fn read(value: &Value) -> Result<Self, ValueProblem> {
        as_text(value).and_then(Self::parse).ok_or_else(|| {
            let limit = humantime::format_duration(LOOK_BACK_MAX);
            wanted(format!(
                "a look-back up to {limit} (\"7d\"), \"beginning\", or a time (\"2026-01-31T00:00:00Z\")"
            ))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        if FIRST.contains(&text) {
            return Some(Start::All);
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return (time.timestamp() >= 0).then_some(Start::At(time.to_utc()));
        }
        let look_back = humantime::parse_duration(text).ok()?;
        (look_back <= LOOK_BACK_MAX).then_some(Start::LookBack(look_back))
    }
}
