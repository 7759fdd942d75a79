//! The loop: what is due is begun, and what came of it is kept.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use collectors::Clock;
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::{Instant, sleep},
};

use super::{
    attempt::{Attempter, RunsConnectors},
    lane::{ActionLane, latest},
    outcome::Attempts,
    settle::Unsettled,
    shown::ShownAction,
};
use crate::{
    config::ActionSettings,
    daemon::assembly::Assembly,
    detect_db::{ConnectorPause, DetectThread, FILE_NAME, RowWorker, action_put},
    pipeline::{
        backoff::Delays,
        policy::{ActionFailure, ActionFailureKind, Failure},
        progress::{RouteState, ShownWait},
        retry::{mended, report_and_delay},
        route_registry::RouteRegistry,
        shutdown::Shutdown,
        stage::Stage,
    },
    reasons::with_reasons,
    sinks::SinkError,
};

/// The longest time until a row of another process is noticed.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long what is done is kept, in seconds.
const DONE_KEPT: i64 = 30 * 24 * 60 * 60;
/// The time between two looks whether the connectors are there.
const CONNECTORS_INTERVAL: Duration = Duration::from_secs(300);
/// How long what came of attempts delays the end, if it cannot be kept.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// The time between two removals of what is too much.
const CLEAR_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// A connector in a space.
pub(super) type LaneKey = (String, String);

/// An attempt that runs.
pub(super) struct RunningAttempt {
    pub(super) lane: LaneKey,
    /// The settings with which it began: those of now may be others.
    pub(super) settings: Arc<ActionSettings>,
    /// Whether its connector had to wait when it began: somebody wanted it tried.
    pub(super) in_pause: bool,
}

/// Works through the rows of the actions of one process.
pub(super) struct ActionWorker {
    /// Its number, once it has begun.
    pub(super) number: Option<RowWorker>,
    pub(super) settings: watch::Receiver<Vec<ActionSettings>>,
    pub(super) actions: Vec<ShownAction>,
    pub(super) registry: RouteRegistry,
    pub(super) lanes: BTreeMap<LaneKey, ActionLane>,
    pub(super) attempter: Arc<Attempter>,
    pub(super) tasks: JoinSet<Attempts>,
    pub(super) running: HashMap<Id, RunningAttempt>,
    pub(super) unsettled: Unsettled,
    /// How many attempts run, and how many rows are done of which that is not kept.
    unkept: Arc<AtomicUsize>,
    /// Whether counts may have changed.
    pub(super) changed: bool,
    /// Whether there may be rows of actions that are no longer in the settings.
    pub(super) has_left: bool,
    /// How often slots were given.
    pub(super) turn: u64,
    cleared: Option<Instant>,
    /// When the first of the waits that are shown ends.
    waits_end: Option<i64>,
    /// When it was last seen whether the connectors are there.
    pub(super) looked: Option<Instant>,
    /// When it was last seen where those lead that must wait.
    pub(super) followed: Option<Instant>,
    /// The second that the clock last showed, once it is known that nothing waits by a later one.
    pub(super) seen: i64,
}

impl ActionWorker {
    /// For an assembly, and the actions of its settings and of those that follow.
    pub(super) fn of(assembly: &Arc<Assembly>, settings: watch::Receiver<Vec<ActionSettings>>) -> Self {
        let database = Arc::new(DetectThread::new(assembly.config.state.dir.join(FILE_NAME)));
        let connectors = assembly.connectors.clone();
        let worker = Self::new(settings, &assembly.registry, connectors, database, assembly.clock.clone());
        Self { unkept: assembly.unkept_actions(), ..worker }
    }

    pub(super) fn new(
        settings: watch::Receiver<Vec<ActionSettings>>,
        registry: &RouteRegistry,
        connectors: Arc<dyn RunsConnectors>,
        database: Arc<DetectThread>,
        clock: Clock,
    ) -> Self {
        let mut worker = Self {
            number: None,
            settings,
            actions: Vec::new(),
            registry: registry.clone(),
            lanes: BTreeMap::new(),
            attempter: Arc::new(Attempter::new(connectors, database, clock)),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            unsettled: Unsettled::default(),
            unkept: Arc::default(),
            changed: true,
            has_left: true,
            turn: 0,
            cleared: None,
            waits_end: None,
            looked: None,
            followed: None,
            seen: i64::MAX,
        };
        worker.take_up();
        worker
    }

    /// Works until the stop and waits for what runs then; with `drains` until nothing is due any more. Returns what keeps
    /// actions from being done.
    pub(super) async fn run(mut self, mut stop: Shutdown, drains: Arc<AtomicBool>) -> Vec<Failure> {
        let mut unsettled_since = None;
        loop {
            let stops = stop.is_requested();
            if self.number.is_none() {
                let begun = self.begin().await;
                self.keep(begun);
            }
            self.unsettled.settle(&self.attempter.database, self.attempter.clock.now()).await;
            self.count_unkept();
            if !stops {
                self.look_for_connectors().await;
            }
            self.follow_connectors().await;
            let mut is_read = self.number.is_some();
            if is_read {
                let followed = self.follow_clock().await;
                is_read = self.keep(followed);
            }
            if is_read && self.has_left {
                let ended = self.end_left().await;
                is_read = self.keep(ended);
            }
            if is_read && (!stops || drains.load(Ordering::Relaxed)) {
                let filled = self.fill().await;
                self.count_unkept();
                is_read = self.keep(filled);
            }
            let now = self.attempter.clock.now();
            self.changed |= self.waits_end.is_some_and(|end| end <= now);
            // At the end only what is done matters.
            if is_read && self.changed && (!stops || self.unsettled.is_empty()) {
                let shown = self.show().await;
                self.keep(shown);
            }
            if stops && self.tasks.is_empty() && self.may_end(&mut unsettled_since) {
                break;
            }
            tokio::select! {
                Some(done) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.note(done),
                () = action_put(), if !stops => {}
                Ok(()) = self.settings.changed() => self.take_up(),
                () = stop.requested(), if !stops => {}
                () = sleep(LOOK_INTERVAL) => {}
            }
        }
        for action in &self.actions {
            action.progress.update(|status| status.state = RouteState::Stopped);
        }
        self.actions.into_iter().filter_map(|action| action.failing.map(Failure::Action)).collect()
    }

    /// Whether work on the database was done; a failure is shown with every action.
    fn keep(&self, done: Result<(), SinkError>) -> bool {
        let Err(error) = done else { return true };
        for action in &self.actions {
            let failure = Failure::Action(ActionFailure {
                text: with_reasons(&error),
                kind: ActionFailureKind::Passing,
            });
            _ = report_and_delay(&failure, &mut Delays::default(), &action.progress);
        }
        false
    }

    /// Takes up what an earlier process left.
    async fn begin(&mut self) -> Result<(), SinkError> {
        let now = self.attempter.clock.now();
        let begun = self.attempter.database.run(move |db| {
            let paused = db.begin_pauses(now, latest(now))?;
            Ok::<_, SinkError>((db.begin_actions()?, paused))
        });
        let (number, paused) = begun.await?;
        self.number = Some(number);
        for ConnectorPause { space, connector, until, reason, asked_by } in paused {
            let lane = self.lanes.entry((space, connector)).or_default();
            lane.ask(&asked_by.unwrap_or_default(), until, &reason);
        }
        Ok(())
    }

    fn count_unkept(&self) {
        self.unkept.store(self.running.len() + self.unsettled.count_done(), Ordering::Relaxed);
    }

    /// Whether nothing is left that is to be kept, or that could not be kept for long enough: what is done would be done again.
    fn may_end(&self, unsettled_since: &mut Option<Instant>) -> bool {
        if self.unsettled.is_empty() {
            return true;
        }
        let since = *unsettled_since.get_or_insert_with(|| {
            let actions = self.unsettled.count_done();
            tracing::warn!(
                actions,
                "detect.db cannot be written, and does not know yet that actions are done: waiting for it; if it stays so, the next start does them again, under the same keys"
            );
            Instant::now()
        });
        since.elapsed() >= SETTLE_MAX
    }

    /// Shows connectors that are missing before an alert needs them.
    async fn look_for_connectors(&mut self) {
        if self.looked.is_some_and(|at| at.elapsed() < CONNECTORS_INTERVAL) {
            return;
        }
        self.looked = Some(Instant::now());
        for action in &mut self.actions {
            if action.look(&*self.attempter.connectors).await {
                self.unsettled.unparked(&action.settings.outbox.name);
            }
        }
    }

    /// Shows how much waits, and removes what is too much.
    async fn show(&mut self) -> Result<(), SinkError> {
        self.changed = false;
        let now = self.attempter.clock.now();
        let clears = self.cleared.is_none_or(|at| at.elapsed() >= CLEAR_INTERVAL);
        let counts = self.attempter.database.run(move |db| {
            if clears {
                db.clear_actions(now - DONE_KEPT)?;
            }
            db.count_actions()
        });
        let counts = counts.await?;
        if clears {
            self.cleared = Some(Instant::now());
        }
        self.waits_end = None;
        for action in &self.actions {
            let counts = counts.get(&*action.settings.outbox.name).copied().unwrap_or_default();
            let wait = self.lanes.get(&action.lane()).and_then(|lane| lane.waits(now));
            let wait = wait.filter(|_| counts.waiting > 0);
            let wait = wait.map(|(until, reason)| ShownWait { until, reason: reason.to_owned() });
            if let Some(ShownWait { until, .. }) = &wait {
                self.waits_end = Some(self.waits_end.map_or(*until, |end| end.min(*until)));
            }
            mended(Stage::Reading, &action.progress);
            action.progress.update(|status| {
                status.state = RouteState::Live;
                status.waiting = counts.waiting;
                status.wait = wait;
                status.delivered = counts.done;
                status.last_read = Some(now);
            });
        }
        Ok(())
    }
}
