//! Asking a sink what it holds, so that `ccfd verify` can compare it with the source.
//!
//! A sink that can be asked implements [`Comparable`] beside its `Sink`, and `registry::comparable` makes it from the same
//! settings. It reads with its own connection and changes nothing. One that cannot add up digests by itself answers `None` to
//! [`Comparable::hours`]: then all of its rows of the window are fetched.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use collectors::TimeField;
use tokio::sync::mpsc;
use xxhash_rust::xxh64::{Xxh64, xxh64};

use super::SinkError;
use crate::tables::Table;

/// Seconds of the stretches that are compared as a whole.
pub const HOUR: i64 = 3600;

/// Rows in one message of [`Comparable::rows`]: enough to make the channel cheap, little enough to hold a few of them.
pub const PAGE_ROWS: usize = 1000;

/// Whole Unix seconds `from .. to`, without `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first second.
    pub from: i64,
    /// The second after the last one.
    pub to: i64,
}

impl Span {
    /// Whether the second lies in it.
    pub fn has(self, second: i64) -> bool {
        (self.from..self.to).contains(&second)
    }
}

/// Applies the collector's redaction to a record; `None` for what is no record.
pub type Redact = Arc<dyn Fn(&Bytes) -> Option<Bytes> + Send + Sync>;

/// Which rows a sink is asked for: those of one collector in one table, dated within the window.
#[derive(Clone)]
pub struct Question {
    /// The table.
    pub table: Arc<Table>,
    /// The collector's name, which its rows have as `ConnectorName`.
    pub connector: Arc<str>,
    /// The field that dates a record.
    pub time: TimeField,
    /// The seconds.
    pub window: Span,
    /// The redaction of today, to recognise rows that were written before it; `None` if there is none.
    pub redact: Option<Redact>,
}

impl fmt::Debug for Question {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (table, connector) = (&self.table.name, &self.connector);
        write!(out, "Question({table} of {connector}, {:?})", self.window)
    }
}

/// What an hour holds. XOR does not depend on the order of rows, and doubled rows would cancel each other: so it is taken
/// over distinct ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourDigest {
    /// The first second of the hour.
    pub hour: i64,
    /// Rows, each copy counted.
    pub rows: u64,
    /// Distinct ids.
    pub ids: u64,
    /// XOR of [`id_hash`] over the distinct ids.
    pub id_digest: u64,
    /// XOR of [`record_hash`] over the distinct ids; `None` where the sink does not have the records as received.
    pub record_digest: Option<u64>,
}

/// A row, or several with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkRow {
    /// Its id.
    pub id: String,
    /// Its second.
    pub second: i64,
    /// How often it is there. The same id may also come in several rows, which are then added up.
    pub copies: u64,
    /// Its [`record_hash`], where the sink has the record.
    pub record: Option<u64>,
    /// The same of the record after the question's redaction, if there is one.
    pub redacted: Option<u64>,
}

/// What can be seen of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shows {
    /// Whether a changed record is found; otherwise only ids are compared.
    pub records: bool,
    /// Whether a doubled row is found. Where the id is a key, there is none.
    pub doubled: bool,
    /// Whether rows name their collector. Otherwise other collectors of the list may have written some of them.
    pub collectors: bool,
}

/// A query to copy: it gives the figures of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it gives.
    pub about: String,
    /// `SQL`, `KQL`, `JSON`, `shell`.
    pub language: &'static str,
    /// The query, ready to run.
    pub text: String,
}

/// A sink that can say what it holds. A failure makes the window not provable.
#[async_trait]
pub trait Comparable: Send + Sync {
    /// Names what is read, such as a file or an index at an address.
    fn identity(&self) -> String;

    /// What can be seen of a row.
    fn shows(&self) -> Shows;

    /// The longest time from an acknowledged write until its rows can be read.
    fn latency(&self) -> Duration {
        Duration::ZERO
    }

    /// What this comparison cannot see, a sentence each.
    fn limits(&self, question: &Question) -> Vec<String>;

    /// The queries by which a person gets the same figures.
    fn statements(&self, question: &Question) -> Vec<Statement>;

    /// The second from which the sink still holds everything: earlier rows may have been removed by age or size. `None`
    /// if it removes nothing.
    async fn held_from(&self, question: &Question, now: i64) -> Result<Option<i64>, SinkError> {
        _ = (question, now);
        Ok(None)
    }

    /// Of these ids with their seconds, those that the question cannot find because their row names another collector: by id,
    /// the name of that collector. Only where rows are known by these, so that the row of one collector keeps out that of
    /// another.
    async fn of_others(
        &self,
        question: &Question,
        ids: Vec<(String, i64)>,
    ) -> Result<BTreeMap<String, String>, SinkError> {
        _ = (question, ids);
        Ok(BTreeMap::new())
    }

    /// Whether the rows of a table can be read at all, for `ccfd check`. Does nothing where reading needs no right of its own.
    async fn readable(&self, table: &Arc<Table>) -> Result<(), SinkError> {
        _ = table;
        Ok(())
    }

    /// The digests of all hours of the window that have rows, in any order. `None`: they cannot be had without the rows.
    async fn hours(&self, question: &Question) -> Result<Option<Vec<HourDigest>>, SinkError> {
        _ = question;
        Ok(None)
    }

    /// Sends the rows of these spans, which lie in the window, apart and in order: in messages of about [`PAGE_ROWS`] rows,
    /// in any order. An error of the channel means that nobody wants more: then it ends.
    async fn rows(
        &self,
        question: &Question,
        spans: &[Span],
        pages: mpsc::Sender<Vec<SinkRow>>,
    ) -> Result<(), SinkError>;
}

/// Whether a second lies in one of these spans, which are apart and in order.
pub fn cover(spans: &[Span], second: i64) -> bool {
    let next = spans.partition_point(|span| span.to <= second);
    spans.get(next).is_some_and(|span| span.has(second))
}

/// The first second of the hour of a second.
pub fn hour_of(second: i64) -> i64 {
    second.div_euclid(HOUR) * HOUR
}

/// XXH64 with seed 0 over the UTF-8 text of an id, as Kusto's `hash_xxhash64` gives it (there as a signed number).
pub fn id_hash(id: &str) -> u64 {
    xxh64(id.as_bytes(), 0)
}

/// XXH64 with seed 0 over an id and, behind it, the time of its row as the table has it: `2026-11-24T02:42:13Z`. As the seed
/// of [`record_hash`] it makes a row with another time differ, and two rows with exchanged records not cancel each other.
pub fn record_seed(id: &str, time: &[u8]) -> u64 {
    let mut hasher = Xxh64::new(0);
    hasher.update(id.as_bytes());
    hasher.update(time);
    hasher.digest()
}

/// XXH64 of a record's JSON without the white space between its tokens, because a page may be pretty-printed. The seed is that
/// of [`record_seed`].
pub fn record_hash(seed: u64, record: &[u8]) -> u64 {
    let mut hasher = Xxh64::new(seed);
    let (mut from, mut at) = (0, 0);
    while let Some(byte) = record.get(at) {
        match byte {
            b'"' => at = string_end(record, at),
            b' ' | b'\n' | b'\r' | b'\t' => {
                hasher.update(record.get(from..at).unwrap_or_default());
                at += 1;
                from = at;
            }
            _ => at += 1,
        }
    }
    hasher.update(record.get(from..).unwrap_or_default());
    hasher.digest()
}

/// Behind the quote that ends the string beginning here.
fn string_end(json: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        match json.get(at) {
            Some(b'\\') => at += 2,
            _ => return at + 1,
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_hashes_as_kusto_documents_it() {
        // The example of Kusto's manual: hash_xxhash64("World").
        assert_eq!(id_hash("World") as i64, 1_846_988_464_401_551_951);
    }

    #[test]
    fn white_space_between_tokens_does_not_count_and_any_other_change_does() {
        let hash = |json: &str| record_hash(7, json.as_bytes());
        let plain = hash(r#"{"id":"a","x":[1,"b \" c"]}"#);
        assert_eq!(plain, hash("{ \"id\" : \"a\",\r\n\t\"x\": [1, \"b \\\" c\"]\n}\n"));
        for other in [r#"{"id":"a","x":[1,"b \"  c"]}"#, r#"{"id":"a","x":[2,"b \" c"]}"#] {
            assert_ne!(plain, hash(other), "{other}");
        }
        assert_ne!(
            plain,
            record_hash(8, br#"{"id":"a","x":[1,"b \" c"]}"#),
            "the same record under another id"
        );
    }

    #[test]
    fn what_is_no_json_has_a_hash_as_well() {
        let all = ["\"", "\"\\", "{\"a", "\u{e9}\"\\\"", ""].map(|text| record_hash(0, text.as_bytes()));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
    }

    #[test]
    fn spans_cover_their_seconds_and_no_others() {
        let spans = [Span { from: 2, to: 4 }, Span { from: 4, to: 5 }, Span { from: 9, to: 10 }];
        let covered: Vec<i64> = (0..12).filter(|second| cover(&spans, *second)).collect();
        assert_eq!(covered, [2, 3, 4, 9]);
        assert!(!cover(&[], 0));
    }

    #[test]
    fn a_second_before_1970_has_an_hour() {
        assert_eq!([hour_of(-1), hour_of(0), hour_of(3599), hour_of(3600)], [-3600, 0, 0, 3600]);
    }
}
