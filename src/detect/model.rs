//! A checked set of rules as data, and what one record means to it. The language makes these values from Sigma
//! files; correlation and storage use them and know no YAML.

use std::{fmt, sync::Arc, time::Duration};

pub use super::{
    match_shown::MatchShown,
    matches::Matches,
    seen_by::{MatchValue, Seen, SeenBy},
};

/// The slug of the alerts that say that a rule raises too many.
pub const FLOODING: &str = "rule_is_flooding";

/// The position of a rule in its set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(pub u32);

/// How bad it is, with the scores by which Elastic ranks alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing to act on by itself. Scored as low.
    Informational,
    /// 21.
    Low,
    /// 47.
    Medium,
    /// 73.
    High,
    /// 99.
    Critical,
}

/// What a rule may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleState {
    /// It raises alerts.
    Active,
    /// It raises alerts that notify nobody.
    Staging,
    /// It is checked, and judges nothing.
    Off,
}

/// One rule: a document of a Sigma file.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Names it in settings, alerts and commands: its `name`, else the name of its file.
    pub slug: Arc<str>,
    /// Its `id`, or empty.
    pub id: String,
    /// Its `title`.
    pub title: String,
    /// Its `description`.
    pub description: String,
    /// Its `level`.
    pub level: Level,
    /// Its `tags`, as written.
    pub tags: Vec<String>,
    /// Its `references`.
    pub references: Vec<String>,
    /// Its `falsepositives`.
    pub falsepositives: Vec<String>,
    /// Whether it judges.
    pub state: RuleState,
    /// Whether it raises alerts of its own: false for a detection that only correlations use.
    pub alerts: bool,
    /// For a detection: the fields that divide its own alerts into groups, in order.
    pub group_by: Vec<Arc<str>>,
    /// For how long after a notification further alerts of the same rule and group notify nobody.
    pub suppress: Option<Duration>,
    /// A hash of everything that decides what it matches, its inputs included.
    pub definition: u64,
    /// File and line, for people.
    pub place: String,
    /// What it looks for.
    pub kind: RuleKind,
}

impl Rule {
    /// Its condition over matches of other rules, if it has one.
    pub fn correlation(&self) -> Option<&Correlation> {
        match &self.kind {
            RuleKind::Detection => None,
            RuleKind::Correlation(correlation) => Some(correlation),
        }
    }
}

/// What a rule looks for.
#[derive(Clone, Debug)]
pub enum RuleKind {
    /// Single records.
    Detection,
    /// Several matches, by event time.
    Correlation(Correlation),
}

/// A condition over the matches of other rules in a span of event time.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// How it counts.
    pub kind: CorrelationKind,
    /// The rules that it is about, in their order.
    pub inputs: Vec<CorrelationInput>,
    /// The fields that divide matches into groups, in order; of an input with an alias, the alias.
    pub group_by: Vec<Arc<str>>,
    /// Seconds between the first and the last match that count together. Both ends belong to it.
    pub timespan: i64,
    /// All of these must hold.
    pub condition: Vec<(Comparison, f64)>,
}

/// A rule that a correlation is about.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrelationInput {
    /// A detection, or another correlation.
    pub rule: RuleIndex,
    /// For a correlation: where the values of `group_by` are in its own group. Empty for a detection, whose matches
    /// name the group.
    pub group_from: Vec<usize>,
}

/// How a correlation counts.
#[derive(Clone, Debug, PartialEq)]
pub enum CorrelationKind {
    /// The number of matches.
    EventCount,
    /// The number of distinct values.
    ValueCount,
    /// Each input at least once.
    Temporal,
    /// Each input at least once, in the order of the inputs. Matches of the same second are in any order.
    TemporalOrdered,
    /// The sum of the values.
    ValueSum,
    /// Their mean.
    ValueAvg,
    /// A percentile of them, 0 ..= 100, by linear interpolation.
    ValuePercentile(f64),
    /// A value that its group had not shown in this many seconds before, after the first match of the rule is
    /// at least `learn` seconds old. (Not in Sigma: `ccfd.first_seen`.)
    FirstSeen {
        /// Seconds for which a value is known.
        window: i64,
        /// Seconds of history before anything counts as new.
        learn: i64,
    },
    /// The sum of a span is more than `factor` times the median of the spans of the `baseline` before it. (Not in
    /// Sigma: `ccfd.spike`.)
    Spike {
        /// How many times the median.
        factor: f64,
        /// Seconds of the baseline, a multiple of the timespan.
        baseline: i64,
        /// The least sum that counts.
        at_least: f64,
    },
}

/// A comparison with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `lt`
    Less,
    /// `lte`
    AtMost,
    /// `gt`
    Greater,
    /// `gte`
    AtLeast,
    /// `eq`
    Equal,
    /// `neq`
    NotEqual,
}

/// One record that one detection matches.
#[derive(Clone, Default, PartialEq)]
pub struct Match {
    /// The detection.
    pub rule: RuleIndex,
    /// The `Id` of the record.
    pub record: String,
    /// Its second.
    pub at: i64,
    /// What an alert may show of it: the fields that the rule names, and the entities, each value cut to 256
    /// characters.
    pub shown: MatchShown,
    /// What each correlation that uses the detection sees in it; and what the detection itself sees, if it raises
    /// alerts of its own. One that skips records without a group is missing.
    pub seen_by: SeenBy,
}

impl Match {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        let Self { rule, record, at, shown, seen_by } = self;
        (*rule, *at) = (RuleIndex::default(), 0);
        record.clear();
        shown.clear();
        seen_by.clear();
    }

    /// Bytes of memory that it has, beside itself.
    pub fn memory(&self) -> usize {
        self.record.capacity() + self.shown.memory() + self.seen_by.memory()
    }
}

/// Contents of records stay out of logs.
impl fmt::Debug for Match {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Match").field("rule", &self.rule).field("at", &self.at).finish_non_exhaustive()
    }
}
