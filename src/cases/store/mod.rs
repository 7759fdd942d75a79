//! The cases of one space, in the database of the alerts. Each call is one transaction.
//!
//! | file | what it does |
//! | --- | --- |
//! | `tables` | the tables |
//! | `row` | a row as a case |
//! | `create`, `update`, `remove` | cases |
//! | `tags` | which tags no case may get |
//! | `follow` | alerts get the status and the verdict of their case |
//! | `attach`, `attached`, `edit`, `files` | what is attached to them |
//! | `find`, `search`, `lists` | which cases there are |
//! | `history` | what was done to them |
//! | `pushed`, `claim` | where they were sent with connectors; one push at a time |
//! | `outbox` | which of them are to be sent elsewhere, and what of them is there |
//! | `target` | where that is, and where it was before |
//! | `sending` | what is shown of that, and what was given up is sent again |
//! | `configure`, `fields` | configurations, and what they say about custom fields |

mod attach;
mod attached;
mod claim;
mod clock;
mod configure;
mod create;
mod edit;
mod fields;
mod files;
mod find;
mod follow;
mod history;
mod lists;
mod outbox;
mod pushed;
mod remove;
mod row;
mod search;
mod sending;
mod tables;
mod tags;
mod target;
#[cfg(test)]
mod tests;
mod update;

use std::{cell::Cell, path::Path};

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(super) use self::create::MadeCase;
pub use self::{
    attached::AttachmentPage,
    claim::{PUSH_CLAIM_SECONDS, PUSH_HELD_SECONDS},
    configure::{
        CaseConfiguration, CaseTemplate, ClosureType, ConfigurationChange, CustomFieldSpec, TemplateFields,
    },
    files::CaseFile,
    find::{CaseFilter, CasePage, CaseSort},
    history::{HistoryFilter, HistoryPage, UserAction},
    lists::{CaseCounts, CaseTitle, CaseTotals},
    outbox::{CaseToSend, SENT_NAME, SentFields, SentItem, SentItems},
    search::SearchField,
    sending::{CaseOutboxCounts, CaseSending, RefusedPart},
    target::TargetBegun,
    update::VersionedChange,
};
pub(crate) use self::{remove::forget_space, tables::TABLES};
use super::{CaseError, error::CaseFault};
use crate::{
    detect_db::{ActionOutbox, DetectDb, RowWorker, wake_actions},
    sinks::sqlite::of_database,
};

/// The cases of one space.
pub struct CaseStore<'a> {
    pub(super) connection: &'a mut Connection,
    outbox: &'a ActionOutbox,
    path: &'a Path,
    pub(super) space: &'a str,
    /// Where what is kept of sending was sent.
    target: Option<&'a str>,
    /// Who sends it.
    worker: Option<RowWorker>,
}

impl DetectDb {
    /// The cases of a space.
    pub fn cases<'a>(&'a mut self, space: &'a str) -> CaseStore<'a> {
        let (connection, outbox, path) = self.parts();
        CaseStore { connection, outbox, path, space, target: None, worker: None }
    }
}

impl<'a> CaseStore<'a> {
    /// The same for who sends the cases to this target: what that keeps once they are sent to another one is of no use any more.
    pub fn sent_to(self, target: &'a str) -> Self {
        Self { target: Some(target), ..self }
    }

    /// The same for one worker: it claims nothing once another one has begun, and says nothing of what it had claimed.
    pub fn by(self, worker: RowWorker) -> Self {
        Self { worker: Some(worker), ..self }
    }
}

impl CaseStore<'_> {
    /// One transaction.
    pub(super) fn turn<T>(
        &mut self,
        work: impl FnOnce(&CaseTurn<'_>) -> Result<T, CaseFault>,
    ) -> Result<T, CaseError> {
        let failed = |error| of_database(self.path, error);
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let turn = CaseTurn { begun, outbox: self.outbox, put: Cell::new(0), space: self.space };
        match work(&turn) {
            Ok(done) => {
                turn.begun.commit().map_err(failed)?;
                if turn.put.get() > 0 {
                    wake_actions();
                }
                Ok(done)
            }
            Err(CaseFault::Refused(error)) => Err(error),
            Err(CaseFault::Sql(error)) => Err(failed(error).into()),
        }
    }

    /// One look, which waits for no writer.
    pub(super) fn look<T>(
        &mut self,
        work: impl FnOnce(&CaseTurn<'_>) -> Result<T, CaseFault>,
    ) -> Result<T, CaseError> {
        let failed = |error| of_database(self.path, error);
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(failed)?;
        let turn = CaseTurn { begun, outbox: self.outbox, put: Cell::new(0), space: self.space };
        work(&turn).map_err(|fault| match fault {
            CaseFault::Refused(error) => error,
            CaseFault::Sql(error) => failed(error).into(),
        })
    }
}

/// A transaction on the cases of one space.
pub(super) struct CaseTurn<'a> {
    pub(super) begun: Transaction<'a>,
    /// What alerts do that are closed.
    outbox: &'a ActionOutbox,
    /// Actions that were put.
    put: Cell<u64>,
    pub(super) space: &'a str,
}

impl CaseTurn<'_> {
    /// A version that nothing had before.
    pub(super) fn next_version(&self) -> rusqlite::Result<i64> {
        let sql = "UPDATE counter SET value = value + 1 WHERE name = 'case_version' RETURNING value";
        self.begun.prepare_cached(sql)?.query_row([], |row| row.get(0))
    }
}

/// A value that the database keeps as JSON.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// The same, read again.
pub(super) fn parsed<T: serde::de::DeserializeOwned + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}
