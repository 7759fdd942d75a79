//! Compares the ledger with the sink: by hours first, and by ids only where these differ.
//!
//! A sink is asked twice, for hours and for rows, and may be written to between the two. The rows are what is judged: of an
//! hour whose rows were fetched, its digest is computed from them. Where digests and differences contradict each other, nothing
//! is proven.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::ledger::Ledger;
use crate::{
    sinks::{
        SinkError,
        comparable::{Comparable, HOUR, HourDigest, Question, SinkRow, Span, cover, hour_of},
    },
    tables::format_utc,
};

/// Messages of rows that wait for the ledger.
const PAGES_MAX: usize = 4;
/// The most differences that a report lists; all are counted.
pub const LISTED_MAX: usize = 100_000;

/// What is wrong with an id, before it is known why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The source lists it, the sink does not have it.
    Missing,
    /// The sink has it more than once.
    Doubled {
        /// How often.
        copies: u64,
    },
    /// The sink has it, the source does not list it.
    OnlyInSink,
    /// Both have it, with another record or another second.
    Altered {
        /// Whether the present redaction turns the sink's record into that of the source.
        by_redaction: bool,
    },
}

/// An id on which the two sides differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDifference {
    /// The id.
    pub id: String,
    /// Its second at the source, or else in the sink.
    pub second: i64,
    /// What is wrong.
    pub finding: DifferenceKind,
}

/// An hour on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparedHour {
    /// What the source lists.
    pub source: HourDigest,
    /// What the sink holds.
    pub sink: HourDigest,
    /// Whether a row that is on both sides has another second in the sink. A digest of ids does not show that.
    pub has_moved: bool,
}

impl ComparedHour {
    /// Whether both hold the same.
    pub fn agrees(&self) -> bool {
        let Self { source, sink, has_moved } = self;
        let alike = (source.rows, source.ids, source.id_digest) == (sink.rows, sink.ids, sink.id_digest);
        alike
            && !has_moved
            && match (source.record_digest, sink.record_digest) {
                (Some(source), Some(sink)) => source == sink,
                (None, _) | (_, None) => true,
            }
    }
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub struct ComparedSides {
    /// Every hour that has rows on one side.
    pub hours: Vec<ComparedHour>,
    /// The differences by second and id, at most [`LISTED_MAX`] of them.
    pub found: Vec<FoundDifference>,
    /// How many more there are.
    pub left_out: u64,
    /// Why nothing is proven by it, although the sink answered.
    pub doubt: Option<String>,
}

/// Compares, without the records unless `with_records`. The ledger must hold the source, and nothing of the sink.
pub async fn compare(
    ledger: &Ledger,
    sink: &dyn Comparable,
    question: &Question,
    with_records: bool,
) -> Result<ComparedSides, SinkError> {
    let mut source_hours = ledger.source_hours().await?;
    if !with_records {
        source_hours.iter_mut().for_each(|hour| hour.record_digest = None);
    }
    let Some(sink_hours) = sink.hours(question).await? else {
        fetch(ledger, sink, question, &[question.window], with_records).await?;
        let mut hours = pair(&source_hours, &ledger.sink_hours().await?);
        let moved = ledger.moved_hours().await?;
        hours.iter_mut().for_each(|hour| hour.has_moved = moved.contains(&hour.source.hour));
        let differing = differing(&hours);
        return judge(ledger, hours, differing).await;
    };
    if let Some(doubt) = implausible(&sink_hours, question.window) {
        return Ok(ComparedSides { doubt: Some(doubt), ..ComparedSides::default() });
    }
    let mut hours = pair(&source_hours, &sink_hours);
    let differing = differing(&hours);
    let spans = spans(differing.iter().copied(), question.window);
    if !spans.is_empty() {
        fetch(ledger, sink, question, &spans, with_records).await?;
        let (fetched, moved) = (by_hour(&ledger.sink_hours().await?), ledger.moved_hours().await?);
        for hour in hours.iter_mut().filter(|hour| differing.contains(&hour.source.hour)) {
            hour.sink = at_hour(&fetched, hour.source.hour);
            hour.has_moved = moved.contains(&hour.source.hour);
        }
    }
    judge(ledger, hours, differing).await
}

/// What is wrong with the hours that a sink names: each may come once, and must lie in the window.
fn implausible(hours: &[HourDigest], window: Span) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut is_wrong = |digest: &&HourDigest| {
        let hour = digest.hour;
        hour_of(hour) != hour || hour < hour_of(window.from) || hour >= window.to || !seen.insert(hour)
    };
    hours.iter().find(|digest| is_wrong(digest)).map(|digest| {
        let hour = format_utc(digest.hour);
        format!(
            "the sink gave the hour {hour} twice, or outside of the window: its figures cannot be relied on"
        )
    })
}

fn by_hour(digests: &[HourDigest]) -> BTreeMap<i64, HourDigest> {
    digests.iter().filter(|digest| digest.rows > 0).map(|digest| (digest.hour, *digest)).collect()
}

/// The digest of an hour; empty if it has no rows.
fn at_hour(side: &BTreeMap<i64, HourDigest>, hour: i64) -> HourDigest {
    let empty = HourDigest { hour, rows: 0, ids: 0, id_digest: 0, record_digest: Some(0) };
    side.get(&hour).copied().unwrap_or(empty)
}

/// The hours of both sides.
fn pair(source: &[HourDigest], sink: &[HourDigest]) -> Vec<ComparedHour> {
    let (source, sink) = (by_hour(source), by_hour(sink));
    let hours: BTreeSet<i64> = source.keys().chain(sink.keys()).copied().collect();
    let of =
        |hour| ComparedHour { source: at_hour(&source, hour), sink: at_hour(&sink, hour), has_moved: false };
    hours.into_iter().map(of).collect()
}

/// The hours that differ.
fn differing(hours: &[ComparedHour]) -> BTreeSet<i64> {
    hours.iter().filter(|hour| !hour.agrees()).map(|hour| hour.source.hour).collect()
}

/// These hours, in as few spans as possible, cut to the window.
fn spans(hours: impl Iterator<Item = i64>, window: Span) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for hour in hours {
        match spans.last_mut().filter(|last| last.to == hour) {
            Some(last) => last.to += HOUR,
            None => spans.push(Span { from: hour, to: hour + HOUR }),
        }
    }
    let cut = |span: Span| Span { from: span.from.max(window.from), to: span.to.min(window.to) };
    spans.into_iter().map(cut).collect()
}

/// Brings the sink's rows of these spans into the ledger.
async fn fetch(
    ledger: &Ledger,
    sink: &dyn Comparable,
    question: &Question,
    spans: &[Span],
    with_records: bool,
) -> Result<(), SinkError> {
    let (pages, mut arriving) = mpsc::channel::<Vec<SinkRow>>(PAGES_MAX);
    let adding = async {
        while let Some(mut rows) = arriving.recv().await {
            rows.retain(|row| cover(spans, row.second));
            if !with_records {
                rows.iter_mut().for_each(|row| (row.record, row.redacted) = (None, None));
            }
            ledger.add_rows(rows).await?;
        }
        Ok(())
    };
    tokio::try_join!(sink.rows(question, spans, pages), adding).map(|_| ())
}

/// All differences within these hours, whose rows were fetched.
async fn judge(
    ledger: &Ledger,
    hours: Vec<ComparedHour>,
    fetched: BTreeSet<i64>,
) -> Result<ComparedSides, SinkError> {
    let FoundDifferences { found, left_out, touched } = ledger
        .run(move |connection| {
            let change = connection.transaction()?;
            change.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS differing (hour INTEGER PRIMARY KEY); DELETE FROM differing",
            )?;
            for hour in fetched {
                change.execute("INSERT INTO differing VALUES (?1)", params![hour])?;
            }
            let found = differences(&change)?;
            change.commit()?;
            Ok(found)
        })
        .await?;
    let contradicting = hours.iter().find(|hour| hour.agrees() == touched.contains(&hour.source.hour));
    let doubt = contradicting.map(|hour| {
        let hour = format_utc(hour.source.hour);
        format!("the figures of the hour {hour} and the differences found in it contradict each other")
    });
    Ok(ComparedSides { hours, found, left_out, doubt })
}

/// What the ledger finds.
struct FoundDifferences {
    found: Vec<FoundDifference>,
    left_out: u64,
    /// The hours of all differences.
    touched: BTreeSet<i64>,
}

/// By kind: missing, only in the sink, doubled, altered. An id that moved to another hour is missing in one and alone in the
/// other: it is altered once. What is asked of all ids is asked only where a line needs it, because then SQLite sorts them.
const DIFFERENCES: &str = "
    SELECT s.id, s.second, CASE WHEN s.id IN (SELECT id FROM sink) THEN 3 ELSE 0 END AS kind, 0 AS number
        FROM differing JOIN source AS s USING (hour) LEFT JOIN sink AS k ON k.hour = s.hour AND k.id = s.id
        WHERE k.id IS NULL
    UNION ALL
    SELECT k.id, k.second, CASE
            WHEN k.id NOT IN (SELECT id FROM source) THEN 1
            WHEN k.id IN (
                SELECT s.id FROM differing JOIN source AS s USING (hour)
                LEFT JOIN sink AS k ON k.hour = s.hour AND k.id = s.id WHERE k.id IS NULL
            ) THEN 4
            ELSE 2 END, k.copies + 1
        FROM differing JOIN sink AS k USING (hour) LEFT JOIN source AS s ON s.hour = k.hour AND s.id = k.id
        WHERE s.id IS NULL
    UNION ALL
    SELECT k.id, k.second, 2, k.copies
        FROM differing JOIN sink AS k USING (hour) JOIN source AS s ON s.hour = k.hour AND s.id = k.id
        WHERE k.copies > 1
    UNION ALL
    SELECT s.id, s.second, 3, k.redacted IS s.record AND NOT k.varies AND k.second = s.second
        FROM differing JOIN source AS s USING (hour) JOIN sink AS k ON k.hour = s.hour AND k.id = s.id
        WHERE k.varies OR k.second <> s.second OR (k.record IS NOT NULL AND k.record <> s.record)
    ORDER BY 2, 1, 3
";

fn differences(connection: &rusqlite::Connection) -> rusqlite::Result<FoundDifferences> {
    let mut statement = connection.prepare(DIFFERENCES)?;
    let mut rows = statement.query([])?;
    let (mut found, mut left_out, mut touched) = (Vec::new(), 0, BTreeSet::new());
    let mut note = connection.prepare("INSERT OR IGNORE INTO missing VALUES (?1)")?;
    while let Some(row) = rows.next()? {
        let (id, second, kind): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let number: i64 = row.get(3)?;
        touched.insert(hour_of(second));
        let finding = match kind {
            0 => {
                note.execute(params![id])?;
                DifferenceKind::Missing
            }
            1 => DifferenceKind::OnlyInSink,
            2 => DifferenceKind::Doubled { copies: number.unsigned_abs() },
            3 => DifferenceKind::Altered { by_redaction: number == 1 },
            // The other end of one that moved.
            _ => continue,
        };
        if found.len() < LISTED_MAX {
            found.push(FoundDifference { id, second, finding });
        } else {
            left_out += 1;
        }
    }
    Ok(FoundDifferences { found, left_out, touched })
}

#[cfg(test)]
mod tests;
