//! Counts, sizes and durations, as texts for people.

use std::time::Duration;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// In days. Up to two of them an age is shown in days.
const YEAR: i64 = 365;

/// A number with thousands separators: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 record`, `2,000 records`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(count))
}

/// A size in its largest unit: `1.2 MiB`, `200 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec().to_string().replace(".0 ", " ")
}

/// How long ago something was, in its largest unit: `4m`, `3d`, `56y`. Negative ages are zero.
pub(crate) fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds if seconds < MINUTE => format!("{seconds}s"),
        seconds if seconds < HOUR => format!("{}m", seconds / MINUTE),
        seconds if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 2 * YEAR * DAY => format!("{}d", seconds / DAY),
        seconds => format!("{}y", seconds / DAY / YEAR),
    }
}

/// A duration from the settings, in words: `30 days`, `1 hour`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let units = [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second")];
    let whole = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds % unit == 0);
    let (unit, name) = whole.unwrap_or((1, "second"));
    counted((seconds / unit).unsigned_abs(), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pipeline::rejects::RejectsError, sinks::SinkError};

    #[test]
    fn numbers_and_ages_read_as_people_write_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([-5, 59, 240, 7_200, 260_000].map(span), ["0s", "59s", "4m", "2h", "3d"]);
        assert_eq!(span(1_795_000_000), "56y", "nobody reads 20,000 days");
    }

    #[test]
    fn one_thing_is_not_in_the_plural() {
        assert_eq!(
            [0, 1, 2, 1000].map(|count| counted(count, "record")),
            ["0 records", "1 record", "2 records", "1,000 records"]
        );
    }

    #[test]
    fn a_size_is_in_its_own_unit_and_whole_where_it_can_be() {
        assert_eq!([0, 900, 209_715_200, 209_563_648].map(size), ["0 B", "900 B", "200 MiB", "199.9 MiB"]);
    }

    #[test]
    fn a_duration_is_in_its_largest_whole_unit() {
        let texts = [1, 90, 3_600, 30 * 86_400, 0].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(texts, ["1 second", "90 seconds", "1 hour", "30 days", "0 seconds"]);
    }
    #[test]
    fn an_error_about_space_gives_sizes_and_not_numbers_of_bytes() {
        let full = SinkError::DiskFull { path: "tables.db".to_owned(), free: 1 << 20, wanted: 200 << 20 };
        assert_eq!(full.to_string(), "tables.db: 1 MiB of disk space free, 200 MiB required");
        let full = RejectsError::Full { path: "a.ndjson".into(), bytes_max: 1 << 30 };
        assert_eq!(full.to_string(), "a.ndjson: full, at most 1 GiB may be kept");
    }
}
