//! What is shown of the sending of cases.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;

use super::CaseStore;
use crate::cases::CaseError;

/// How many cases of a space are sent and to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaseOutboxCounts {
    /// To be sent.
    pub waiting: u64,
    /// Sent.
    pub done: u64,
    /// Refused.
    pub failed: u64,
}

/// What became of sending a case, as commands show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseSending {
    /// `waiting`, `running`, `done` or `failed`.
    pub state: String,
    /// Its id there.
    pub id: Option<String>,
    /// What came of the last try.
    pub answer: Option<String>,
    /// How many of its comments and alerts were refused, and not sent since.
    pub refused: u64,
}

impl CaseStore<'_> {
    /// How many cases of the space are sent and to be sent.
    pub fn count_sending(&mut self) -> Result<CaseOutboxCounts, CaseError> {
        self.look(|turn| {
            let sql = "SELECT count(*) FILTER (WHERE state IN ('waiting', 'running')), count(*) FILTER (WHERE state = 'done'),
                           count(*) FILTER (WHERE state = 'failed')
                       FROM case_outbox WHERE space = ?1";
            let counts = turn.begun.prepare_cached(sql)?.query_row([turn.space], |row| {
                let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
                Ok(CaseOutboxCounts { waiting: count(0)?, done: count(1)?, failed: count(2)? })
            })?;
            Ok(counts)
        })
    }

    /// What became of sending a case; `None` if cases of its space were never sent anywhere.
    pub fn sending(&mut self, id: &str) -> Result<Option<CaseSending>, CaseError> {
        self.look(|turn| {
            let (row, _) = turn.case(id)?;
            let sql = "SELECT state, remote, answer,
                           (SELECT count(*) FROM case_sent AS one
                            WHERE one.case_id = ?1 AND one.remote = case_outbox.remote AND refused IS NOT NULL)
                       FROM case_outbox WHERE case_id = ?1 AND EXISTS (SELECT 1 FROM case_target WHERE space = ?2)";
            let found = turn.begun.prepare_cached(sql)?.query_row(params![row, turn.space], |row| {
                let refused = row.get::<_, i64>(3)?.unsigned_abs();
                Ok(CaseSending { state: row.get(0)?, id: row.get(1)?, answer: row.get(2)?, refused })
            });
            Ok(found.optional()?)
        })
    }
}
