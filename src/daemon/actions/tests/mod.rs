//! Actions against connectors that answer as a test says, on a clock that waits for nobody.

mod advice;
mod changes;
mod delivery;
mod faults;
mod locks;
mod memory;
mod parked;
mod played;
mod served;
mod turns;
mod waits;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use collectors::Clock;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};

use self::played::{Does, Played};
use super::{attempt::RunsConnectors, worker::ActionWorker};
use crate::{
    actions::ParamsTemplate,
    config::{ActionDoes, ActionSettings},
    detect::model::{Level, Match, Rule, RuleIndex, RuleKind, RuleState, SeenBy},
    detect_db::{
        ActionEvent, Alert, AlertFilter, AlertStatus, DetectDb, DetectThread, ListedAction, OutboxAction,
        OutboxFilter,
    },
    pipeline::{
        policy::Failure,
        progress::RouteStatus,
        route_registry::RouteRegistry,
        shutdown::{ShutdownSender, shutdown},
    },
};

const NOW: i64 = 1_790_000_000;

/// An alert without a database.
pub(super) fn alert(id: &str) -> Alert {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Alert {
        id: id.to_owned(),
        rule: "created".to_owned(),
        rule_id: String::new(),
        title: "A key was created".to_owned(),
        description: "Somebody created a key.".to_owned(),
        level: "high".to_owned(),
        tags: texts(&["attack.t1098"]),
        references: Vec::new(),
        falsepositives: texts(&["A new colleague."]),
        definition: String::new(),
        status: AlertStatus::Open,
        disposition: None,
        judged_by: None,
        judged_at: None,
        note: None,
        created_at: "2026-11-28T12:00:00Z".to_owned(),
        changed_at: "2026-11-28T12:00:00Z".to_owned(),
        first_event_at: "2026-11-28T11:50:00Z".to_owned(),
        last_event_at: "2026-11-28T11:50:00Z".to_owned(),
        event_count: 1,
        group: BTreeMap::new(),
        entities: BTreeMap::new(),
        shown: [("Actor".to_owned(), texts(&["ann@example.com"]))].into(),
        record_ids: texts(&["audit_log-1"]),
        tables: texts(&["OpenAIAuditLogs_CL"]),
        connectors: texts(&["acme"]),
        historical: false,
        staging: false,
        notify: true,
        notify_reason: None,
        suppressed_count: 0,
        merged_into: None,
        withdrawn: false,
        seq: 1,
    }
}

/// A database with alerts, and a worker.
pub(super) struct Stage {
    _dir: tempfile::TempDir,
    path: PathBuf,
    actions: Vec<ActionSettings>,
    played: Arc<Played>,
    registry: RouteRegistry,
    clock: Clock,
    /// Seconds by which the clock was set forward.
    pub(super) later: Arc<AtomicI64>,
}

/// A worker that runs.
pub(super) struct Working {
    stop: ShutdownSender,
    drains: Arc<AtomicBool>,
    task: JoinHandle<Vec<Failure>>,
    settings: watch::Sender<Vec<ActionSettings>>,
}

impl Working {
    /// Ends once nothing is due.
    async fn drained(self) -> Vec<Failure> {
        self.drains.store(true, Ordering::Relaxed);
        self.stop.request();
        self.task.await.unwrap()
    }
}

pub(super) fn sends(name: &str, connector: &str) -> ActionSettings {
    let params = json!({ "body": { "text": "{{ title }} by {{ fields.Actor }}" } });
    let Value::Object(params) = params else { unreachable!("an object") };
    let does = ActionDoes::Run {
        connector: connector.to_owned(),
        params: ParamsTemplate::new(params).unwrap(),
        fields: None,
        model_calls_per_hour_max: 2,
    };
    settings(name, does)
}

fn settings(name: &str, does: ActionDoes) -> ActionSettings {
    let outbox = OutboxAction {
        name: name.into(),
        rules: None,
        level_min: None,
        on: BTreeSet::from([ActionEvent::Open]),
        historical: false,
    };
    ActionSettings { outbox, space: "default".to_owned(), does }
}

impl Stage {
    fn new(actions: Vec<ActionSettings>, does: &[(&str, Vec<Does>)]) -> Self {
        Self::of_type(".webhook", actions, does)
    }

    fn of_type(type_id: &'static str, actions: Vec<ActionSettings>, does: &[(&str, Vec<Does>)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        let later: Arc<AtomicI64> = Arc::default();
        let ahead = later.clone();
        let does = does.iter().map(|(name, does)| ((*name).to_owned(), does.clone().into())).collect();
        let played = Played {
            does: Mutex::new(does),
            seen: Mutex::default(),
            type_id: Mutex::new(type_id),
            config: Mutex::default(),
            absent: AtomicBool::default(),
            secretless: AtomicBool::default(),
            begun,
        };
        Self {
            path: dir.path().join("detect.db"),
            _dir: dir,
            actions,
            played: Arc::new(played),
            registry: RouteRegistry::default(),
            clock: Clock::from_fn(move || {
                NOW + ahead.load(Ordering::SeqCst) + i64::try_from(begun.elapsed().as_secs()).unwrap()
            }),
            later,
        }
    }

    pub(super) fn db(&self) -> DetectDb {
        let mut db = DetectDb::open(&self.path, 0).unwrap();
        db.act(self.actions.iter().map(|action| action.outbox.clone()).collect());
        db
    }

    /// Raises an alert for each record.
    pub(super) fn raise(&self, records: &[&str]) {
        self.raise_shown(records, &[("Actor", "ann@example.com")]);
    }

    pub(super) fn raise_shown(&self, records: &[&str], shown: &[(&str, &str)]) {
        let mut db = self.db();
        store(&mut db, records, shown);
    }

    pub(super) fn start(&self) -> Working {
        self.start_with(self.played.clone())
    }

    /// The same with a database that waits so long for another process.
    pub(super) fn start_waiting(&self, busy: Duration) -> Working {
        self.start_on(self.played.clone(), DetectThread::waiting(self.path.clone(), busy))
    }

    pub(super) fn start_with(&self, connectors: Arc<dyn RunsConnectors>) -> Working {
        self.start_on(connectors, DetectThread::new(self.path.clone()))
    }

    fn start_on(&self, connectors: Arc<dyn RunsConnectors>, database: DetectThread) -> Working {
        let (stop, stopped) = shutdown();
        let drains = Arc::new(AtomicBool::new(false));
        let database = Arc::new(database);
        let (settings, current) = watch::channel(self.actions.clone());
        let worker = ActionWorker::new(current, &self.registry, connectors, database, self.clock.clone());
        Working { stop, task: tokio::spawn(worker.run(stopped, drains.clone())), drains, settings }
    }

    /// The rows, by alert and action.
    pub(super) fn rows(&self) -> Vec<ListedAction> {
        let mut rows = self.db().actions(&OutboxFilter::default()).unwrap();
        rows.reverse();
        rows
    }

    pub(super) fn states(&self) -> Vec<String> {
        self.rows().into_iter().map(|row| row.state).collect()
    }

    pub(super) fn alerts(&self) -> Vec<Alert> {
        let mut found = Vec::new();
        let listed = self.db().alerts(&AlertFilter { withdrawn: true, ..AlertFilter::default() }, |alert| {
            found.push(alert);
            Ok::<(), ()>(())
        });
        listed.unwrap().unwrap();
        found
    }

    pub(super) fn status(&self, action: &str) -> RouteStatus {
        self.registry.get(&format!("actions/{action}")).unwrap().status()
    }

    /// Waits until so many runs were seen.
    pub(super) async fn seen(&self, count: usize) {
        while self.played.seen.lock().unwrap().len() < count {
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until a row has a state.
    pub(super) async fn becomes(&self, place: usize, state: &str) {
        // Each look reads the database, also where an hour passes until then.
        let mut wait = Duration::from_millis(100);
        while self.states()[place] != state {
            sleep(wait).await;
            wait = (wait * 5 / 4).min(Duration::from_secs(10));
        }
    }
}

/// A rule that raises an alert for each record.
pub(super) fn rule() -> Rule {
    Rule {
        slug: "created".into(),
        id: String::new(),
        title: "A key was created".to_owned(),
        description: String::new(),
        level: Level::High,
        tags: Vec::new(),
        references: Vec::new(),
        falsepositives: Vec::new(),
        state: RuleState::Active,
        alerts: true,
        group_by: Vec::new(),
        suppress: None,
        definition: 7,
        place: "created.yml:1".to_owned(),
        kind: RuleKind::Detection,
    }
}

fn store(db: &mut DetectDb, records: &[&str], shown: &[(&str, &str)]) {
    db.adopt(Arc::from(vec![rule()]), NOW).unwrap();
    let mut seen_by = SeenBy::default();
    seen_by.begin(RuleIndex(0), 0);
    let found = |record: &&str| Match {
        rule: RuleIndex(0),
        record: (*record).to_owned(),
        at: NOW,
        shown: shown.iter().copied().collect(),
        seen_by: seen_by.clone(),
    };
    let matches: Vec<Match> = records.iter().map(found).collect();
    db.store("OpenAIAuditLogs_CL", "acme", &matches, 100, NOW).unwrap();
}
