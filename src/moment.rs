//! Points in time, as people write and read them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A time as given, and its second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// As given.
    pub text: String,
    /// In Unix seconds.
    pub second: i64,
}

/// A second as RFC 3339 text in UTC.
pub fn format_utc(second: i64) -> String {
    DateTime::<Utc>::from_timestamp(second, 0)
        .map_or_else(|| second.to_string(), |time| time.format("%FT%TZ").to_string())
}
