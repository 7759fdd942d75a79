//! The database of rules, matches and alerts, `detect.db` in the state directory. The daemon and commands open it beside
//! each other.
//!
//! | file | what it does |
//! | --- | --- |
//! | `open`, `schema` | the file and its tables |
//! | `rules` | the rules of a configuration: their ids here, which of them changed, how they depend on each other |
//! | `feed` | a rule that begins to use another one sees what that one knows |
//! | `rejoin` | a correlation that was not in use, and comes back |
//! | `store` | one transaction: the new matches of a batch, and every change of alerts that follows |
//! | `matches`, `groups` | its first half: matches, and what correlations see of them, by group and second |
//! | `held`, `held_group`, `group_reading`, `group_growth`, `group_record`, `held_piece`, `sorted_map`, `stored_groups` | where that is kept: groups in memory, a journal, and pieces of each group |
//! | `piece`, `piece_reader` | a piece in few bytes |
//! | `group_contents`, `group_ticks` | what is known of it, and what windows read of it |
//! | `correlate`, `chain` | its second half: the episodes of each group that changed, and the hits that other correlations use |
//! | `single` | alerts of single matches |
//! | `raise`, `refresh` | alerts of episodes: created, joined, withdrawn; what they count and show |
//! | `notice`, `flood` | who is notified; the alert that says that a rule raises too many |
//! | `shown` | what an alert shows of its records |
//! | `alert`, `read`, `verdict` | alerts for commands: listed, acknowledged, closed |
//! | `trial` | rules tried on records, in a database of their own |
//! | `fields` | which fields the records had that rules read |
//! | `delivery` | how far alerts are delivered to other sinks |
//! | `outbox`, `advice` | what alerts have to do in other systems; what a model said of an alert |
//! | `row_worker` | who works through rows that are to be done |
//! | `spaces`, `api_keys` | who may use the connectors' HTTP API, for what and where |
//! | `thread` | the database for tasks of the runtime |
//! | `runs` | runs of connectors, and the tokens that they used |
//! | `retain` | what is removed, by age and size |
//! | `undelivered` | alerts that a sink has still to get |
//! | `mark`, `forget`, `kept` | what a rule has forgotten and no longer judges; how it forgets; what alerts keep of it |
//! | `connectors`, `secrets` | connectors that people made, and secrets, which are sealed before they get here |
//!
//! What an alert says of its events is a function of the matches that arrived, whatever their order. Its id, and who was
//! notified, depend on when it was first seen.

mod advice;
mod alert;
mod api_keys;
mod chain;
mod connectors;
mod correlate;
mod delivery;
mod feed;
mod fields;
mod flood;
mod forget;
mod group_contents;
mod group_growth;
mod group_map;
mod group_reading;
mod group_record;
mod group_ticks;
mod groups;
mod held;
mod held_group;
mod held_piece;
mod kept;
mod mark;
mod matches;
mod notice;
mod open;
mod outbox;
mod piece;
mod piece_reader;
mod raise;
mod random;
mod read;
mod refresh;
mod rejoin;
mod retain;
mod row_worker;
mod rules;
mod run_delivery;
mod run_parts;
mod run_usage;
mod runs;
mod schema;
mod secrets;
mod shown;
mod single;
mod sorted_map;
mod spaces;
mod store;
mod stored_groups;
mod thread;
mod trial;
mod undelivered;
mod verdict;

use std::{
    cell::Cell,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

pub use self::{
    advice::{AdviceRow, ModelCall},
    alert::{Alert, AlertStatus, Disposition},
    api_keys::{ApiKey, ApiKeyError, KeyScope, NewApiKey},
    connectors::{CONNECTOR_SECRETS, ConnectorRow, ConnectorStored, RowSecrets},
    delivery::{AlertArrival, DeliveryCheckpoint, DeliveryPlace, DueAlert},
    fields::FieldUse,
    open::FILE_NAME,
    outbox::{
        ActionClaim, ActionCounts, ActionEvent, ActionResult, ActionState, CLOCK_SLACK, ConnectorPause,
        DueAction, ListedAction, ListedWait, OutboxAction, OutboxFilter, SentParams, action_put,
    },
    read::{AlertFilter, RuleFigures},
    retain::{AlertLimits, Forgotten},
    row_worker::RowWorker,
    rules::level_name,
    run_delivery::DueRun,
    run_parts::KeyedRun,
    run_usage::{UsageBy, UsageRow},
    runs::{CallerKind, ConnectorRunOutcome, RunRecord, RunSent},
    secrets::{Seal, SealedSecret, StoreSecretError},
    spaces::{DEFAULT_SPACE, SpaceAbout, SpaceError, StoredSpace},
    store::StoredMatches,
    thread::{DetectThread, FREE_MIN},
    trial::{Trial, TrialError},
    verdict::VerdictError,
};
pub(crate) use self::{
    outbox::{ActionOutbox, wake as wake_actions},
    raise::new_uid,
    verdict::{CaseReach, CaseVerdict, alert_named, follow_case},
};
use crate::sinks::disk::Inode;

/// The open database.
pub struct DetectDb {
    inode: Inode,
    connection: Connection,
    path: PathBuf,
    /// The rules in use; commands have none.
    book: Option<rules::RuleBook>,
    /// The groups in memory.
    held: held::HeldMatches,
    /// Rows of correlations that were read since it was opened.
    rows_read: Cell<u64>,
    /// What alerts do; without settings, nothing.
    outbox: outbox::ActionOutbox,
    /// The routes that deliver alerts, each with its destination.
    alert_routes: Vec<(String, String)>,
}

impl DetectDb {
    /// What cases need, which are in the same file: the connection, what alerts do that they close, and what its errors name.
    pub(crate) fn parts(&mut self) -> (&mut Connection, &outbox::ActionOutbox, &Path) {
        (&mut self.connection, &self.outbox, &self.path)
    }

    /// Limits what groups of matches take in memory between two batches, in bytes as they estimate it: 32 MiB by default. The
    /// journal takes a quarter of that.
    pub fn limit_memory(&mut self, bytes: usize) {
        let piece_seconds = self.held.limits.piece_seconds;
        self.held.limits = held::HeldLimits::of(bytes, piece_seconds);
    }

    /// How many rows were read for correlations since it was opened: the measure of their cost.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.get()
    }
}
