//! What a route is doing, for whoever asks: `status.json`, `ccfd status`, metrics, progress bars.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, time::Instant};

use super::{byte_budget::ByteBudget, counters::RouteCounters, names::is_route_name, stage::Stage};
use crate::log_throttle::LogThrottle;

/// The time between two lines about failures that pass and are of one kind.
const FAILURES_INTERVAL: Duration = Duration::from_secs(300);
/// Causes that are told apart; beyond that they are told together that have the same advice.
const CAUSES_MAX: usize = 64;
/// A failure that passes sooner is not worth a line when it has passed.
const LASTING: Duration = Duration::from_secs(60);

/// What a route is busy with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteState {
    /// Loading its checkpoint, asking the list whose it is.
    #[default]
    Starting,
    /// Looking for the record before which to start.
    Searching,
    /// Reading history, oldest first.
    CatchingUp,
    /// Everything is read; polling for what is new.
    Live,
    /// Something failed that passes; trying again.
    BackingOff,
    /// A person must act; tried again rarely.
    Parked,
    /// An operator has paused its collector.
    Paused,
    /// Not running.
    Stopped,
}

impl RouteState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Searching,
        Self::CatchingUp,
        Self::Live,
        Self::BackingOff,
        Self::Parked,
        Self::Paused,
        Self::Stopped,
    ];
}

impl fmt::Display for RouteState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Starting => "starting",
            Self::Searching => "searching",
            Self::CatchingUp => "catching up",
            Self::Live => "live",
            Self::BackingOff => "backing off",
            Self::Parked => "parked",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}

/// A failure as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownError {
    /// When, in Unix seconds.
    pub at: i64,
    /// When the stage of the route that it holds up first failed after it had last worked.
    #[serde(default)]
    pub since: i64,
    /// A fixed word for what happened.
    #[serde(default)]
    pub reason: String,
    /// What happened.
    pub text: String,
    /// What to do.
    pub advice: String,
}

/// A route at a glance. Times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// `collector/sink`.
    pub route: String,
    /// The collector's name.
    pub collector: String,
    /// `audit_logs` or `chat_completions`.
    pub source: String,
    /// The sink's name.
    pub sink: String,
    /// The sink's type.
    pub sink_type: String,
    /// The table written to.
    pub table: String,
    /// What it is doing.
    pub state: RouteState,
    /// Whether a checkpoint says where it goes on.
    #[serde(default)]
    pub has_checkpoint: bool,
    /// The latest second of a delivered record.
    pub last_record: Option<i64>,
    /// Everything earlier is delivered.
    pub watermark: Option<i64>,
    /// The second up to which history is read.
    pub read_to: Option<i64>,
    /// Of a past window that is read once: seconds after the watermark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_seconds: Option<i64>,
    /// Records handed to the sink, over all runs.
    pub delivered: u64,
    /// Of those of this run: records that the sink had already.
    pub already_there: u64,
    /// Records put into the rejects in this run.
    pub rejected: u64,
    /// Ids held ahead of the watermark.
    pub dedup_ids: usize,
    /// Requests sent in this run.
    pub requests: u64,
    /// Of these, requests for the messages of completions.
    #[serde(default)]
    pub messages_requests: u64,
    /// Completions of this run that went without their messages, by the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub messages_missing: BTreeMap<String, u64>,
    /// Whether tenant-scoped audit events are read by a walk of their own; `None` while unknown, or where there are none.
    pub tenant_walk: Option<bool>,
    /// Whether sweeps take longer than their interval.
    pub sweep_late: bool,
    /// The newest record that the list showed when the route started, if any.
    pub newest_listed: Option<i64>,
    /// When the route last ended a poll or a sweep.
    pub last_read: Option<i64>,
    /// The last failure that is not mended yet.
    pub error: Option<ShownError>,
}

impl RouteStatus {
    /// Whether it is a backfill, whose name holds its window, too.
    pub fn is_backfill(&self) -> bool {
        !is_route_name(&self.route)
    }

    /// Seconds of which there may be records that were not asked for: since the last reading that left nothing over,
    /// or since the place that the reading of history has come to.
    pub fn lag_seconds(&self, now: i64) -> Option<i64> {
        let since = self.last_read.or(self.read_to).or(self.watermark)?;
        Some((now - since).max(0))
    }
}

/// What is measured of a route, at one moment.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What it is doing.
    pub status: RouteStatus,
    /// What it has counted.
    pub counters: RouteCounters,
    /// The room for its pages; `None` while it never got so far.
    pub budget: Option<ByteBudget>,
    /// The file of its rejects, which may not be there.
    pub rejects: Option<PathBuf>,
}

/// A route's status, shared between the route and its watchers.
#[derive(Debug, Clone)]
pub struct Progress {
    shared: Arc<Mutex<Shared>>,
    changed: Arc<Notify>,
    is_backfill: bool,
}

#[derive(Debug)]
struct Shared {
    /// Without what is wrong, and without what is counted.
    status: RouteStatus,
    counters: RouteCounters,
    budget: Option<ByteBudget>,
    rejects: Option<PathBuf>,
    /// What is wrong with each stage.
    troubles: [Option<Trouble>; 2],
    /// Failures not told yet, by their cause. Kept when they pass: what comes and goes is told as seldom as what stays.
    unlogged: BTreeMap<String, LogThrottle<u64>>,
    /// The status as JSON, as long as nothing has changed in it.
    written: Option<Arc<[u8]>>,
}

#[derive(Debug)]
struct Trouble {
    state: RouteState,
    cause: String,
    error: ShownError,
    since: Instant,
}

impl Progress {
    /// Begins with what never changes; `changed` is told when the state changes.
    pub fn new(status: RouteStatus, changed: Arc<Notify>) -> Self {
        let is_backfill = status.is_backfill();
        let shared = Shared {
            status,
            counters: RouteCounters::default(),
            budget: None,
            rejects: None,
            troubles: [None, None],
            unlogged: BTreeMap::new(),
            written: None,
        };
        Self { shared: Arc::new(Mutex::new(shared)), changed, is_backfill }
    }

    /// Whether it is that of a backfill.
    pub fn is_backfill(&self) -> bool {
        self.is_backfill
    }

    /// What the route is doing now.
    pub fn state(&self) -> RouteState {
        self.lock().shown().0
    }

    /// The status as one line of JSON. It costs something only after a change: there may be ten thousand routes, and most of them
    /// wait.
    pub fn as_json(&self) -> serde_json::Result<Arc<[u8]>> {
        let mut shared = self.lock();
        if let Some(written) = &shared.written {
            return Ok(written.clone());
        }
        let written: Arc<[u8]> = serde_json::to_vec(&shared.status())?.into();
        Ok(shared.written.insert(written).clone())
    }

    /// The status now.
    pub fn status(&self) -> RouteStatus {
        self.lock().status()
    }

    /// All that is measured now.
    pub fn measured(&self) -> Measured {
        let shared = self.lock();
        let Shared { counters, budget, rejects, .. } = &*shared;
        let (counters, budget, rejects) = (counters.clone(), budget.clone(), rejects.clone());
        Measured { status: shared.status(), counters, budget, rejects }
    }

    /// Counts something.
    pub fn count(&self, count: impl FnOnce(&mut RouteCounters)) {
        let mut shared = self.lock();
        shared.written = None;
        count(&mut shared.counters);
    }

    /// What can be looked at when somebody asks: the room for pages, the file of the rejects.
    pub fn watch(&self, budget: ByteBudget, rejects: PathBuf) {
        let mut shared = self.lock();
        (shared.budget, shared.rejects) = (Some(budget), Some(rejects));
    }

    /// Changes it. What is wrong is shown by [`Self::failed`] until [`Self::mended`].
    pub fn update(&self, change: impl FnOnce(&mut RouteStatus)) {
        self.change(|shared| change(&mut shared.status));
    }

    /// Shows what is wrong with one stage. Answers how many failures a line about it would tell of; `None` when it was told
    /// already: of what passes a while ago, of what is parked for the same cause ever since. What was wrong with that half
    /// before says since when.
    pub fn failed(
        &self,
        stage: Stage,
        state: RouteState,
        mut error: ShownError,
        cause: String,
    ) -> Option<u64> {
        self.change(|shared| {
            let trouble = &mut shared.troubles[stage as usize];
            error.since = trouble.as_ref().map_or(error.at, |known| known.error.since);
            let parked = |trouble: &Trouble| trouble.state == RouteState::Parked && trouble.cause == cause;
            let told = match state {
                RouteState::BackingOff => {
                    let fresh = || LogThrottle::new(FAILURES_INTERVAL);
                    let is_known = shared.unlogged.contains_key(&cause) || shared.unlogged.len() < CAUSES_MAX;
                    let of = if is_known { &cause } else { &error.advice };
                    let unlogged = shared.unlogged.entry(of.clone()).or_insert_with(fresh);
                    unlogged.add(|failures| *failures += 1)
                }
                RouteState::Parked => (!trouble.as_ref().is_some_and(parked)).then_some(1),
                RouteState::Starting
                | RouteState::Searching
                | RouteState::CatchingUp
                | RouteState::Live
                | RouteState::Paused
                | RouteState::Stopped => Some(1),
            };
            let since = trouble.as_ref().map_or_else(Instant::now, |trouble| trouble.since);
            *trouble = Some(Trouble { state, cause, error, since });
            shared.counters.parks[stage as usize] += u64::from(state == RouteState::Parked && told.is_some());
            told
        })
    }

    /// One half has done its work again. Answers how long it did not, if that was long enough for a line.
    pub fn mended(&self, stage: Stage) -> Option<Duration> {
        let trouble = self.change(|shared| {
            shared.counters.succeeded[stage as usize] = Some(chrono::Utc::now().timestamp());
            shared.troubles[stage as usize].take()
        })?;
        let lasted = trouble.since.elapsed();
        (trouble.state == RouteState::Parked || lasted >= LASTING).then_some(lasted)
    }

    /// Wakes the watchers when the route does something else after the change.
    fn change<T>(&self, change: impl FnOnce(&mut Shared) -> T) -> T {
        let mut shared = self.lock();
        shared.written = None;
        let before = shared.outline();
        let done = change(&mut shared);
        if shared.outline() != before {
            self.changed.notify_one();
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn status(&self) -> RouteStatus {
        let (state, error) = self.shown();
        RouteStatus {
            state,
            error: error.cloned(),
            already_there: self.counters.already_there,
            rejected: self.counters.rejected.values().sum(),
            requests: self.counters.source.requests(),
            ..self.status.clone()
        }
    }

    /// The state, and the error that explains it: being parked says more than trying again, and what began earlier more than what
    /// followed.
    fn shown(&self) -> (RouteState, Option<&ShownError>) {
        let troubles = self.troubles.iter().flatten();
        let worst = troubles.max_by_key(|one| (one.state == RouteState::Parked, Reverse(one.error.since)));
        match worst {
            Some(trouble) if self.status.state == RouteState::Stopped => {
                (RouteState::Stopped, Some(&trouble.error))
            }
            Some(trouble) => (trouble.state, Some(&trouble.error)),
            None => (self.status.state, None),
        }
    }

    fn outline(&self) -> (RouteState, bool) {
        let (state, error) = self.shown();
        (state, error.is_some())
    }
}
