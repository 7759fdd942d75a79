//! One transaction: the new matches of a batch, and every change of alerts that follows from them.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use rusqlite::{Transaction, TransactionBehavior};

use super::{
    DetectDb,
    groups::GroupWork,
    rules::{KnownRule, RuleBook},
};
use crate::{
    detect::model::{Match, RuleIndex},
    sinks::{SinkError, sqlite::of_database},
};

/// What came of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredMatches {
    /// Matches that were not there before.
    pub matches: u64,
    /// Alerts that were created.
    pub raised: u64,
}

/// The transaction of a batch.
pub(super) struct Turn<'a> {
    pub(super) begun: &'a Transaction<'a>,
    pub(super) book: &'a RuleBook,
    pub(super) rows_read: &'a Cell<u64>,
    pub(super) now: i64,
    /// The most alerts of a rule in an hour that notify.
    pub(super) notified_max: u32,
    /// The rules as this batch leaves them, by their place.
    pub(super) firsts: HashMap<RuleIndex, i64>,
    /// Groups by their rule and key.
    pub(super) ids: HashMap<(RuleIndex, String), i64>,
    /// What has changed, by correlation and group.
    pub(super) work: BTreeMap<RuleIndex, BTreeMap<i64, GroupWork>>,
    /// Alerts that were withdrawn, or whose events changed.
    pub(super) stored: StoredMatches,
}

impl DetectDb {
    /// Stores the matches of one batch, and raises, extends, joins and withdraws alerts. Matches that were stored before
    /// change nothing.
    pub fn store(
        &mut self,
        table: &str,
        connector: &str,
        matches: &[Match],
        notified_max: u32,
        now: i64,
    ) -> Result<StoredMatches, SinkError> {
        let Some(book) = self.book.as_mut().filter(|_| !matches.is_empty()) else {
            return Ok(StoredMatches::default());
        };
        let failed = |error| of_database(&self.path, error);
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut turn = Turn {
            begun: &begun,
            book,
            rows_read: &self.rows_read,
            now,
            notified_max,
            firsts: HashMap::new(),
            ids: HashMap::new(),
            work: BTreeMap::new(),
            stored: StoredMatches::default(),
        };
        turn.take(table, connector, matches).and_then(|()| turn.settle()).map_err(failed)?;
        let (stored, firsts) = (turn.stored, turn.firsts);
        begun.commit().map_err(failed)?;
        for (rule, first) in firsts {
            if let Some(known) = book.known.get_mut(rule.0 as usize) {
                known.first_at = Some(first);
            }
        }
        Ok(stored)
    }
}

impl Turn<'_> {
    pub(super) fn known(&self, rule: RuleIndex) -> Option<&KnownRule> {
        self.book.known.get(rule.0 as usize)
    }

    /// The earliest match that a correlation has seen.
    pub(super) fn first_at(&self, rule: RuleIndex) -> Option<i64> {
        self.firsts.get(&rule).copied().or_else(|| self.known(rule)?.first_at)
    }

    /// The work on a group.
    pub(super) fn work_on(&mut self, rule: RuleIndex, group: i64) -> &mut GroupWork {
        self.work.entry(rule).or_default().entry(group).or_default()
    }

    pub(super) fn read(&self, rows: u64) {
        self.rows_read.set(self.rows_read.get() + rows);
    }

    /// A number for a change of an alert, larger than those before.
    pub(super) fn next_change(&self) -> rusqlite::Result<i64> {
        let sql = "UPDATE counter SET value = value + 1 WHERE name = 'change' RETURNING value";
        self.begun.prepare_cached(sql)?.query_row([], |row| row.get(0))
    }

    /// Groups of a correlation that have matches.
    pub(super) fn groups_of(&self, rule: RuleIndex) -> rusqlite::Result<BTreeSet<i64>> {
        let Some(known) = self.known(rule) else { return Ok(BTreeSet::new()) };
        let mut query = self.begun.prepare_cached("SELECT id FROM grp WHERE rule = ?1")?;
        query.query_map([known.id], |row| row.get(0))?.collect()
    }
}
