//! Alerts from matches, kept exactly, whatever the order of delivery. `CCFD_DETECT_SEEDS` asks for more histories.

mod alerts;
mod bursts;
mod cases;
mod correlations;
mod delivery;
mod forgetting;
mod forgotten;
mod generated;
mod histories;
mod many_groups;
pub mod naive;
mod naive_windows;
mod notices;
pub mod rules;
mod rules_in_use;
mod sequences;
mod single_rules;
mod spared;
mod starter_pack;

use std::{env, path::PathBuf, sync::Arc};

use ccfd::{
    detect::model::{Match, Rule},
    detect_db::{Alert, AlertFilter, DetectDb},
};
use tempfile::TempDir;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A second long before the matches of most tests, so that nothing is historical.
const LONG_AGO: i64 = -1_000_000;

/// A directory with a database, and the rules that it is opened with.
struct Alerts {
    dir: TempDir,
    rules: Arc<[Rule]>,
    db: DetectDb,
    now: i64,
    /// What groups take in memory at most, if it is not what they take by default.
    memory: Option<usize>,
}

impl Alerts {
    fn new(rules: Vec<Rule>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        let mut alerts = Self { dir, rules: rules.into(), db, now: LONG_AGO, memory: None };
        alerts.db.adopt(alerts.rules.clone(), alerts.now).unwrap();
        alerts
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("detect.db")
    }

    /// Opens the database again, as a restart does.
    fn reopen(&mut self) {
        self.db = DetectDb::open(&self.path(), 0).unwrap();
        self.memory.iter().for_each(|bytes| self.db.limit_memory(*bytes));
        self.db.adopt(self.rules.clone(), self.now).unwrap();
    }

    /// Leaves groups so little memory that they are forgotten and read again all the time.
    fn limit_memory(&mut self, bytes: usize) {
        self.memory = Some(bytes);
        self.db.limit_memory(bytes);
    }

    fn deliver(&mut self, matches: &[Match]) {
        self.db.store("OpenAIAuditLogs_CL", "acme", matches, 1_000_000, self.now).unwrap();
    }

    fn listed(&self, filter: &AlertFilter) -> Vec<Alert> {
        let mut all = Vec::new();
        let listed = self.db.alerts(filter, |alert| {
            all.push(alert);
            Ok::<(), ()>(())
        });
        listed.unwrap().unwrap();
        all
    }

    fn all(&self) -> Vec<Alert> {
        self.listed(&AlertFilter { withdrawn: true, ..AlertFilter::default() })
    }

    /// What must not depend on the order of delivery.
    fn facts(&self) -> Vec<Facts> {
        let standing = self.all().into_iter().filter(|alert| alert.merged_into.is_none() && !alert.withdrawn);
        let mut facts: Vec<Facts> = standing.map(Facts::of).collect();
        facts.sort();
        facts
    }
}

/// What an alert says of its events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts {
    pub rule: String,
    group: String,
    first: String,
    last: String,
    count: u64,
    records: Vec<String>,
}

impl Facts {
    pub fn of(alert: Alert) -> Self {
        Self {
            rule: alert.rule,
            group: serde_json::to_string(&alert.group).unwrap(),
            first: alert.first_event_at,
            last: alert.last_event_at,
            count: alert.event_count,
            records: alert.record_ids,
        }
    }
}
