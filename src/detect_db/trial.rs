//! One rule tried on records, in a database of its own that is removed at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use collectors::Record;

use super::{Alert, AlertFilter, DetectDb, FILE_NAME};
use crate::{
    detect::{
        model::{Matches, Rule, RuleIndex, RuleState},
        rules::RuleSet,
    },
    sinks::SinkError,
    tables::Table,
};

/// Matches stored in one transaction.
const MATCHES_MAX: usize = 5_000;

/// Why a rule could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// There is no place for its database.
    #[error("no temporary directory for the trial of a rule")]
    Place(#[from] io::Error),
    /// Its database failed.
    #[error(transparent)]
    Database(#[from] SinkError),
}

/// A rule that is being tried. It raises alerts whatever its state is.
pub struct Trial {
    set: Arc<RuleSet>,
    rule: RuleIndex,
    /// The rule, and everything that it is about.
    parts: BTreeSet<RuleIndex>,
    db: DetectDb,
    /// Removed with the trial.
    _place: tempfile::TempDir,
    matches: Matches,
    /// Records that were judged, and matches of each part.
    pub records: u64,
    matched: BTreeMap<RuleIndex, u64>,
}

impl Trial {
    /// Begins with no record.
    ///
    /// # Errors
    ///
    /// If there is no place for its database.
    pub fn begin(set: Arc<RuleSet>, rule: RuleIndex) -> Result<Self, TrialError> {
        let place = tempfile::tempdir()?;
        let mut db = DetectDb::open(&place.path().join(FILE_NAME), 0)?;
        let tried = |(index, known): (u32, &Rule)| {
            let is_tried = index == rule.0;
            let state = if is_tried { RuleState::Active } else { known.state };
            Rule { alerts: is_tried, state, ..known.clone() }
        };
        let rules: Arc<[Rule]> = (0..).zip(&set.rules).map(tried).collect();
        // The rule is older than every record, so that none is historical.
        db.adopt(rules, 0)?;
        let parts = parts(&set, rule);
        let (matches, matched) = (Matches::default(), BTreeMap::new());
        Ok(Self { set, rule, parts, db, _place: place, matches, records: 0, matched })
    }

    /// Judges a record.
    ///
    /// # Errors
    ///
    /// If the database of the trial fails.
    pub fn judge(&mut self, table: &Table, connector: &str, record: &Record) -> Result<(), TrialError> {
        self.records += 1;
        let from = self.matches.len();
        self.set.judge(table, connector, record, &mut self.matches);
        self.matches.retain_behind(from, |found| {
            let is_part = self.parts.contains(&found.rule);
            if is_part {
                found.seen_by.retain(|seen| self.parts.contains(&seen.by));
                *self.matched.entry(found.rule).or_default() += 1;
            }
            is_part
        });
        if self.matches.len() >= MATCHES_MAX { self.store(table, connector) } else { Ok(()) }
    }

    /// Stores what was judged: call it before the table or the collector changes, and at the end.
    ///
    /// # Errors
    ///
    /// If the database of the trial fails.
    pub fn store(&mut self, table: &Table, connector: &str) -> Result<(), TrialError> {
        self.db.store(&table.name, connector, &self.matches, u32::MAX, 0)?;
        self.matches.clear();
        Ok(())
    }

    /// Records that matched the rule, or one of its parts.
    pub fn matched(&self) -> u64 {
        self.matched.get(&self.rule).copied().unwrap_or_else(|| self.matched.values().sum())
    }

    /// The alerts, those with the oldest records first.
    ///
    /// # Errors
    ///
    /// If the database of the trial fails.
    pub fn alerts(&self) -> Result<Vec<Alert>, TrialError> {
        let mut alerts = Vec::new();
        let done = self.db.alerts(&AlertFilter::default(), |alert| {
            alerts.push(alert);
            Ok::<(), std::convert::Infallible>(())
        })?;
        let Ok(()) = done;
        alerts.retain(|alert| alert.merged_into.is_none());
        alerts.reverse();
        Ok(alerts)
    }
}

/// A rule and, of a correlation, all that it is about.
fn parts(set: &RuleSet, rule: RuleIndex) -> BTreeSet<RuleIndex> {
    let (mut found, mut waiting) = (BTreeSet::new(), vec![rule]);
    while let Some(next) = waiting.pop() {
        if found.insert(next)
            && let Some(correlation) = set.rule(next).and_then(Rule::correlation)
        {
            waiting.extend(correlation.inputs.iter().map(|input| input.rule));
        }
    }
    found
}
