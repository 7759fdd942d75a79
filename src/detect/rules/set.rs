//! A set of rules, checked and compiled.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    error::RuleError,
    extension::RuleTest,
    field::{Fields, RecordName},
    index::TableIndex,
};
use crate::detect::{
    episodes::condition_reach,
    model::{Rule, RuleIndex},
};

/// A set of rules. Immutable: a changed directory makes a new one.
#[derive(Debug)]
pub struct RuleSet {
    /// All rules, by their index.
    pub rules: Vec<Rule>,
    /// Rules that need a setting which is missing. They judge nothing.
    pub unusable: Vec<UnusableRule>,
    /// What is odd in the files, but no error.
    pub warnings: Vec<RuleError>,
    pub(super) about: Vec<RuleAbout>,
    pub(super) fields: Fields,
    pub(super) tables: Vec<TableIndex>,
    pub(super) cut_values: AtomicU64,
    pub(super) not_looked_at: AtomicU64,
    pub(super) not_counted: AtomicU64,
}

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableRule {
    /// Its name.
    pub slug: Arc<str>,
    /// Its title.
    pub title: String,
    /// File and line.
    pub place: String,
    /// Why, and what to do.
    pub reason: String,
}

/// A field that a rule reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRead {
    /// The name of the table.
    pub table: String,
    /// The field as rules name it; `(any text)` for a rule that searches everything.
    pub field: String,
    /// Where in a record as received its values are. Any of them that is redacted blinds the rule.
    pub paths: Vec<Vec<RecordName>>,
}

/// What expressions did not look at. A value counts for each rule that did not see all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotExamined {
    /// Values of which only a part was looked at.
    pub values: u64,
    /// Bytes of the other parts.
    pub bytes: u64,
}

/// What is known of a rule besides what the model says.
#[derive(Debug, Default)]
pub(super) struct RuleAbout {
    pub reads: BTreeSet<FieldRead>,
    pub tests: Vec<RuleTest>,
    pub events: TestEvents,
}

/// Where the events of the tests of a rule are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TestEvents {
    /// Nowhere: the rule came as a text.
    #[default]
    None,
    /// Built in; [`builtin_events`](super::builtin_events) has them by name.
    Builtin,
    /// In this directory.
    Directory(PathBuf),
}

impl RuleSet {
    /// The rule of this index.
    pub fn rule(&self, index: RuleIndex) -> Option<&Rule> {
        self.rules.get(usize::try_from(index.0).ok()?)
    }

    /// The rule of this name.
    pub fn named(&self, slug: &str) -> Option<RuleIndex> {
        let place = self.rules.iter().position(|rule| &*rule.slug == slug)?;
        u32::try_from(place).ok().map(RuleIndex)
    }

    /// The fields that decide whether a rule matches, those of its inputs included.
    pub fn reads(&self, index: RuleIndex) -> impl Iterator<Item = &FieldRead> {
        let about = usize::try_from(index.0).ok().and_then(|place| self.about.get(place));
        about.into_iter().flat_map(|about| &about.reads)
    }

    /// The tests that a rule states, and where their events are.
    pub fn tests(&self, index: RuleIndex) -> (&[RuleTest], &TestEvents) {
        let about = usize::try_from(index.0).ok().and_then(|place| self.about.get(place));
        about.map_or((&[], &TestEvents::None), |about| (&about.tests, &about.events))
    }

    /// What expressions did not look at since this was last asked, because a value was longer than 64 KiB.
    pub fn take_not_examined(&self) -> NotExamined {
        NotExamined {
            values: self.cut_values.swap(0, Ordering::Relaxed),
            bytes: self.not_looked_at.swap(0, Ordering::Relaxed),
        }
    }

    /// The detections that a rule consists of: itself, or those that it is about.
    pub fn detections(&self, index: RuleIndex) -> Vec<&Rule> {
        let (mut found, mut known, mut open) = (Vec::new(), BTreeSet::new(), vec![index]);
        while let Some(next) = open.pop() {
            let Some(rule) = self.rule(next).filter(|_| known.insert(next)) else { continue };
            match rule.correlation() {
                None => found.push(rule),
                Some(correlation) => open.extend(correlation.inputs.iter().map(|input| input.rule)),
            }
        }
        found
    }

    /// How many seconds before a record what a rule finds in it can depend on.
    pub fn look_back(&self, index: RuleIndex) -> i64 {
        let Some(correlation) = self.rule(index).and_then(Rule::correlation) else { return 0 };
        let inputs = correlation.inputs.iter().map(|input| self.look_back(input.rule));
        condition_reach(correlation).saturating_add(inputs.max().unwrap_or(0))
    }

    /// How many records had more values of a field than a correlation counts, since this was last asked.
    pub fn take_not_counted(&self) -> u64 {
        self.not_counted.swap(0, Ordering::Relaxed)
    }
}
