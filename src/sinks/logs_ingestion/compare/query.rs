//! The questions in KQL, and the rows of their answers.

use serde::{Deserialize, Deserializer, de};

use crate::{
    sinks::comparable::{HOUR, Question, Span, hour_of},
    tables::{Origin, Table, iso8601},
};

/// The most rows of an answer. The service has its own limit of 500,000; this one keeps an answer small in memory.
pub(super) const ROWS_MAX: usize = 100_000;
const DAY: i64 = 24 * HOUR;

/// A number, as a number or as text: languages without 64-bit numbers take part in this API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Long(pub(super) i64);

impl<'de> Deserialize<'de> for Long {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(i64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Text(text) => text.parse().map(Self).map_err(|_| de::Error::custom("no whole number")),
        }
    }
}

/// Hour, rows, distinct ids, digest.
#[derive(Deserialize)]
pub(super) struct HourRow(pub(super) Long, pub(super) Long, pub(super) Long, pub(super) Long);

/// Id, second, copies.
#[derive(Deserialize)]
pub(super) struct IdRow(pub(super) String, pub(super) Long, pub(super) Long);

/// The column with the true time of a record: Azure replaces `TimeGenerated` of rows that are more than two days old.
fn time(table: &Table) -> &str {
    let is_time = |from: &Origin| match from {
        Origin::Time(_) => true,
        Origin::Field(_) | Origin::Inner(..) | Origin::Details | Origin::Connector | Origin::Constant(_) => {
            false
        }
    };
    let other = table.columns.iter().find(|column| is_time(&column.from) && column.name != table.time);
    other.map_or(&*table.time, |column| &*column.name)
}

fn rows(question: &Question, span: Span) -> String {
    let (table, time) = (&question.table, time(&question.table));
    let [from, to] = [span.from, span.to].map(iso8601);
    let (from, to) = (from.as_str(), to.as_str());
    // A row keeps its own time as TimeGenerated, or gets a later one.
    format!(
        "{}\n| where {} >= datetime({from})\n| where {time} >= datetime({from}) and {time} < datetime({to})\n\
         | where ConnectorName == {}",
        table.name,
        table.time,
        quoted(&question.connector)
    )
}

/// A literal of KQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A row, to find out whether the table can be read.
pub(super) fn one(table: &Table) -> String {
    format!("{}\n| project {}\n| take 1", table.name, table.key)
}

/// Rows, ids and the digest of each hour. XOR cancels doubled rows, so it is taken over distinct ids.
pub(super) fn hours(question: &Question, span: Span) -> String {
    let (key, time) = (&question.table.key, time(&question.table));
    format!(
        "{}\n| summarize Copies = count() by {key}, Hour = bin({time}, 1h)\n\
         | summarize Rows = sum(Copies), Ids = count(), Digest = binary_all_xor(hash_xxhash64({key})) by Hour\n\
         | project Hour = datetime_diff('second', Hour, datetime(1970-01-01)), Rows, Ids, Digest = tostring(Digest)\n\
         | take {}",
        rows(question, span),
        ROWS_MAX + 1
    )
}

/// Every id with its second, and how often it is there.
pub(super) fn ids(question: &Question, span: Span) -> String {
    let (key, time) = (&question.table.key, time(&question.table));
    format!(
        "{}\n| summarize Copies = count() by {key}, Second = bin({time}, 1s)\n\
         | project {key}, Second = datetime_diff('second', Second, datetime(1970-01-01)), Copies\n| take {}",
        rows(question, span),
        ROWS_MAX + 1
    )
}

/// Everything from the beginning of a span to the present: old rows have their time of arrival.
pub(super) fn timespan(span: Span, now: i64) -> String {
    let [from, to] = [span.from - DAY, now + DAY].map(iso8601);
    format!("{}/{}", from.as_str(), to.as_str())
}

/// Where to divide a span into two, at a full hour if possible; `None` if it is too short.
pub(super) fn middle(span: Span, shortest: i64) -> Option<i64> {
    let middle = span.from + (span.to - span.from) / 2;
    let [before, after] = [hour_of(middle), hour_of(middle) + HOUR];
    let inside = |second: &i64| (span.from + 1..span.to).contains(second);
    [before, after, middle]
        .into_iter()
        .find(|second| inside(second) && (shortest < HOUR || *second % HOUR == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_divided_at_full_hours_until_it_is_too_short() {
        let of = |from, to| Span { from, to };
        assert_eq!(middle(of(0, 4 * HOUR), HOUR), Some(2 * HOUR));
        assert_eq!(middle(of(10, 2 * HOUR), HOUR), Some(HOUR));
        assert_eq!(middle(of(10, HOUR + 20), HOUR), Some(HOUR));
        assert_eq!(middle(of(0, HOUR), HOUR), None);
        assert_eq!(middle(of(0, HOUR), 1), Some(HOUR / 2));
        assert_eq!((middle(of(7, 9), 1), middle(of(7, 8), 1)), (Some(8), None));
    }

    #[test]
    fn numbers_come_as_numbers_or_as_text() {
        let row: HourRow = serde_json::from_str(r#"[3600, "2", 1, "-9223372036854775808"]"#).unwrap();
        assert_eq!((row.0.0, row.1.0, row.3.0), (3600, 2, i64::MIN));
        assert!(serde_json::from_str::<HourRow>(r#"[1, 2, 3, "4.5"]"#).is_err());
    }

    #[test]
    fn a_name_cannot_end_its_literal() {
        assert_eq!(quoted(r"a'b\"), r"'a\'b\\'");
    }
}
