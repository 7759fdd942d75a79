//! The outbox of cases: which of them have changed since they were last sent to where cases of their space are sent. There is
//! one row for each case, which triggers put with each change; and what of a case is there already.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::{CaseStore, CaseTurn, json as kept, parsed};
use crate::{
    cases::{AttachedAlert, Case, CaseError, CaseSeverity, CaseStatus, error::CaseFault},
    detect_db::ActionResult,
};

/// The most characters of an answer that are kept.
const ANSWER_CHARS_MAX: usize = 500;

/// What of a case itself is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFields {
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// Its severity.
    pub severity: CaseSeverity,
    /// Its category.
    pub category: Option<String>,
    /// Its status.
    pub status: CaseStatus,
}

impl SentFields {
    /// Those of a case.
    pub fn of(case: &Case) -> Self {
        Self {
            title: case.title.clone(),
            description: case.description.clone(),
            tags: case.tags.iter().cloned().collect(),
            severity: case.severity,
            category: case.category.clone(),
            status: case.status,
        }
    }
}

/// A case that is being sent.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseToSend {
    /// The case, with everything that is attached to it.
    pub case: Case,
    /// Its alerts.
    pub alerts: Vec<AttachedAlert>,
    /// Its id there, if it is known to be there.
    pub remote: Option<String>,
    /// What was last sent of the case itself: one of these. Empty if nothing is known.
    pub fields: Vec<SentFields>,
    /// What of it is known to be there, by names that its sender gives.
    pub sent: BTreeSet<String>,
    /// What of this version of the case was refused there, by the same names.
    pub refused: BTreeSet<String>,
    /// How often this was tried, with this time.
    pub tries: u32,
}

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
    /// Begins to send the cases of the space to a target. What was being sent when the process ended waits until `sure_at`. For a
    /// target that is new nothing is known to be there, and what is closed stays here. It may be the earlier one by another
    /// name: what was last sent is kept, and everything waits until `sure_at`, to be looked for.
    pub fn begin_sending(&mut self, target: &str, sure_at: i64) -> Result<(), CaseError> {
        self.turn(|turn| {
            let sql = "SELECT target FROM case_target WHERE space = ?1";
            let before: Option<String> =
                turn.begun.query_row(sql, [turn.space], |row| row.get(0)).optional()?;
            if before.as_deref() == Some(target) {
                let sql = "UPDATE case_outbox SET state = 'waiting', next_at = ?2 WHERE space = ?1 AND state = 'running'";
                turn.begun.execute(sql, params![turn.space, sure_at])?;
                return Ok(());
            }
            let sql = "DELETE FROM case_sent WHERE case_id IN (SELECT case_id FROM case_outbox WHERE space = ?1)";
            turn.begun.execute(sql, [turn.space])?;
            let sql = "UPDATE case_outbox SET remote = NULL, answer = NULL, tries = 0, next_at = ?2,
                           state = iif((SELECT status FROM cases WHERE id = case_id) = 'closed', 'done', 'waiting')
                       WHERE space = ?1";
            turn.begun.execute(sql, params![turn.space, if before.is_some() { sure_at } else { 0 }])?;
            let sql = "INSERT INTO case_target VALUES (?1, ?2) ON CONFLICT (space) DO UPDATE SET target = excluded.target";
            turn.begun.execute(sql, params![turn.space, target])?;
            Ok(())
        })
    }

    /// The case that has waited longest and is due. It is being sent then, until [`CaseStore::settle_sending`].
    pub fn claim_to_send(&mut self, now: i64) -> Result<Option<CaseToSend>, CaseError> {
        let sql = "SELECT case_id FROM case_outbox WHERE space = ?1 AND state = 'waiting' AND next_at <= ?2
                   ORDER BY next_at, case_id LIMIT 1";
        // Looked for without a lock: mostly there is none.
        let due: Option<i64> = self.look(|turn| {
            Ok(turn
                .begun
                .prepare_cached(sql)?
                .query_row(params![turn.space, now], |row| row.get(0))
                .optional()?)
        })?;
        let Some(row) = due else { return Ok(None) };
        self.turn(|turn| {
            let sql = "UPDATE case_outbox SET state = 'running', tries = tries + 1, changed_at = ?2
                       WHERE case_id = ?1 AND state = 'waiting' RETURNING tries, remote, fields";
            let mut query = turn.begun.prepare_cached(sql)?;
            let taken = query.query_row(params![row, now], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?))
            });
            let Some((tries, remote, fields)) = taken.optional()? else { return Ok(None) };
            let sql = "SELECT uid FROM cases WHERE id = ?1";
            let id: String = turn.begun.prepare_cached(sql)?.query_row([row], |row| row.get(0))?;
            let sql = "SELECT item FROM case_sent WHERE case_id = ?1 AND refused IS ?2";
            let mut query = turn.begun.prepare_cached(sql)?;
            let mut items = |refused: Option<i64>| -> rusqlite::Result<BTreeSet<String>> {
                query.query_map(params![row, refused], |row| row.get(0))?.collect()
            };
            let case = turn.whole_case(&id)?;
            let (sent, refused) = (items(None)?, items(Some(case.version.parse().unwrap_or_default()))?);
            let alerts = turn.alerts(row)?;
            let fields = fields.map_or(Vec::new(), |fields| parsed(&fields));
            Ok(Some(CaseToSend { case, alerts, remote, fields, sent, refused, tries }))
        })
    }

    /// Keeps that a case is there, and under which id. Items are forgotten: they were of another one.
    pub fn keep_remote(&mut self, id: &str, remote: &str) -> Result<(), CaseError> {
        self.of_outbox(id, |turn, row| {
            let sql = "UPDATE case_outbox SET remote = ?2 WHERE case_id = ?1";
            turn.begun.prepare_cached(sql)?.execute(params![row, remote])?;
            turn.begun.prepare_cached("DELETE FROM case_sent WHERE case_id = ?1")?.execute([row])?;
            Ok(())
        })
    }

    /// Keeps what was sent of a case itself; several if it is not known which of them arrived last.
    pub fn keep_fields(&mut self, id: &str, fields: &[SentFields]) -> Result<(), CaseError> {
        self.of_outbox(id, |turn, row| {
            let sql = "UPDATE case_outbox SET fields = ?2 WHERE case_id = ?1";
            turn.begun.prepare_cached(sql)?.execute(params![row, kept(&fields)])?;
            Ok(())
        })
    }

    /// Keeps which items of a case are there.
    pub fn keep_sent(&mut self, id: &str, items: &[String]) -> Result<(), CaseError> {
        self.of_outbox(id, |turn, row| {
            let mut insert =
                turn.begun.prepare_cached("INSERT OR REPLACE INTO case_sent VALUES (?1, ?2, NULL)")?;
            for item in items {
                insert.execute(params![row, item])?;
            }
            Ok(())
        })
    }

    /// Keeps which items of this version of a case were refused there.
    pub fn keep_refused(&mut self, id: &str, items: &[String], version: &str) -> Result<(), CaseError> {
        let version: i64 = version.parse().unwrap_or_default();
        self.of_outbox(id, |turn, row| {
            let mut insert =
                turn.begun.prepare_cached("INSERT OR REPLACE INTO case_sent VALUES (?1, ?2, ?3)")?;
            for item in items {
                insert.execute(params![row, item, version])?;
            }
            Ok(())
        })
    }

    /// Says what became of a case that was being sent. One that has changed since this version is still to be sent.
    pub fn settle_sending(
        &mut self,
        id: &str,
        version: &str,
        result: &ActionResult,
        now: i64,
    ) -> Result<(), CaseError> {
        let (state, next_at, untried, answer) = match result {
            ActionResult::Done(answer) => ("done", None, 0, answer),
            ActionResult::Again(at, answer) => ("waiting", Some(at), 0, answer),
            ActionResult::Later(at, answer) | ActionResult::Parked(at, answer) => {
                ("waiting", Some(at), 1, answer)
            }
            ActionResult::Failed(answer) => ("failed", None, 0, answer),
        };
        let answer: String =
            answer.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ANSWER_CHARS_MAX).collect();
        self.of_outbox(id, |turn, row| {
            let sql = "UPDATE case_outbox SET
                           state = iif(?2 IN ('done', 'failed') AND version <> ?3, 'waiting', ?2),
                           tries = iif(?2 IN ('done', 'failed'), 0, tries - ?5), next_at = coalesce(?4, 0), answer = ?6,
                           changed_at = ?7
                       WHERE case_id = ?1 AND state = 'running'";
            let version: i64 = version.parse().unwrap_or_default();
            let row = params![row, state, version, next_at, untried, answer, now];
            turn.begun.prepare_cached(sql)?.execute(row)?;
            Ok(())
        })
    }

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
                           (SELECT count(*) FROM case_sent WHERE case_sent.case_id = ?1 AND refused IS NOT NULL)
                       FROM case_outbox WHERE case_id = ?1 AND EXISTS (SELECT 1 FROM case_target WHERE space = ?2)";
            let found = turn.begun.prepare_cached(sql)?.query_row(params![row, turn.space], |row| {
                let refused = row.get::<_, i64>(3)?.unsigned_abs();
                Ok(CaseSending { state: row.get(0)?, id: row.get(1)?, answer: row.get(2)?, refused })
            });
            Ok(found.optional()?)
        })
    }

    /// Changes the row of a case, if the case is still there.
    fn of_outbox(
        &mut self,
        id: &str,
        work: impl FnOnce(&CaseTurn<'_>, i64) -> Result<(), CaseFault>,
    ) -> Result<(), CaseError> {
        self.turn(|turn| {
            let sql = "SELECT id FROM cases WHERE space = ?1 AND uid = ?2";
            let row =
                turn.begun.prepare_cached(sql)?.query_row([turn.space, id], |row| row.get(0)).optional()?;
            row.map_or(Ok(()), |row| work(turn, row))
        })
    }
}
