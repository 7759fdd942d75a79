//! Times on the command line.

use std::time::Duration;

use chrono::{DateTime, NaiveDate};
use collectors::LAST_SECOND;

use crate::{config::FIRST, daemon::backfill::Moment};

/// The time before every record.
const BEGINNING: &str = FIRST[0];

/// A point in time as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// The text on the command line.
    pub text: String,
    kind: TimeKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TimeKind {
    At(i64),
    Ago(Duration),
}

impl Time {
    /// Its second, if it is evaluated at `now`.
    pub fn second(&self, now: i64) -> i64 {
        match self.kind {
            TimeKind::At(second) => second,
            TimeKind::Ago(back) => (now - i64::try_from(back.as_secs()).unwrap_or(now)).max(0),
        }
    }

    /// Its text and its second, if it is evaluated at `now`.
    pub fn moment(&self, now: i64) -> Moment {
        Moment { text: self.text.clone(), second: self.second(now) }
    }

    /// Parses an RFC 3339 time, a UTC day, a look-back such as "30d", or "beginning", which is also "all".
    pub fn parse(text: &str) -> Result<Self, String> {
        // One text: it is part of a backfill's name.
        let text = if FIRST.contains(&text) { BEGINNING } else { text };
        let kind = if text == BEGINNING {
            TimeKind::At(0)
        } else if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            TimeKind::At(time.timestamp())
        } else if let Ok(day) = text.parse::<NaiveDate>() {
            TimeKind::At(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
        } else if let Ok(back) = humantime::parse_duration(text) {
            TimeKind::Ago(back)
        } else {
            return Err(
                "expected 2026-01-31T00:00:00Z, 2026-01-31, a look-back such as 30d, or beginning".to_owned()
            );
        };
        match kind {
            TimeKind::At(second) if !(0..=LAST_SECOND).contains(&second) => {
                Err("expected a time between 1970 and 9999".to_owned())
            }
            TimeKind::At(_) | TimeKind::Ago(_) => Ok(Self { text: text.to_owned(), kind }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_each_of_its_forms() {
        let at = |text| Time::parse(text).map(|time| time.second(1_000_000));
        assert_eq!(at("1970-01-02T01:00:00+01:00"), Ok(86_400));
        assert_eq!(at("1970-01-02"), Ok(86_400));
        assert_eq!(at("1h"), Ok(996_400));
        assert_eq!(at("beginning"), Ok(0));
        assert_eq!(Time::parse("all"), Time::parse("beginning"), "the same backfill, whichever word is used");
        assert!(at("yesterday").is_err() && at("1969-01-01").is_err());
    }
}
