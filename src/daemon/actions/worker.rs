//! Finds what is due, lets it be attempted, and keeps what came of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use collectors::Clock;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep},
};
use tracing::Instrument as _;

use super::{
    attempt::{Attempter, RunsConnectors},
    lane::{ASKED_MAX, ActionLane, SHARED_RUNS_MAX, delay, latest},
    outcome::{Attempted, Attempts},
    settle::Unsettled,
    shown::ShownAction,
};
use crate::{
    config::{ActionDoes, ActionSettings},
    daemon::assembly::Assembly,
    detect_db::{ActionResult, ConnectorPause, DetectThread, DueAction, FILE_NAME, action_put},
    pipeline::{
        backoff::Delays,
        policy::{ActionFailure, ActionFailureKind, Failure},
        progress::RouteState,
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
/// Alerts of which cases are made at a time.
const CASES_BATCH: u32 = 100;
/// What fails for this long, from its first try, is given up and kept as failed. In seconds.
const KEEP_TRYING: i64 = 7 * 24 * 60 * 60;
/// How long what is done is kept, in seconds.
const DONE_KEPT: i64 = 30 * 24 * 60 * 60;
/// The time between two looks whether the connectors are there.
const CONNECTORS_INTERVAL: Duration = Duration::from_secs(300);
/// The time between two removals of what is too much.
const CLEAR_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// A connector in a space.
type LaneKey = (String, String);

/// Works through the rows of the actions of one configuration.
pub(super) struct ActionWorker {
    actions: Vec<ShownAction>,
    lanes: BTreeMap<LaneKey, ActionLane>,
    attempter: Arc<Attempter>,
    tasks: JoinSet<Attempts>,
    /// The action of each task.
    running: HashMap<Id, usize>,
    unsettled: Unsettled,
    /// Whether counts may have changed.
    changed: bool,
    /// How often slots were given.
    turn: u64,
    cleared: Option<Instant>,
    /// When it was last seen whether the connectors are there.
    looked: Option<Instant>,
}

impl ActionWorker {
    /// For the actions of an assembly.
    pub(super) fn of(assembly: &Arc<Assembly>) -> Self {
        let database = Arc::new(DetectThread::new(assembly.config.state.dir.join(FILE_NAME)));
        database.act(assembly.config.alerts.for_outbox());
        let (actions, connectors) = (&assembly.config.alerts.actions, assembly.connectors.clone());
        Self::new(actions, &assembly.registry, connectors, database, assembly.clock.clone())
    }

    pub(super) fn new(
        actions: &[ActionSettings],
        registry: &RouteRegistry,
        connectors: Arc<dyn RunsConnectors>,
        database: Arc<DetectThread>,
        clock: Clock,
    ) -> Self {
        Self {
            actions: actions.iter().map(|settings| ShownAction::new(settings, registry)).collect(),
            lanes: BTreeMap::new(),
            attempter: Arc::new(Attempter::new(connectors, database, clock)),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            unsettled: Unsettled::default(),
            changed: true,
            turn: 0,
            cleared: None,
            looked: None,
        }
    }

    /// Works until the stop and waits for what runs then; with `drains` until nothing is due any more. Returns what keeps
    /// actions from being done.
    pub(super) async fn run(mut self, mut stop: Shutdown, drains: Arc<AtomicBool>) -> Vec<Failure> {
        let mut is_begun = false;
        loop {
            let stops = stop.is_requested();
            if !is_begun {
                let begun = self.begin().await;
                is_begun = self.keep(begun);
            }
            self.unsettled.settle(&self.attempter.database, self.attempter.clock.now()).await;
            if !stops {
                self.look_for_connectors().await;
            }
            let mut is_read = is_begun;
            if is_begun && (!stops || drains.load(Ordering::Relaxed)) {
                let filled = self.fill().await;
                is_read = self.keep(filled);
            }
            if is_read && self.changed {
                let shown = self.show().await;
                self.keep(shown);
            }
            if stops && self.tasks.is_empty() {
                break;
            }
            tokio::select! {
                Some(done) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.note(done),
                () = action_put(), if !stops => {}
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

    /// Takes up what an earlier process or configuration left.
    async fn begin(&mut self) -> Result<(), SinkError> {
        let names = self.actions.iter().map(|action| action.settings.outbox.name.to_string()).collect();
        let now = self.attempter.clock.now();
        let begun = self.attempter.database.run(move |db| {
            let paused = db.paused_connectors(now, latest(now))?;
            Ok::<_, SinkError>((paused, db.begin_actions(&names, now)?))
        });
        let (paused, left) = begun.await?;
        for ConnectorPause { space, connector, until } in paused {
            self.lanes.entry((space, connector)).or_default().ask(until);
        }
        for (action, actions) in left {
            let advice =
                "add the action again and use `ccfd alerts actions retry`, or `ccfd alerts actions drop`";
            tracing::warn!(
                action,
                actions,
                advice,
                "the settings have no action of this name: what it left has failed"
            );
        }
        Ok(())
    }

    /// Shows connectors that are missing before an alert needs them.
    async fn look_for_connectors(&mut self) {
        if self.looked.is_some_and(|at| at.elapsed() < CONNECTORS_INTERVAL) {
            return;
        }
        self.looked = Some(Instant::now());
        for action in &mut self.actions {
            action.look(&*self.attempter.connectors).await;
        }
    }

    /// Begins attempts of what is due, as far as lanes have room.
    async fn fill(&mut self) -> Result<(), SinkError> {
        let now = self.attempter.clock.now();
        let names = self.may_begin(now);
        if names.is_empty() {
            return Ok(());
        }
        let due = self.attempter.database.run(move |db| db.due_actions(&names, CASES_BATCH, now)).await?;
        let wanted = self.wanted(&due, now);
        if wanted.is_empty() {
            return Ok(());
        }
        let claimed = self.attempter.database.run(move |db| db.claim_actions(&wanted, now)).await?;
        let mut of_cases: BTreeMap<usize, Vec<DueAction>> = BTreeMap::new();
        for due in claimed {
            self.changed = true;
            let named = |action: &ShownAction| *action.settings.outbox.name == *due.action;
            let Some(index) = self.actions.iter().position(named) else { continue };
            match self.actions[index].settings.does {
                ActionDoes::Run { .. } => self.spawn(index, vec![due]),
                ActionDoes::Cases(_) => of_cases.entry(index).or_default().push(due),
            }
        }
        of_cases.into_iter().for_each(|(index, due)| self.spawn(index, due));
        Ok(())
    }

    /// The actions that are not paused and whose lanes have room.
    fn may_begin(&self, now: i64) -> Vec<String> {
        let has_room = |index: &usize| {
            let lane = self.lanes.get(&self.lane_key(*index));
            lane.is_none_or(|lane| lane.free(now, 0, SHARED_RUNS_MAX) > 0)
                && !self.actions[*index].is_paused()
        };
        let indexes = (0..self.actions.len()).filter(has_room);
        indexes.map(|index| self.actions[index].settings.outbox.name.to_string()).collect()
    }

    /// How many rows of each action are attempted now, of so many that are due. Slots go to what is due only, and first to
    /// what had none for the longest time.
    fn wanted(&mut self, due: &BTreeMap<String, u32>, now: i64) -> Vec<(String, u32)> {
        let in_use: usize = self.lanes.values().map(|lane| lane.running.saturating_sub(1)).sum();
        let mut shared = SHARED_RUNS_MAX.saturating_sub(in_use);
        let mut taken: BTreeMap<LaneKey, usize> = BTreeMap::new();
        let mut wanted = Vec::new();
        self.turn += 1;
        let mut order: Vec<usize> = (0..self.actions.len()).collect();
        order.sort_by_key(|index| self.actions[*index].turn);
        for index in order {
            let name = &*self.actions[index].settings.outbox.name;
            let Some(ready) = due.get(name).copied().filter(|ready| *ready > 0) else { continue };
            let key = self.lane_key(index);
            let settings = self.actions[index].settings.clone();
            let lane = self.lanes.entry(key.clone()).or_default();
            let taken = taken.entry(key).or_default();
            let (free, is_first) = (lane.free(now, *taken, shared), lane.running + *taken == 0);
            let (runs, rows) = match settings.does {
                ActionDoes::Run { .. } => {
                    let rows = ready.min(u32::try_from(free).unwrap_or(1));
                    (rows as usize, rows)
                }
                // One run at a time: the alerts of a rule are looked at together.
                ActionDoes::Cases(_) if free > 0 && is_first => (1, CASES_BATCH),
                ActionDoes::Cases(_) => (0, 0),
            };
            if runs > 0 {
                *taken += runs;
                // The first of a lane is its own.
                shared = shared.saturating_sub(runs - usize::from(is_first));
                wanted.push((settings.outbox.name.to_string(), rows));
                self.actions[index].turn = self.turn;
            }
        }
        wanted
    }

    fn lane_key(&self, index: usize) -> LaneKey {
        let settings = &self.actions[index].settings;
        (settings.space.clone(), settings.connector().to_owned())
    }

    fn spawn(&mut self, index: usize, due: Vec<DueAction>) {
        let key = self.lane_key(index);
        self.lanes.entry(key).or_default().running += 1;
        let (attempter, settings) = (self.attempter.clone(), self.actions[index].settings.clone());
        let span = tracing::error_span!("action", action = &*settings.outbox.name);
        let attempt = async move { attempter.attempt(&settings, due).await };
        let task = self.tasks.spawn(attempt.instrument(span));
        self.running.insert(task.id(), index);
    }

    /// Notes what came of a task.
    fn note(&mut self, ended: Result<(Id, Attempts), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(index) = self.running.remove(&id) else { return };
        let key = self.lane_key(index);
        let lane = self.lanes.entry(key).or_default();
        lane.running = lane.running.saturating_sub(1);
        self.changed = true;
        match ended {
            Ok((_, attempts)) => {
                attempts.into_iter().for_each(|(due, done)| self.note_one(index, &due, done))
            }
            Err(error) => {
                tracing::error!(%error, "an action ended by a bug in ccfd: please report this; the next start tries it again");
            }
        }
    }

    fn note_one(&mut self, index: usize, due: &DueAction, attempted: Attempted) {
        let now = self.attempter.clock.now();
        let key = self.lane_key(index);
        let lane = self.lanes.entry(key.clone()).or_default();
        let action = &mut self.actions[index];
        let result = match attempted {
            Attempted::Done(text) => {
                lane.worked();
                action.worked();
                mended(Stage::Writing, &action.progress);
                action.progress.count(|counters| {
                    counters.fetched += 1;
                    counters.delivered += 1;
                });
                action.progress.update(|status| {
                    status.last_record = status.last_record.max(Some(due.put_at));
                });
                ActionResult::Done(text)
            }
            Attempted::Failed(text) => {
                lane.worked();
                action.failed(due, &text);
                ActionResult::Failed(text)
            }
            Attempted::NotBefore(at, text) => ActionResult::Later(at, text),
            Attempted::Again(failure) => {
                let kind = match failure.kind {
                    ActionFailureKind::Asked(asked) => ActionFailureKind::Asked(asked.min(ASKED_MAX)),
                    kind @ (ActionFailureKind::Passing | ActionFailureKind::Lasting) => kind,
                };
                let waits_for_operator = kind == ActionFailureKind::Lasting;
                let text = failure.text.clone();
                let failure = ActionFailure { kind, ..failure };
                action.failing = Some(failure.clone());
                let parked = lane.delays.wanted().parked;
                let reported =
                    report_and_delay(&Failure::Action(failure), &mut lane.delays, &action.progress);
                let wait = reported.unwrap_or(parked);
                // What only this action has does not hold up others of its connector.
                if waits_for_operator {
                    action.pause(wait)
                } else {
                    lane.pause(wait)
                }
                let wait_seconds = |wait: Duration| wait.as_secs_f64().ceil() as i64;
                if let ActionFailureKind::Asked(asked) = kind {
                    let until = now.saturating_add(wait_seconds(asked));
                    lane.ask(until);
                    self.unsettled.asked(ConnectorPause { space: key.0, connector: key.1, until });
                }
                if waits_for_operator {
                    // Nothing was sent: it is no try, and it is not given up.
                    ActionResult::Parked(now.saturating_add(wait_seconds(wait)), text)
                } else if due.tried_at.is_some_and(|first| now.saturating_sub(first) > KEEP_TRYING) {
                    let text = format!("given up: {text}");
                    action.failed(due, &text);
                    ActionResult::Failed(text)
                } else {
                    let wait = wait_seconds(wait.max(delay(due.tries)));
                    ActionResult::Again(now.saturating_add(wait), text)
                }
            }
        };
        self.unsettled.result(due.id, result);
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
        for action in &self.actions {
            let counts = counts.get(&*action.settings.outbox.name).copied().unwrap_or_default();
            mended(Stage::Reading, &action.progress);
            action.progress.update(|status| {
                status.state = RouteState::Live;
                status.waiting = counts.waiting;
                status.delivered = counts.done;
                status.last_read = Some(now);
            });
        }
        Ok(())
    }
}
