//! The outbox of actions: what alerts have to do in other systems, one row for each alert and action. A row is put in the
//! transaction in which its alert begins to notify, or is closed; the daemon works through them.
//!
//! | file | what it does |
//! | --- | --- |
//! | `put` | which actions an alert has, and their rows |
//! | `work` | rows that are due, and what became of them |
//! | `sent` | what is sent of a row, the same at each attempt |
//! | `pause` | how long connectors must wait |
//! | `list` | rows for commands: listed, tried again, removed |

mod clock;
mod list;
mod pause;
mod put;
mod sent;
mod work;

use std::sync::Arc;

use tokio::sync::Notify;

pub(super) use self::put::put_closed;
pub(crate) use self::put::wake;
pub use self::{
    clock::CLOCK_SLACK,
    list::{ListedAction, ListedWait, OutboxFilter},
    pause::ConnectorPause,
    put::OutboxAction,
    sent::SentParams,
    work::{ActionClaim, ActionCounts, ActionResult, DueAction},
};

/// The tables of this file. That an alert has acted is known for as long as the alert is, whatever becomes of the row.
pub(super) const TABLES: &str = "
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, alert TEXT NOT NULL, action TEXT NOT NULL, event TEXT NOT NULL,
    state TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, put_at INTEGER NOT NULL, next_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL, tried_at INTEGER, answer TEXT, sent_to TEXT, sent TEXT, sent_hash TEXT,
    version INTEGER NOT NULL DEFAULT 0, urgent INTEGER NOT NULL DEFAULT 0, parked INTEGER NOT NULL DEFAULT 0,
    UNIQUE (alert, action, event)
);
CREATE INDEX outbox_due ON outbox (action, next_at, id) WHERE state = 'waiting';
CREATE INDEX outbox_urgent ON outbox (action, next_at, id) WHERE state = 'waiting' AND urgent = 1;
CREATE INDEX outbox_state ON outbox (state, id);
CREATE TABLE acted (
    alert TEXT NOT NULL, action TEXT NOT NULL, event TEXT NOT NULL, PRIMARY KEY (alert, action, event)
) WITHOUT ROWID;
CREATE TRIGGER acted_ends AFTER DELETE ON alert BEGIN DELETE FROM acted WHERE alert = old.uid; END;
CREATE TABLE connector_pause (
    space TEXT NOT NULL, connector TEXT NOT NULL, asked_by TEXT NOT NULL, until INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (space, connector, asked_by)
) WITHOUT ROWID;
";

/// The most rows that wait. A destination that is down for days must not fill the disk; what is over this is listed as
/// dropped, and can be tried again by hand.
const WAITING_MAX: u32 = 10_000;
/// The most rows of each other state that are kept.
const KEPT_MAX: u32 = 10_000;
/// The most characters of an answer that are kept.
const ANSWER_CHARS_MAX: usize = 500;

/// Wakes what works through the rows of this process. Rows of other processes are found by looking.
static PUT: Notify = Notify::const_new();

/// Waits until a row was put by this process.
pub async fn action_put() {
    PUT.notified().await;
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionEvent {
    /// It began to notify.
    Open,
    /// Somebody closed it.
    Closed,
}

impl ActionEvent {
    /// Every event.
    pub const ALL: [Self; 2] = [Self::Open, Self::Closed];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|one| one.word() == word).unwrap_or(Self::Open)
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionState {
    /// It is to be done, now or later.
    Waiting,
    /// It is being done.
    Running,
    /// It is done.
    Done,
    /// It failed for good.
    Failed,
    /// There was no room for it.
    Dropped,
}

impl ActionState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Dropped];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// The actions of the settings, and how many rows may wait.
pub(crate) struct ActionOutbox {
    pub(super) actions: Arc<[OutboxAction]>,
    pub(super) waiting_max: u32,
}

impl Default for ActionOutbox {
    fn default() -> Self {
        Self { actions: Arc::new([]), waiting_max: WAITING_MAX }
    }
}

/// An answer as it is kept: short, and without control characters.
fn kept(answer: &str) -> String {
    answer.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ANSWER_CHARS_MAX).collect()
}
