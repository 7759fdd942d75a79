//! Cases on their way to a Kibana in memory, on a clock that waits for nobody.

mod answers;
mod clock;
mod edited;
mod fake;
mod fate;
mod faults;
mod generated;
mod names;
mod refused;
mod removed;
mod resent;
mod sent;
mod several;
mod targets;
mod waits;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use collectors::Clock;
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use self::fake::FakeKibana;
use super::{
    alerts::AlertsSink,
    members::RefusedMembers,
    send::CaseSender,
    text::tag,
    worker::{CaseTarget, CaseWorker},
};
use crate::{
    cases::{
        AlertToAttach, AttachedRule, CaseChange, CasePerson, CaseSending, CaseStamp, CaseStatus,
        DEFAULT_SPACE, NewCase,
    },
    detect_db::{DetectDb, DetectThread},
    pipeline::{
        backoff::RetryDelays,
        policy::Failure,
        progress::RouteStatus,
        route_registry::RouteRegistry,
        shutdown::{ShutdownSender, shutdown},
    },
    tables::ALERTS,
};

const NOW: i64 = 1_790_000_000;
const ROUTE: &str = "cases/soc";
/// The route of alerts to the sink that has them.
const ALERTS_ROUTE: &str = "alerts/es";
/// Seconds that a search may lag behind.
const SEARCH_LAG: i64 = 60;

/// A database with cases, and a Kibana.
struct Scene {
    _dir: tempfile::TempDir,
    path: PathBuf,
    kibana: Arc<FakeKibana>,
    has_index: bool,
    target: String,
    space: String,
    /// Cases that are sent at a time: one, so that a test knows the order of calls.
    at_once: usize,
    retry: RetryDelays,
    registry: RouteRegistry,
    clock: Clock,
    /// Seconds by which the clock is ahead.
    ahead: Arc<AtomicI64>,
}

/// A worker that runs.
struct Working {
    stop: ShutdownSender,
    drains: Arc<AtomicBool>,
    task: JoinHandle<Vec<Failure>>,
}

impl Scene {
    fn new(lag: i64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (begun, ahead) = (Instant::now(), Arc::new(AtomicI64::new(0)));
        let right = Clock::from_fn(move || NOW + i64::try_from(begun.elapsed().as_secs()).unwrap());
        let by = ahead.clone();
        let clock = Clock::from_fn(move || {
            NOW + by.load(Ordering::Relaxed) + i64::try_from(begun.elapsed().as_secs()).unwrap()
        });
        Self {
            path: dir.path().join("detect.db"),
            _dir: dir,
            kibana: Arc::new(FakeKibana::new(right, lag)),
            has_index: true,
            target: "kibana one".to_owned(),
            space: DEFAULT_SPACE.to_owned(),
            at_once: 1,
            retry: RetryDelays::default(),
            registry: RouteRegistry::default(),
            clock,
            ahead,
        }
    }

    fn db(&self) -> DetectDb {
        DetectDb::open(&self.path, 0).unwrap()
    }

    fn by<T>(&self, work: impl FnOnce(&mut crate::cases::CaseStore<'_>, CaseStamp<'_>) -> T) -> T {
        let (mut db, ann) = (self.db(), CasePerson::named("ann"));
        work(&mut db.cases(&self.space), CaseStamp { by: &ann, now: self.clock.now() })
    }

    fn create(&self, title: &str) -> String {
        let new = NewCase { title: title.into(), description: "d".into(), ..NewCase::default() };
        self.by(|cases, stamp| cases.create(&new, stamp).unwrap().id)
    }

    /// Attaches alerts of ours, which are in their index.
    fn attach(&self, case: &str, alerts: &[&str]) {
        let mut places = self.kibana.places.lock().unwrap();
        places.extend(alerts.iter().map(|alert| ((*alert).to_owned(), "alerts-000001".to_owned())));
        drop(places);
        self.attach_unfound(case, alerts);
    }

    fn attach_unfound(&self, case: &str, alerts: &[&str]) {
        let to_attach = |alert: &&str| AlertToAttach {
            id: (*alert).to_owned(),
            index: ALERTS.name.to_string(),
            summary: json!({ "level": "high", "event_count": 1 }),
        };
        let alerts: Vec<_> = alerts.iter().map(to_attach).collect();
        let rule = AttachedRule { id: Some("r-1".into()), name: Some("A rule".into()) };
        self.by(|cases, stamp| cases.attach_alerts(case, &alerts, &rule, stamp).unwrap());
    }

    fn comment(&self, case: &str, text: &str) {
        self.by(|cases, stamp| cases.comment(case, text, stamp).unwrap());
    }

    /// The ids of what is attached here.
    fn attachments(&self, case: &str) -> Vec<String> {
        let case = self.by(|cases, _| cases.get(case).unwrap());
        case.comments.into_iter().flatten().map(|attachment| attachment.id).collect()
    }

    fn edit_comment(&self, case: &str, id: &str, text: &str) {
        self.by(|cases, stamp| {
            let version = cases.attachment(case, id).unwrap().version;
            cases.edit_comment(case, id, &version, text, stamp).unwrap();
        });
    }

    fn detach(&self, case: &str, id: &str) {
        self.by(|cases, stamp| cases.detach(case, id, stamp).unwrap());
    }

    fn change(&self, case: &str, change: &CaseChange) {
        self.by(|cases, stamp| cases.change(case, change, stamp).unwrap());
    }

    fn set_status(&self, case: &str, status: CaseStatus) {
        self.change(case, &CaseChange { status: Some(status), ..CaseChange::default() });
    }

    fn start(&self) -> Working {
        let (stop, stopped) = shutdown();
        let drains = Arc::new(AtomicBool::new(false));
        let kibana = self.kibana.clone();
        let sender = CaseSender {
            api: kibana.clone(),
            alerts: self.has_index.then(|| AlertsSink {
                name: "es".to_owned(),
                route: ALERTS_ROUTE.to_owned(),
                destination: "es one".to_owned(),
                places: kibana,
            }),
            database: Arc::new(DetectThread::new(self.path.clone())),
            space: Arc::from(self.space.as_str()),
            target: Arc::from(self.target.as_str()),
            clock: self.clock.clone(),
            search_lag: SEARCH_LAG,
            members: RefusedMembers::default(),
        };
        let status = RouteStatus { route: ROUTE.to_owned(), ..RouteStatus::default() };
        let progress = self.registry.put(status);
        let target = CaseTarget { name: self.target.clone(), search_lag: SEARCH_LAG };
        let worker = CaseWorker::new(sender, target, progress, self.retry).at_once(self.at_once);
        Working { stop, task: tokio::spawn(worker.run(stopped, drains.clone())), drains }
    }

    /// Sends everything that is due now.
    async fn send(&self) -> Vec<Failure> {
        let working = self.start();
        working.drains.store(true, Ordering::Relaxed);
        working.stop.request();
        working.task.await.unwrap()
    }

    /// Works until all cases are sent, and starts again whenever it is killed.
    async fn send_all(&self) {
        let mut working = self.start();
        loop {
            tokio::select! {
                () = self.kibana.killed.notified() => {
                    working.task.abort();
                    _ = (&mut working.task).await;
                    working = self.start();
                }
                () = sleep(Duration::from_secs(1)) => {}
            }
            if self.by(|cases, _| cases.count_sending().unwrap()).waiting == 0 {
                break;
            }
        }
        working.stop.request();
        working.task.await.unwrap();
    }

    fn sending(&self, case: &str) -> CaseSending {
        self.by(|cases, _| cases.sending(case).unwrap().unwrap())
    }

    fn status(&self) -> RouteStatus {
        self.registry.get(ROUTE).unwrap().status()
    }

    /// The one case there that is this one.
    fn there<T>(&self, case: &str, look: impl FnOnce(&fake::FakeCase) -> T) -> T {
        let cases = self.kibana.cases.lock().unwrap();
        let found: Vec<_> =
            cases.values().filter(|found| found.case.fields.tags.contains(&tag(case))).collect();
        assert_eq!(found.len(), 1, "cases in Kibana that are this one");
        look(found[0])
    }

    /// What is attached to a case there: alerts with their indices, and texts.
    fn attached(&self, case: &str) -> (Vec<(String, String)>, Vec<String>) {
        self.there(case, |found| {
            let (mut alerts, mut texts) = (Vec::new(), Vec::new());
            for (_, attachment) in &found.attachments {
                let list = |name: &str| -> Vec<String> {
                    attachment
                        .get(name)
                        .map_or(Vec::new(), |list| serde_json::from_value(list.clone()).unwrap())
                };
                alerts.extend(list("alertId").into_iter().zip(list("index")));
                texts.extend(attachment["comment"].as_str().map(str::to_owned));
            }
            (alerts, texts)
        })
    }
}

fn there(alert: &str) -> (String, String) {
    (alert.to_owned(), "alerts-000001".to_owned())
}

fn tags(found: &fake::FakeCase) -> Value {
    json!(found.case.fields.tags)
}
