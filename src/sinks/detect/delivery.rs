//! One batch: its records are judged, and what matches is stored.

use std::hint::black_box;

use collectors::Record;
use memchr::memmem;
use serde_json::{Map, Value};

use crate::{
    actions::advice::TAG_MEMBER,
    detect::{model::Matches, rules::RuleSet},
    detect_db::DetectDb,
    sinks::{Batch, Receipt, SinkError},
    tables::{CHAT_COMPLETIONS, Table, top_level},
};

/// A batch whose matches are more than these is stored in several transactions, which bounds the memory. It is
/// acknowledged after the last.
const MATCHES_MAX: usize = 5_000;

/// Records that are fetched together, of each so many cache lines at most: most are not longer.
const FETCHED_RECORDS: usize = 8;
const FETCHED_LINES_MAX: usize = 16;
const CACHE_LINE: usize = 64;

/// Judges a batch and stores its matches. A repeat changes nothing. Also returns how many matches are older than what the
/// rules have forgotten.
pub(super) fn deliver(
    (db, matches): (&mut DetectDb, &mut Matches),
    set: &RuleSet,
    batch: &Batch,
    notified_max: u32,
    now: i64,
) -> Result<(Receipt, u64), SinkError> {
    let (table, connector) = (&*batch.table.name, &*batch.connector);
    let mut judge = set.judging(&batch.table, connector);
    let mut forgotten = 0;
    // What an earlier batch has left, which could not be stored, is delivered again.
    matches.clear();
    for records in batch.records.chunks(FETCHED_RECORDS) {
        fetch(records);
        for record in records {
            if is_own(db, &batch.table, record)? {
                continue;
            }
            judge.judge(record, matches);
            if matches.len() >= MATCHES_MAX {
                forgotten += db.store(table, connector, matches, notified_max, now)?.forgotten;
                matches.clear();
            }
        }
    }
    let stored = db.store(table, connector, matches, notified_max, now)?;
    matches.clear();
    if stored.raised > 0 {
        tracing::info!(alerts = stored.raised, connector, "alerts raised: see `ccfd alerts list`");
    }
    let receipt = Receipt { accepted: batch.records.len() as u64, ..Receipt::default() };
    Ok((receipt, forgotten + stored.forgotten))
}

/// Reads about a byte of each cache line. Another thread has received the records, so they are far from this one: a scan
/// would wait for one line after the other, and this waits for all of them at once.
fn fetch(records: &[Record]) {
    let lines =
        records.iter().flat_map(|record| record.raw.iter().step_by(CACHE_LINE).take(FETCHED_LINES_MAX));
    black_box(lines.fold(0, |all, byte| all | byte));
}

/// Whether a record is the completion of a question that ccfd asked a model about an alert. A rule that it matched would raise
/// an alert, about which the model is asked again.
fn is_own(db: &mut DetectDb, table: &Table, record: &Record) -> Result<bool, SinkError> {
    if *table.name != *CHAT_COMPLETIONS.name || memmem::find(&record.raw, TAG_MEMBER.as_bytes()).is_none() {
        return Ok(false);
    }
    let metadata = top_level(&record.raw, "metadata").and_then(|json| serde_json::from_slice(json).ok());
    let metadata: Map<String, Value> = metadata.unwrap_or_default();
    match (metadata.get(TAG_MEMBER).and_then(Value::as_str), record.id_text()) {
        (Some(tag), Some(id)) => db.is_own_call(tag, &id),
        (Some(_) | None, _) => Ok(false),
    }
}
