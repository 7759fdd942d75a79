//! What is removed: matches and alerts that are too old, and the oldest matches, at last the oldest alerts, when the database
//! is too large. An alert whose matches are removed stays as it is and can no longer grow.

use std::{collections::BTreeMap, time::Duration};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::{DetectDb, matches::TALLY_SECONDS};
use crate::sinks::{SinkError, sqlite::of_database};

/// Rows of a table removed in one transaction, so that no lock is held for long.
const CHUNK_ROWS: i64 = 500;
/// Matches whose pieces are removed in one transaction.
const CHUNK_MATCHES: u64 = 500;
/// What is in the journal for longer moves to its pieces, from which it can be removed.
const JOURNAL_SECONDS: i64 = 24 * 60 * 60;
/// Transactions in one go.
const CHUNKS_MAX: usize = 60;
/// Pages given back to the file system in one go.
const FREED_PAGES_MAX: u32 = 4_000;

/// How long matches and alerts are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertLimits {
    /// By the later of their event and their arrival.
    pub retention: Duration,
    /// The most bytes of the database.
    pub size_max: u64,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Matches.
    pub matches: u64,
    /// Alerts.
    pub alerts: u64,
    /// More is left to remove.
    pub more: bool,
}

impl DetectDb {
    /// Removes what the limits say, and says what was removed.
    pub fn clear_up(&mut self, limits: &AlertLimits, now: i64) -> Result<Forgotten, SinkError> {
        let age = i64::try_from(limits.retention.as_secs()).unwrap_or(i64::MAX);
        let mut left = CHUNKS_MAX;
        let young = now.saturating_sub(age.min(JOURNAL_SECONDS));
        let emptied = self.empty_journal(young, limits.size_max);
        emptied.map_err(|error| of_database(&self.path, error))?;
        let old = self.forget(now.saturating_sub(age), &mut left);
        let old = old.map_err(|error| of_database(&self.path, error))?;
        log_removed(old, "retention");
        let large =
            self.shrink(limits.size_max, &mut left).map_err(|error| of_database(&self.path, error))?;
        log_removed(large, "size_max");
        self.give_back().map_err(|error| of_database(&self.path, error))?;
        let more = left == 0;
        Ok(Forgotten { matches: old.matches + large.matches, alerts: old.alerts + large.alerts, more })
    }

    fn forget(&mut self, before: i64, left: &mut usize) -> rusqlite::Result<Forgotten> {
        let sql = "DELETE FROM tally WHERE (hour + 1) * ?1 <= ?2";
        self.connection.execute(sql, [TALLY_SECONDS, before])?;
        let mut gone = Forgotten::default();
        while *left > 0 {
            *left -= 1;
            let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let (pieces, matches) = forget_pieces(&begun, before)?;
            let sql = format!(
                "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE last_event_at < ?1 AND changed_at < ?1 LIMIT {CHUNK_ROWS})"
            );
            let alerts = begun.execute(&sql, [before])? as u64;
            begun.commit()?;
            gone.matches += matches;
            gone.alerts += alerts;
            if pieces > 0 {
                self.held.forget();
            }
            if (pieces, alerts) == (0, 0) {
                break;
            }
        }
        Ok(gone)
    }

    fn shrink(&mut self, size_max: u64, left: &mut usize) -> rusqlite::Result<Forgotten> {
        let mut gone = Forgotten::default();
        while *left > 0 && self.bytes_used()?.saturating_sub(self.bytes_of_files()?) > size_max {
            *left -= 1;
            let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let (pieces, matches) = forget_pieces(&begun, i64::MAX)?;
            let mut alerts = 0;
            if pieces == 0 {
                let sql = format!(
                    "DELETE FROM alert WHERE id IN (SELECT id FROM alert ORDER BY id LIMIT {CHUNK_ROWS})"
                );
                alerts = begun.execute(&sql, [])? as u64;
            }
            begun.commit()?;
            gone.matches += matches;
            gone.alerts += alerts;
            if pieces > 0 {
                self.held.forget();
            }
            if (pieces, alerts) == (0, 0) {
                break;
            }
        }
        Ok(gone)
    }

    /// Bytes of files that people attached to cases, which have a limit of their own: alerts do not give way to them.
    fn bytes_of_files(&self) -> rusqlite::Result<u64> {
        let sql = "SELECT coalesce(sum(bytes), 0) FROM case_file";
        self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).map(i64::unsigned_abs)
    }

    /// Moves what is in the journal to its pieces, if some of it is old, or if something must be removed.
    fn empty_journal(&mut self, before: i64, size_max: u64) -> rusqlite::Result<()> {
        let sql = "SELECT arrived FROM journal ORDER BY id LIMIT 1";
        let oldest: Option<i64> = self.connection.query_row(sql, [], |row| row.get(0)).optional()?;
        let Some(oldest) = oldest else { return Ok(()) };
        if oldest >= before && self.bytes_used()?.saturating_sub(self.bytes_of_files()?) <= size_max {
            return Ok(());
        }
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.held.begin(&begun)?;
        self.held.spill(&begun)?;
        next_turn(&begun)?;
        self.held.forget();
        begun.commit()
    }

    /// Returns free pages to the file system.
    fn give_back(&self) -> rusqlite::Result<()> {
        let sql = format!("PRAGMA incremental_vacuum({FREED_PAGES_MAX})");
        let mut vacuum = self.connection.prepare(&sql)?;
        let mut steps = vacuum.raw_query();
        while steps.next()?.is_some() {}
        Ok(())
    }
}

fn log_removed(gone: Forgotten, why: &str) {
    let Forgotten { matches, alerts, .. } = gone;
    if matches > 0 || alerts > 0 {
        tracing::info!(matches, alerts, why, "removed old matches and alerts");
    }
}

/// Forgets what correlations know of the pieces that arrived first, and leaves the alerts of them as they are. How many
/// pieces, and how many matches.
fn forget_pieces(begun: &Connection, before: i64) -> rusqlite::Result<(u64, u64)> {
    let sql = format!(
        "SELECT id, grp, to_at, n FROM piece WHERE arrived < ?1 AND to_at < ?1 ORDER BY arrived, id LIMIT {CHUNK_ROWS}"
    );
    let mut query = begun.prepare_cached(&sql)?;
    let mut rows = query.query([before])?;
    let (mut ids, mut groups, mut matches) = (Vec::new(), BTreeMap::<i64, i64>::new(), 0);
    while let Some(row) = rows.next()?
        && matches < CHUNK_MATCHES
    {
        let (id, group, to): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        ids.push(id);
        matches += row.get::<_, i64>(3)?.unsigned_abs();
        let newest = groups.entry(group).or_insert(to);
        *newest = (*newest).max(to);
    }
    for id in &ids {
        begun.prepare_cached("DELETE FROM piece WHERE id = ?1")?.execute([id])?;
    }
    for (group, newest) in groups {
        let sql = "UPDATE alert SET live = 0 WHERE live = 1 AND grp = ?1 AND since <= ?2";
        begun.prepare_cached(sql)?.execute([group, newest])?;
    }
    if !ids.is_empty() {
        next_turn(begun)?;
    }
    Ok((ids.len() as u64, matches))
}

/// Other processes forget what they have in memory.
pub(super) fn next_turn(begun: &Connection) -> rusqlite::Result<()> {
    begun.execute("UPDATE counter SET value = value + 1 WHERE name = 'turn'", []).map(drop)
}
