//! One transaction: the new matches of a batch, and every change of alerts that follows from them.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
};

use rusqlite::{Transaction, TransactionBehavior};

use super::{
    DetectDb,
    flood::TurnFlood,
    group_map::GroupMap,
    groups::GroupWork,
    held::HeldMatches,
    outbox::{ActionOutbox, wake},
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
    /// Matches that a rule has forgotten: see `mark`.
    pub forgotten: u64,
}

/// The transaction of a batch.
pub(super) struct Turn<'a> {
    pub(super) begun: &'a Transaction<'a>,
    pub(super) book: &'a RuleBook,
    pub(super) rows_read: &'a Cell<u64>,
    pub(super) held: &'a mut HeldMatches,
    /// The groups with changes that are not in the journal.
    pub(super) grown: Vec<i64>,
    pub(super) now: i64,
    /// The most alerts of a rule in an hour that notify.
    pub(super) notified_max: u32,
    /// The rules, by their ids, that have notified as often as they may.
    pub(super) capped: RefCell<BTreeSet<i64>>,
    /// The rules, by their ids, of which alerts were held back.
    pub(super) floods: BTreeMap<i64, TurnFlood>,
    /// How many alerts more each alert has kept from notifying.
    pub(super) silenced: RefCell<BTreeMap<i64, i64>>,
    /// The number of the last change of an alert.
    pub(super) change: Cell<i64>,
    /// The rules as this batch leaves them, by their place.
    pub(super) firsts: HashMap<RuleIndex, i64>,
    /// What has changed, by correlation and group.
    pub(super) work: BTreeMap<RuleIndex, GroupMap<GroupWork>>,
    pub(super) stored: StoredMatches,
    /// What alerts do.
    pub(super) outbox: &'a ActionOutbox,
    /// Actions that were put.
    pub(super) put: u64,
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
        if matches.is_empty() {
            return Ok(StoredMatches::default());
        }
        let stored = self.in_turn(notified_max, now, |turn| turn.take(table, connector, matches));
        stored.map_err(|error| of_database(&self.path, error))
    }

    /// Does work in one transaction, with everything that follows from it.
    pub(super) fn in_turn(
        &mut self,
        notified_max: u32,
        now: i64,
        work: impl FnOnce(&mut Turn<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<StoredMatches> {
        let Some(book) = self.book.as_mut() else { return Ok(StoredMatches::default()) };
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if self.held.begin(&begun)? {
            book.read_again(&begun)?;
        }
        let change = begun
            .prepare_cached("SELECT value FROM counter WHERE name = 'change'")?
            .query_row([], |row| row.get(0))?;
        let mut turn = Turn {
            begun: &begun,
            book,
            rows_read: &self.rows_read,
            held: &mut self.held,
            grown: Vec::new(),
            now,
            notified_max,
            capped: RefCell::default(),
            floods: BTreeMap::new(),
            silenced: RefCell::default(),
            change: Cell::new(change),
            firsts: HashMap::new(),
            work: BTreeMap::new(),
            stored: StoredMatches::default(),
            outbox: &self.outbox,
            put: 0,
        };
        work(&mut turn)?;
        turn.settle()?;
        turn.write_floods()?;
        turn.write_silenced()?;
        let Turn { grown, stored, firsts, put, change: last, .. } = turn;
        let last = last.get();
        if last > change {
            let sql = "UPDATE counter SET value = ?1 WHERE name = 'change'";
            begun.prepare_cached(sql)?.execute([last])?;
        }
        let number = self.held.finish(&begun, &grown, self.rows_read.get(), now)?;
        begun.commit()?;
        self.held.committed(number);
        if put > 0 {
            wake();
        }
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
        self.change.set(self.change.get() + 1);
        Ok(self.change.get())
    }

    /// Groups of a correlation that have matches.
    pub(super) fn groups_of(&mut self, rule: RuleIndex) -> rusqlite::Result<BTreeSet<i64>> {
        let Some(rule) = self.known(rule).map(|known| known.id) else { return Ok(BTreeSet::new()) };
        let mut query = self.begun.prepare_cached("SELECT DISTINCT grp FROM piece WHERE rule = ?1")?;
        let stored = query.query_map([rule], |row| row.get(0))?;
        let mut groups: BTreeSet<i64> = stored.collect::<rusqlite::Result<_>>()?;
        for group in &groups {
            self.held.group(rule, *group);
        }
        groups.extend(self.held.groups.iter().filter(|(_, group)| group.rule == rule).map(|(id, _)| *id));
        Ok(groups)
    }
}
