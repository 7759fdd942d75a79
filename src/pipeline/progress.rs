//! What a route is doing, shared with `status.json`, `ccfd status`, metrics and progress bars.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

pub use super::route_status::{RouteState, RouteStatus, ShownError, ShownWait};
use super::{byte_budget::ByteBudget, counters::RouteCounters, stage::Stage};
use crate::log_throttle::LogThrottle;

/// The time between two lines about passing failures with the same cause.
const FAILURES_INTERVAL: Duration = Duration::from_secs(300);
/// How many causes are logged separately; beyond that, those with the same advice are logged together.
const CAUSES_MAX: usize = 64;
/// The end of a failure is logged only if it lasted this long.
const LASTING: Duration = Duration::from_secs(60);

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
