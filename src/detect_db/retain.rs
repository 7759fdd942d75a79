//! What is removed: matches and alerts that are too old, and the oldest matches, at last the oldest alerts, when the database
//! is too large. An alert whose matches are removed stays as it is and can no longer grow.

use std::{collections::BTreeMap, time::Duration};

use rusqlite::{Connection, TransactionBehavior};

use super::DetectDb;
use crate::sinks::{SinkError, sqlite::of_database};

/// Rows of a table removed in one transaction, so that no lock is held for long.
const CHUNK_ROWS: i64 = 500;
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
        let mut gone = Forgotten::default();
        while *left > 0 {
            *left -= 1;
            let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let seconds = forget_seconds(&begun, before)?;
            let matches = forget_matches(&begun, before)?;
            let sql = format!(
                "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE last_event_at < ?1 AND changed_at < ?1 LIMIT {CHUNK_ROWS})"
            );
            let alerts = begun.execute(&sql, [before])? as u64;
            begun.commit()?;
            gone.matches += matches;
            gone.alerts += alerts;
            if (seconds, matches, alerts) == (0, 0, 0) {
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
            let seconds = forget_seconds(&begun, i64::MAX)?;
            let matches = forget_matches(&begun, i64::MAX)?;
            let mut alerts = 0;
            if (seconds, matches) == (0, 0) {
                let sql = format!(
                    "DELETE FROM alert WHERE id IN (SELECT id FROM alert ORDER BY id LIMIT {CHUNK_ROWS})"
                );
                alerts = begun.execute(&sql, [])? as u64;
            }
            begun.commit()?;
            gone.matches += matches;
            gone.alerts += alerts;
            if (seconds, matches, alerts) == (0, 0, 0) {
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

/// Forgets what correlations know of the seconds that arrived first, and leaves the alerts of them as they are.
fn forget_seconds(begun: &Connection, before: i64) -> rusqlite::Result<u64> {
    let sql = format!(
        "SELECT grp, at FROM second WHERE arrived < ?1 AND at < ?1 ORDER BY arrived LIMIT {CHUNK_ROWS}"
    );
    let mut query = begun.prepare_cached(&sql)?;
    let seconds: rusqlite::Result<Vec<(i64, i64)>> =
        query.query_map([before], |row| Ok((row.get(0)?, row.get(1)?)))?.collect();
    let seconds = seconds?;
    let mut groups: BTreeMap<i64, i64> = BTreeMap::new();
    for (group, at) in &seconds {
        for sql in [
            "DELETE FROM tick WHERE grp = ?1 AND at = ?2",
            "DELETE FROM member WHERE grp = ?1 AND at = ?2",
            "DELETE FROM hit WHERE child = ?1 AND at = ?2",
            "DELETE FROM second WHERE grp = ?1 AND at = ?2",
        ] {
            begun.prepare_cached(sql)?.execute([group, at])?;
        }
        let newest = groups.entry(*group).or_insert(*at);
        *newest = (*newest).max(*at);
    }
    for (group, newest) in groups {
        let sql = "UPDATE alert SET live = 0 WHERE live = 1 AND grp = ?1 AND since <= ?2";
        begun.prepare_cached(sql)?.execute([group, newest])?;
        let sql = "DELETE FROM grp WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM second WHERE grp = ?1)";
        begun.prepare_cached(sql)?.execute([group])?;
    }
    Ok(seconds.len() as u64)
}

fn forget_matches(begun: &Connection, before: i64) -> rusqlite::Result<u64> {
    let sql = format!(
        "DELETE FROM match WHERE id IN
             (SELECT id FROM match WHERE arrived < ?1 AND at < ?1 ORDER BY arrived LIMIT {CHUNK_ROWS})"
    );
    begun.execute(&sql, [before]).map(|rows| rows as u64)
}

/// Forgets all that a correlation knows of a group.
pub(super) fn forget_group(begun: &Connection, group: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM tick WHERE grp = ?1",
        "DELETE FROM member WHERE grp = ?1",
        "DELETE FROM hit WHERE child = ?1",
        "DELETE FROM second WHERE grp = ?1",
        "DELETE FROM grp WHERE id = ?1",
    ] {
        begun.prepare_cached(sql)?.execute([group])?;
    }
    Ok(())
}
