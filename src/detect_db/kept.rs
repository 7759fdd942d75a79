//! What is kept of an alert when matches of it are forgotten and others are not: how many there were, the first of them, and
//! the stretch of event time that is known to belong together.

use rusqlite::{Row, params};

use super::{
    raise::{LiveAlert, live_alert},
    refresh::AlertHead,
    store::Turn,
};
use crate::detect::episodes::Episode;

/// The tables of this file. `n` counts the records that are forgotten.
pub(super) const TABLES: &str = "
CREATE TABLE kept (
    grp INTEGER NOT NULL, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL, rule INTEGER NOT NULL, since INTEGER NOT NULL,
    n INTEGER NOT NULL, first_at INTEGER NOT NULL, record_ids TEXT NOT NULL, shown TEXT NOT NULL, tables TEXT NOT NULL,
    connectors TEXT NOT NULL, PRIMARY KEY (grp, from_at)
) WITHOUT ROWID;
";

/// What is kept of a part of an alert.
#[derive(Clone, Debug)]
pub(super) struct KeptPart {
    pub(super) stretch: Episode,
    /// The earliest second that a record of it had.
    pub(super) since: i64,
    /// The records that are forgotten.
    pub(super) count: i64,
    /// The first of them.
    pub(super) head: AlertHead,
}

/// A rule that forgets.
#[derive(Clone, Copy, Debug)]
pub(super) struct ForgettingRule {
    /// Its id in the database.
    pub(super) rule: i64,
    /// Its new mark. Alerts that begin to count there or earlier lose records.
    pub(super) mark: i64,
    /// Stretches that begin here or earlier cannot be found again.
    pub(super) judged: i64,
    /// No alert that begins later has lost anything.
    pub(super) touched: i64,
}

impl Turn<'_> {
    /// What is kept of alerts of a group that meet a stretch, in order of time.
    pub(super) fn kept_parts(&self, group: i64, near: Episode) -> rusqlite::Result<Vec<KeptPart>> {
        if !self.held.kept.contains(&group) {
            return Ok(Vec::new());
        }
        let sql = "SELECT from_at, to_at, since, n, first_at, record_ids, shown, tables, connectors FROM kept
                   WHERE grp = ?1 AND from_at <= ?3 AND to_at >= ?2 ORDER BY from_at";
        let mut query = self.begun.prepare_cached(sql)?;
        let found = query.query_map([group, near.from, near.to], kept_part)?;
        found.collect()
    }

    /// Moves the mark of a rule, before what it forgets is removed. Of alerts that lose only a part, it is kept what they
    /// have lost; the others are what they are. What is kept of an alert already remains so, because nothing of it is left to
    /// be counted again.
    pub(super) fn forget(&mut self, forgetting: &ForgettingRule) -> rusqlite::Result<()> {
        let ForgettingRule { rule, mark, judged, touched } = *forgetting;
        let sql = "SELECT id, ep_from, ep_to, since, event_count, head_to, grp FROM alert
                   WHERE live = 1 AND rule = ?1 AND ep_from <= ?2";
        let mut query = self.begun.prepare_cached(sql)?;
        let alerts = query.query_map([rule, touched], |row| Ok((live_alert(row)?, row.get(6)?)))?;
        let alerts: Vec<(LiveAlert, i64)> = alerts.collect::<rusqlite::Result<_>>()?;
        drop(query);
        for (alert, group) in alerts {
            if alert.episode.to > mark && (alert.since <= mark || alert.episode.from <= judged) {
                self.keep(rule, group, &alert, mark)?;
            }
        }
        let sql = "UPDATE alert SET live = 0 WHERE live = 1 AND rule = ?1 AND ep_from <= ?2 AND ep_to <= ?2";
        self.begun.prepare_cached(sql)?.execute([rule, mark])?;
        self.begun
            .prepare_cached("DELETE FROM kept WHERE rule = ?1 AND to_at <= ?2")?
            .execute([rule, mark])?;
        let sql = "UPDATE rule SET mark = max(coalesce(mark, ?2), ?2) WHERE id = ?1";
        self.begun.prepare_cached(sql)?.execute([rule, mark])?;
        self.held.marks.insert(rule, mark);
        Ok(())
    }

    fn keep(&mut self, rule: i64, group: i64, alert: &LiveAlert, mark: i64) -> rusqlite::Result<()> {
        let Episode { from, to } = alert.episode;
        let before = self.kept_parts(group, alert.episode)?;
        self.held.group(rule, group);
        let count = before.iter().map(|part| part.count).sum::<i64>()
            + self.records_between(group, from, to.min(mark))?
            + self.brought_between(group, alert.since, from.saturating_sub(1).min(mark))?;
        let head = self.head(group, alert.episode, alert.since, &before, mark)?;
        for part in &before {
            let sql = "DELETE FROM kept WHERE grp = ?1 AND from_at = ?2";
            self.begun.prepare_cached(sql)?.execute([group, part.stretch.from])?;
        }
        let sql = "INSERT INTO kept (grp, from_at, to_at, rule, since, n, first_at, record_ids, shown, tables, connectors)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let AlertHead { first_at, records, shown, tables, connectors, .. } = head;
        let row =
            params![group, from, to, rule, alert.since, count, first_at, records, shown, tables, connectors];
        self.begun.prepare_cached(sql)?.execute(row)?;
        self.held.kept.insert(group);
        Ok(())
    }
}

fn kept_part(row: &Row<'_>) -> rusqlite::Result<KeptPart> {
    let stretch = Episode { from: row.get(0)?, to: row.get(1)? };
    let head = AlertHead {
        first_at: row.get(4)?,
        head_to: stretch.from,
        records: row.get(5)?,
        shown: row.get(6)?,
        tables: row.get(7)?,
        connectors: row.get(8)?,
    };
    Ok(KeptPart { stretch, since: row.get(2)?, count: row.get(3)?, head })
}
