//! What a route is doing, for whoever asks: `status.json`, `ccfd status`, progress bars.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

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
    /// Not running.
    Stopped,
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
            Self::Stopped => "stopped",
        })
    }
}

/// A failure as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownError {
    /// When, in Unix seconds.
    pub at: i64,
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
    /// The latest second of a delivered record.
    pub last_record: Option<i64>,
    /// Everything earlier is delivered.
    pub settled: Option<i64>,
    /// The second up to which history is read.
    pub read_to: Option<i64>,
    /// Of a past window that is read once: seconds not settled yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_seconds: Option<i64>,
    /// Records handed to the sink, over all runs.
    pub delivered: u64,
    /// Of those of this run: records that the sink had already.
    pub already_there: u64,
    /// Records put into the rejects in this run.
    pub rejected: u64,
    /// Ids held ahead of settled.
    pub held: usize,
    /// Requests sent in this run.
    pub requests: u64,
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

/// A route's status, shared between the route and its watchers.
#[derive(Debug, Clone)]
pub struct Progress {
    status: Arc<Mutex<RouteStatus>>,
    changed: Arc<Notify>,
}

impl Progress {
    /// Begins with what never changes; `changed` is told when the state changes.
    pub fn new(status: RouteStatus, changed: Arc<Notify>) -> Self {
        Self {
            status: Arc::new(Mutex::new(status)),
            changed,
        }
    }

    /// The status now.
    pub fn status(&self) -> RouteStatus {
        self.lock().clone()
    }

    /// Changes it, and wakes the watchers when the route does something else now.
    pub fn update(&self, change: impl FnOnce(&mut RouteStatus)) {
        let mut status = self.lock();
        let (state, error) = (status.state, status.error.is_some());
        change(&mut status);
        if status.state != state || status.error.is_some() != error {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, RouteStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
