//! Parts of a date, for `minute` to `year`, and spans of time.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};

use super::value::RowValue;

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DatePart {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    Day,
    /// 1 to 53, as ISO 8601 counts.
    Week,
    /// 1 to 12.
    Month,
    /// With four digits.
    Year,
}

impl DatePart {
    /// What it can be, and how errors call it.
    pub fn range(self) -> (RangeInclusive<i64>, &'static str) {
        match self {
            Self::Minute => (0..=59, "a minute"),
            Self::Hour => (0..=23, "an hour"),
            Self::Day => (1..=31, "a day"),
            Self::Week => (1..=53, "a week"),
            Self::Month => (1..=12, "a month"),
            Self::Year => (1970..=9999, "a year"),
        }
    }

    /// This part of a value that is a date: a second, a number of seconds since 1970, or a text of ISO 8601, of which the
    /// part is taken as written.
    pub fn of(self, value: &RowValue<'_>) -> Option<i64> {
        let date = match value {
            RowValue::Time(second) => utc(*second),
            RowValue::Number(_) => utc(value.number()?.real() as i64),
            RowValue::Text(text) => written(text),
            RowValue::Bool(_) | RowValue::Object(..) => None,
        }?;
        Some(match self {
            Self::Minute => i64::from(date.minute()),
            Self::Hour => i64::from(date.hour()),
            Self::Day => i64::from(date.day()),
            Self::Week => i64::from(date.iso_week().week()),
            Self::Month => i64::from(date.month()),
            Self::Year => i64::from(date.year()),
        })
    }
}

fn utc(second: i64) -> Option<NaiveDateTime> {
    DateTime::<Utc>::from_timestamp(second, 0).map(|date| date.naive_utc())
}

fn written(text: &str) -> Option<NaiveDateTime> {
    // No date is longer.
    if text.len() > 40 {
        return None;
    }
    let zoned = DateTime::parse_from_rfc3339(text).map(|date| date.naive_local());
    let plain = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
    let joined = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").map(NaiveDateTime::from);
    zoned.or_else(|_| plain()).or_else(|_| joined()).or_else(|_| day()).ok()
}

/// The longest span. Matches are kept for as long.
const SPAN_MAX: i64 = 366 * 24 * 3600;

/// Seconds of a span such as `15s`, `30m`, `1h`, `7d`, `2w`, `1M` or `1y`; the last two are means. The error says what is
/// expected.
pub(super) fn span(text: &str) -> Result<i64, String> {
    let expected = || format!("`{text}` is not a span of time such as `15s`, `30m`, `1h` or `7d`");
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        'M' => 2_629_746,
        'y' => 31_556_952,
        _ => return Err(expected()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(expected());
    }
    let count: Option<i64> = digits.parse().ok();
    match count.and_then(|count| count.checked_mul(seconds)) {
        Some(span) if (1..=SPAN_MAX).contains(&span) => Ok(span),
        Some(_) | None => Err(format!("`{text}`: a span is at least `1s` and at most `366d`")),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn a_part_is_that_of_a_second_in_utc_or_of_a_text_as_written() {
        let text = |text: &'static str| RowValue::Text(Cow::Borrowed(text));
        let second = RowValue::Time(1_770_979_925);
        let parts = |value: &RowValue<'_>| {
            [DatePart::Minute, DatePart::Hour, DatePart::Day, DatePart::Week, DatePart::Month, DatePart::Year]
                .map(|part| part.of(value))
        };
        let expected = [52, 10, 13, 7, 2, 2026].map(Some);
        assert_eq!(parts(&second), expected);
        assert_eq!(parts(&RowValue::Number(Cow::Borrowed("1770979925.9"))), expected);
        for same in ["2026-02-13T10:52:05Z", "2026-02-13T10:52:05.25+09:00", "2026-02-13 10:52:05"] {
            assert_eq!(parts(&text(same)), expected, "{same}");
        }
        assert_eq!(DatePart::Hour.of(&text("2026-02-13")), Some(0));
        for none in ["", "soon", "2026-02-30", "2026-02-13T25:00:00Z", "1770979925"] {
            assert_eq!(parts(&text(none)), [None; 6], "{none}");
        }
        assert_eq!(DatePart::Year.of(&RowValue::Number(Cow::Borrowed("1e300"))), None);
    }

    #[test]
    fn a_week_is_counted_in_the_year_of_its_thursday() {
        let mut day = NaiveDate::from_ymd_opt(1999, 12, 1).unwrap();
        for _ in 0..30 * 366 {
            let monday = u64::from(day.weekday().num_days_from_monday());
            let thursday = day - chrono::Days::new(monday) + chrono::Days::new(3);
            let text = RowValue::Text(Cow::Owned(day.to_string()));
            assert_eq!(DatePart::Week.of(&text), Some(i64::from(thursday.ordinal0()) / 7 + 1), "{day}");
            day = day.succ_opt().unwrap();
        }
    }

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let spans = ["15s", "30m", "1h", "7d", "2w", "1M", "1y"].map(|text| span(text).unwrap());
        assert_eq!(spans, [15, 1800, 3600, 604_800, 1_209_600, 2_629_746, 31_556_952]);
        for wrong in
            ["", "1", "h", "1 h", "-1h", "+1h", "1.5h", "1H", "0s", "367d", "99999999999999999999y", "1ü"]
        {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
