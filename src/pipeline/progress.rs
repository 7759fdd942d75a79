//! What a route is doing, for `status.json`, `ccfd status`, metrics and progress bars.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use collectors::CrowdProgress;
use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, time::Instant};

use super::{
    byte_budget::ByteBudget, counters::RouteCounters, names::is_route_name, stage::Stage,
    verified::LastVerification,
};
use crate::log_throttle::LogThrottle;

/// The time between two lines about passing failures with the same cause.
const FAILURES_INTERVAL: Duration = Duration::from_secs(300);
/// How many causes are logged separately; beyond that, those with the same advice are logged together.
const CAUSES_MAX: usize = 64;
/// The end of a failure is logged only if it lasted this long.
const LASTING: Duration = Duration::from_secs(60);

/// What a route is busy with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteState {
    /// Loading its checkpoint, and asking the list for its organization.
    #[default]
    Starting,
    /// Looking for the record before which to start.
    Searching,
    /// Reading history, oldest first.
    CatchingUp,
    /// Everything is read; polling for new records.
    Live,
    /// Retrying after a failure that passes.
    BackingOff,
    /// An operator must act; retries are rare.
    Parked,
    /// An operator paused its collector.
    Paused,
    /// Not running.
    Stopped,
}

impl RouteState {
    /// Every variant.
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

/// A failure as shown in the status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownError {
    /// When, in Unix seconds.
    pub at: i64,
    /// Since when the affected stage has not worked.
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

/// What a route of actions waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownWait {
    /// Nothing is sent before, in Unix seconds.
    pub until: i64,
    /// What failed. It may be others' words.
    pub reason: String,
}

/// The status of a route. Times are Unix seconds.
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
    /// Whether there is a checkpoint to continue from.
    #[serde(default)]
    pub has_checkpoint: bool,
    /// The latest second of a delivered record.
    pub last_record: Option<i64>,
    /// Everything earlier is delivered.
    pub watermark: Option<i64>,
    /// The second up to which history is read.
    pub read_to: Option<i64>,
    /// For a backfill: unread seconds of its window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_seconds: Option<i64>,
    /// Records delivered to the sink, over all runs.
    pub delivered: u64,
    /// Of those of this run: records that the sink already had.
    pub already_there: u64,
    /// Records written to the rejects in this run.
    pub rejected: u64,
    /// Of a route of alerts or actions: how many wait.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: u64,
    /// Of a route of actions: that its connector must wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<ShownWait>,
    /// Of a route of cases: how many are refused, now and not only in this run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// The one that was refused last, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_last: Option<String>,
    /// Size of the dedup set.
    pub dedup_ids: usize,
    /// Requests sent in this run.
    pub requests: u64,
    /// Of these, requests for the messages of completions.
    #[serde(default)]
    pub messages_requests: u64,
    /// Completions of this run that were delivered without their messages, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub messages_missing: BTreeMap<String, u64>,
    /// Whether a separate walk reads tenant-scoped audit events; `None` while unknown, or for other lists.
    pub tenant_walk: Option<bool>,
    /// The crowded second that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crowded: Option<CrowdProgress>,
    /// Whether sweeps take longer than their interval.
    pub sweep_late: bool,
    /// The newest second in the list when the route started, if any.
    pub newest_listed: Option<i64>,
    /// When a poll or a sweep last ended.
    pub last_read: Option<i64>,
    /// The last failure, until the stage works again.
    pub error: Option<ShownError>,
    /// The last verification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<LastVerification>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl RouteStatus {
    /// Whether it is a backfill, whose name includes its window.
    pub fn is_backfill(&self) -> bool {
        !is_route_name(&self.route)
    }

    /// For how many seconds records may exist that were not requested: since the last complete poll or sweep,
    /// or since the second up to which history is read.
    pub fn lag_seconds(&self, now: i64) -> Option<i64> {
        let since = self.last_read.or(self.read_to).or(self.watermark)?;
        Some((now - since).max(0))
    }
}

/// Everything that metrics show of a route, at one moment.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Its status.
    pub status: RouteStatus,
    /// Its counters.
    pub counters: RouteCounters,
    /// Its byte budget; `None` if it never got that far.
    pub budget: Option<ByteBudget>,
    /// Its rejects file, which may not exist.
    pub rejects: Option<PathBuf>,
}

/// A route's status, shared between the route and its watchers.
#[derive(Debug, Clone)]
pub struct Progress {
    shared: Arc<Mutex<ProgressState>>,
    changed: Arc<Notify>,
    is_backfill: bool,
}

#[derive(Debug)]
struct ProgressState {
    /// Without failures and counters.
    status: RouteStatus,
    counters: RouteCounters,
    budget: Option<ByteBudget>,
    rejects: Option<PathBuf>,
    /// The current failure of each stage.
    troubles: [Option<RouteTrouble>; 2],
    /// Failures that are not logged yet, by cause. Kept when a failure passes, so that one that comes and
    /// goes is logged as rarely as a lasting one.
    unlogged: BTreeMap<String, LogThrottle<u64>>,
    /// The status as JSON, until it changes.
    written: Option<Arc<[u8]>>,
}

#[derive(Debug)]
struct RouteTrouble {
    state: RouteState,
    cause: String,
    error: ShownError,
    since: Instant,
}

impl Progress {
    /// `status` contains what never changes; `changed` is notified when the state changes.
    pub fn new(status: RouteStatus, changed: Arc<Notify>) -> Self {
        let is_backfill = status.is_backfill();
        let shared = ProgressState {
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

    /// Whether this is a backfill.
    pub fn is_backfill(&self) -> bool {
        self.is_backfill
    }

    /// What the route is doing now.
    pub fn state(&self) -> RouteState {
        self.lock().shown().0
    }

    /// The status as one line of JSON. Cached until it changes, because there may be ten thousand routes,
    /// most of them idle.
    pub fn as_json(&self) -> serde_json::Result<Arc<[u8]>> {
        let mut shared = self.lock();
        if let Some(written) = &shared.written {
            return Ok(written.clone());
        }
        let written: Arc<[u8]> = serde_json::to_vec(&shared.status())?.into();
        Ok(shared.written.insert(written).clone())
    }

    /// The current status.
    pub fn status(&self) -> RouteStatus {
        self.lock().status()
    }

    /// The current measurements.
    pub fn measured(&self) -> Measured {
        let shared = self.lock();
        let ProgressState { counters, budget, rejects, .. } = &*shared;
        let (counters, budget, rejects) = (counters.clone(), budget.clone(), rejects.clone());
        Measured { status: shared.status(), counters, budget, rejects }
    }

    /// Updates the counters.
    pub fn count(&self, count: impl FnOnce(&mut RouteCounters)) {
        let mut shared = self.lock();
        shared.written = None;
        count(&mut shared.counters);
    }

    /// Sets what metrics read on demand: the byte budget and the rejects file.
    pub fn watch(&self, budget: ByteBudget, rejects: PathBuf) {
        let mut shared = self.lock();
        (shared.budget, shared.rejects) = (Some(budget), Some(rejects));
    }

    /// Updates the status. Failures are set by [`Self::failed`] and cleared by [`Self::mended`].
    pub fn update(&self, change: impl FnOnce(&mut RouteStatus)) {
        self.change(|shared| change(&mut shared.status));
    }

    /// Sets the failure of a stage; an earlier failure of the same stage keeps its `since`. Returns how many
    /// failures to log in one line, or `None` if the cause was logged already: recently for a passing
    /// failure, ever since it parked for the others.
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
            let parked =
                |trouble: &RouteTrouble| trouble.state == RouteState::Parked && trouble.cause == cause;
            let logged = match state {
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
            *trouble = Some(RouteTrouble { state, cause, error, since });
            shared.counters.parks[stage as usize] +=
                u64::from(state == RouteState::Parked && logged.is_some());
            logged
        })
    }

    /// Clears the failure of a stage. Returns how long it lasted, if that is long enough for a log line.
    pub fn mended(&self, stage: Stage) -> Option<Duration> {
        let trouble = self.change(|shared| {
            shared.counters.succeeded[stage as usize] = Some(chrono::Utc::now().timestamp());
            shared.troubles[stage as usize].take()
        })?;
        let lasted = trouble.since.elapsed();
        (trouble.state == RouteState::Parked || lasted >= LASTING).then_some(lasted)
    }

    /// Wakes the watchers if the change affects the state.
    fn change<T>(&self, change: impl FnOnce(&mut ProgressState) -> T) -> T {
        let mut shared = self.lock();
        shared.written = None;
        let before = shared.outline();
        let done = change(&mut shared);
        if shared.outline() != before {
            self.changed.notify_one();
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, ProgressState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProgressState {
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

    /// The state, and the error that explains it: parked takes precedence over backing off, then the earlier
    /// failure over the later.
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
