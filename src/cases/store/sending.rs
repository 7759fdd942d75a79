//! What is shown of the sending of cases, and what was given up of it is sent again.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;

use super::{CaseStore, CaseTurn};
use crate::cases::{CaseError, error::CaseFault};

/// Parts that were refused of which a case shows why.
const PARTS_SHOWN: u32 = 100;

/// How many cases of a space are sent and to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseOutboxCounts {
    /// To be sent.
    pub waiting: u64,
    /// Sent.
    pub done: u64,
    /// Refused.
    pub failed: u64,
    /// The number of the one that was refused last, and why, without the words of others.
    pub failed_last: Option<(i64, String)>,
    /// The number of the one that last failed and is tried again, and why, in the same way.
    pub waiting_last: Option<(i64, String)>,
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
    /// Those that were refused, and why.
    pub refused_parts: Vec<RefusedPart>,
}

/// A part of a case that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedPart {
    /// The name that its sender gave it.
    pub part: String,
    /// The answer. It may quote what was sent.
    pub why: String,
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
                let (waiting, done, failed) = (count(0)?, count(1)?, count(2)?);
                Ok(CaseOutboxCounts { waiting, done, failed, ..CaseOutboxCounts::default() })
            })?;
            let (failed_last, waiting_last) = (turn.last_of("failed")?, turn.last_of("waiting")?);
            Ok(CaseOutboxCounts { failed_last, waiting_last, ..counts })
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
                let (state, id, answer) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(CaseSending { state, id, answer, refused, refused_parts: Vec::new() })
            });
            let Some(found) = found.optional()? else { return Ok(None) };
            let sql = "SELECT item, why FROM case_sent
                       WHERE case_id = ?1 AND remote = ?2 AND refused IS NOT NULL ORDER BY item LIMIT ?3";
            let mut query = turn.begun.prepare_cached(sql)?;
            let parts = query.query_map(params![row, found.id, PARTS_SHOWN], |row| {
                Ok(RefusedPart { part: row.get(0)?, why: row.get::<_, Option<String>>(1)?.unwrap_or_default() })
            })?;
            let refused_parts = parts.collect::<rusqlite::Result<_>>()?;
            Ok(Some(CaseSending { refused_parts, ..found }))
        })
    }

    /// Lets a case be sent again with all that was given up of it, but no sooner than a search shows what an earlier attempt may
    /// have done. With `creates` also if it was deleted there: it is created again then, unless it is found by its tag.
    pub fn resend(&mut self, id: &str, creates: bool) -> Result<(), CaseError> {
        self.turn(|turn| {
            let (row, _) = turn.case(id)?;
            let sql = "SELECT state FROM case_outbox WHERE case_id = ?1 AND EXISTS (SELECT 1 FROM case_target WHERE space = ?2)";
            let state: Option<String> =
                turn.begun.query_row(sql, params![row, turn.space], |row| row.get(0)).optional()?;
            match state.as_deref() {
                None => {
                    let text = "the cases of this space were never sent anywhere; see [cases] in the settings";
                    Err(CaseError::Invalid(text.to_owned()).into())
                }
                Some("running") => {
                    let text = "the case is being sent; try again in a minute";
                    Err(CaseError::Conflict(text.to_owned()).into())
                }
                Some(_) => turn.send_again(row, creates),
            }
        })
    }

    /// The same for all cases of the space that were refused, wholly or in parts. Returns how many these are.
    pub fn resend_refused(&mut self) -> Result<usize, CaseError> {
        self.turn(|turn| {
            let sql = "SELECT case_id FROM case_outbox WHERE space = ?1 AND state = 'failed'";
            let rows: rusqlite::Result<Vec<i64>> =
                turn.begun.prepare_cached(sql)?.query_map([turn.space], |row| row.get(0))?.collect();
            let rows = rows?;
            rows.iter().try_for_each(|row| turn.send_again(*row, false))?;
            Ok(rows.len())
        })
    }
}

impl CaseTurn<'_> {
    /// The number of the case in this state that failed last, and why.
    fn last_of(&self, state: &str) -> Result<Option<(i64, String)>, CaseFault> {
        let sql = "SELECT number, answer FROM case_outbox JOIN cases ON cases.id = case_id
                   WHERE case_outbox.space = ?1 AND state = ?2 AND (state = 'failed' OR has_failed)
                   ORDER BY changed_at DESC LIMIT 1";
        let last = self.begun.prepare_cached(sql)?.query_row(params![self.space, state], |row| {
            let answer: Option<String> = row.get(1)?;
            Ok((row.get(0)?, reason(&answer.unwrap_or_default()).to_owned()))
        });
        Ok(last.optional()?)
    }

    fn send_again(&self, row: i64, creates: bool) -> Result<(), CaseFault> {
        // No version has this number.
        self.forget_refused(row, -1)?;
        let sql =
            "UPDATE case_outbox SET state = 'waiting', next_at = unsure_until, has_failed = 0, tries = 0,
                       creates = ?2
                   WHERE case_id = ?1";
        self.begun.prepare_cached(sql)?.execute(params![row, creates])?;
        Ok(())
    }
}

/// The beginning of an answer that has no words of others yet: they follow the status.
fn reason(answer: &str) -> &str {
    let status = answer.find("(status ").and_then(|at| Some(at + answer[at..].find(')')? + 1));
    status.and_then(|end| answer.get(..end)).unwrap_or_else(|| answer.split(':').next().unwrap_or_default())
}
