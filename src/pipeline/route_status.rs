//! The status of a route, as `status.json` and `ccfd status` show it.

use std::{collections::BTreeMap, fmt};

use collectors::CrowdProgress;
use serde::{Deserialize, Serialize};

use super::{names::is_route_name, verified::LastVerification};

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
    /// The one that failed last and is tried again, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_last: Option<String>,
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
