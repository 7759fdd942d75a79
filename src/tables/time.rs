//! Times as text, written digit by digit: a general formatter would take longer than the rest of a row.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

/// A second as ISO 8601 in UTC, such as `2026-02-13T10:52:05Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iso8601([u8; 20]);

impl Iso8601 {
    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The largest second with a year of four digits: 9999-12-31T23:59:59Z.
pub(super) const SECOND_MAX: i64 = 253_402_300_799;

/// Renders a Unix second. Seconds outside the years 1970 to 9999 are shown as the nearest one inside.
pub fn iso8601(second: i64) -> Iso8601 {
    let time = DateTime::from_timestamp(second.clamp(0, SECOND_MAX), 0).unwrap_or_default();
    let mut text = *b"0000-00-00T00:00:00Z";
    put(&mut text[0..4], time.year().unsigned_abs());
    put(&mut text[5..7], time.month());
    put(&mut text[8..10], time.day());
    put(&mut text[11..13], time.hour());
    put(&mut text[14..16], time.minute());
    put(&mut text[17..19], time.second());
    Iso8601(text)
}

/// A second as RFC 3339 text in UTC, of any year: for people, where speed does not matter.
pub fn format_utc(second: i64) -> String {
    DateTime::<Utc>::from_timestamp(second, 0)
        .map_or_else(|| second.to_string(), |time| time.format("%FT%TZ").to_string())
}

/// Writes a number into all of `digits`.
fn put(digits: &mut [u8], mut number: u32) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The UTC day of a Unix second.
pub fn utc_day(second: i64) -> NaiveDate {
    DateTime::from_timestamp(second.clamp(0, SECOND_MAX), 0).unwrap_or_default().date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_render_as_iso_8601_to_the_ends_of_the_range() {
        assert_eq!(iso8601(1_770_979_925).as_str(), "2026-02-13T10:52:05Z");
        assert_eq!(iso8601(0).as_str(), "1970-01-01T00:00:00Z");
        assert_eq!(iso8601(SECOND_MAX).as_str(), "9999-12-31T23:59:59Z");
        assert_eq!(iso8601(i64::MAX), iso8601(SECOND_MAX));
        assert_eq!(iso8601(-1), iso8601(0));
    }
}
