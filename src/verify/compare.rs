//! Compares the ledger with the sink: by hours first, and by ids only where these differ.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::ledger::Ledger;
use crate::sinks::{
    SinkError,
    comparable::{Comparable, HOUR, HourDigest, Question, SinkRow, Span, cover},
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
}

impl ComparedHour {
    /// Whether both hold the same.
    pub fn agrees(&self) -> bool {
        let Self { source, sink } = self;
        let alike = (source.rows, source.ids, source.id_digest) == (sink.rows, sink.ids, sink.id_digest);
        alike
            && match (source.record_digest, sink.record_digest) {
                (Some(source), Some(sink)) => source == sink,
                (None, _) | (_, None) => true,
            }
    }
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Every hour that has rows on one side.
    pub hours: Vec<ComparedHour>,
    /// The differences by second and id, at most [`LISTED_MAX`] of them.
    pub found: Vec<FoundDifference>,
    /// How many more there are.
    pub left_out: u64,
}

/// Compares, without the records unless `with_records`. The ledger must hold the source, and nothing of the sink.
pub async fn compare(
    ledger: &Ledger,
    sink: &dyn Comparable,
    question: &Question,
    with_records: bool,
) -> Result<Comparison, SinkError> {
    let mut source_hours = ledger.source_hours().await?;
    if !with_records {
        source_hours.iter_mut().for_each(|hour| hour.record_digest = None);
    }
    let sink_hours = match sink.hours(question).await? {
        Some(hours) => hours,
        None => {
            fetch(ledger, sink, question, &[question.window], with_records).await?;
            let hours = ledger.sink_hours().await?;
            return judge(ledger, pair(&source_hours, &hours)).await;
        }
    };
    let hours = pair(&source_hours, &sink_hours);
    let differing = hours.iter().filter(|hour| !hour.agrees()).map(|hour| hour.source.hour);
    let spans = spans(differing, question.window);
    if !spans.is_empty() {
        fetch(ledger, sink, question, &spans, with_records).await?;
    }
    judge(ledger, hours).await
}

/// The hours of both sides; one that has no rows on a side is empty there.
fn pair(source: &[HourDigest], sink: &[HourDigest]) -> Vec<ComparedHour> {
    let by_hour = |digests: &[HourDigest]| -> BTreeMap<i64, HourDigest> {
        digests.iter().filter(|digest| digest.rows > 0).map(|digest| (digest.hour, *digest)).collect()
    };
    let (source, sink) = (by_hour(source), by_hour(sink));
    let hours: BTreeSet<i64> = source.keys().chain(sink.keys()).copied().collect();
    let empty = |hour| HourDigest { hour, rows: 0, ids: 0, id_digest: 0, record_digest: Some(0) };
    let of = |side: &BTreeMap<i64, HourDigest>, hour| side.get(&hour).copied().unwrap_or_else(|| empty(hour));
    hours.into_iter().map(|hour| ComparedHour { source: of(&source, hour), sink: of(&sink, hour) }).collect()
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

/// All differences within the hours that differ.
async fn judge(ledger: &Ledger, hours: Vec<ComparedHour>) -> Result<Comparison, SinkError> {
    let differing: Vec<i64> =
        hours.iter().filter(|hour| !hour.agrees()).map(|hour| hour.source.hour).collect();
    let (found, left_out) = ledger
        .run(move |connection| {
            let change = connection.transaction()?;
            change.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS differing (hour INTEGER PRIMARY KEY); DELETE FROM differing",
            )?;
            for hour in differing {
                change.execute("INSERT INTO differing VALUES (?1)", params![hour])?;
            }
            let found = differences(&change)?;
            change.commit()?;
            Ok(found)
        })
        .await?;
    Ok(Comparison { hours, found, left_out })
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

fn differences(connection: &rusqlite::Connection) -> rusqlite::Result<(Vec<FoundDifference>, u64)> {
    let mut statement = connection.prepare(DIFFERENCES)?;
    let mut rows = statement.query([])?;
    let (mut found, mut left_out) = (Vec::new(), 0);
    let mut note = connection.prepare("INSERT OR IGNORE INTO missing VALUES (?1)")?;
    while let Some(row) = rows.next()? {
        let (id, kind, number): (String, i64, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
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
            found.push(FoundDifference { id, second: row.get(1)?, finding });
        } else {
            left_out += 1;
        }
    }
    Ok((found, left_out))
}
