//! The outbox of cases: which of them have changed since they were last sent to where cases of their space are sent. There is
//! one row for each case, which triggers put with each change; and what of a case is there already.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CaseStore, CaseTurn, json as kept, parsed, tags::trimmed};
use crate::{
    cases::{Assignee, AttachedAlert, Case, CaseError, CaseSeverity, CaseStatus, error::CaseFault},
    detect_db::ActionResult,
};

/// The most characters of an answer that are kept.
const ANSWER_CHARS_MAX: usize = 500;

/// What the tags begin with by which cases are found where they are sent.
pub const SENT_NAME: &str = "ccfd:";

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
    /// Who is to work on it.
    #[serde(default)]
    pub assignees: BTreeSet<Assignee>,
    /// The values of custom fields, as they are sent: what another Kibana has of them stays as it is.
    #[serde(default, rename = "customFields")]
    pub custom_fields: Vec<Value>,
}

impl SentFields {
    /// Those of a case.
    pub fn of(case: &Case) -> Self {
        Self {
            title: case.title.clone(),
            description: case.description.clone(),
            // Such a tag would make it another case there.
            tags: case.tags.iter().filter(|tag| !trimmed(tag).starts_with(SENT_NAME)).cloned().collect(),
            severity: case.severity,
            category: case.category.clone(),
            status: case.status,
            assignees: case.assignees.iter().cloned().collect(),
            custom_fields: case
                .custom_fields
                .iter()
                .filter(|field| !field.value.is_null())
                .map(|field| json!(field))
                .collect(),
        }
        .trimmed()
    }

    /// The same as a Kibana keeps them, which trims texts: otherwise a tag would not be known as the one that was sent.
    pub fn trimmed(self) -> Self {
        let own = |text: String| trimmed(&text).to_owned();
        Self {
            title: own(self.title),
            description: own(self.description),
            tags: self.tags.into_iter().map(own).collect(),
            category: self.category.map(own),
            ..self
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
    pub sent: BTreeMap<String, SentItem>,
    /// What of it may be there: an attempt was begun, at this time.
    pub tried: BTreeMap<String, i64>,
    /// What of this version of the case was refused there, by the same names.
    pub refused: BTreeSet<String>,
    /// How often this was tried, with this time.
    pub tries: u32,
    /// Whether it is created again if it was deleted there.
    pub creates: bool,
}

/// Something of a case that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentItem {
    /// What its sender wants to know of it.
    pub content: String,
    /// When it was sent. A search may not show it for a while.
    pub at: i64,
    /// Its id there, if that is known.
    pub attachment: Option<String>,
}

/// What of a case is known, by names that its sender gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentItems {
    /// What is there.
    pub sent: BTreeMap<String, SentItem>,
    /// What may be there, and since when.
    pub tried: BTreeMap<String, i64>,
    /// What of this version was refused.
    pub refused: BTreeSet<String>,
}

impl CaseStore<'_> {
    /// The case that has waited longest and is due. It is being sent to this target then, until [`CaseStore::settle_sending`].
    /// `None` also once the space sends to another target, or another worker has begun.
    pub fn claim_to_send(&mut self, target: &str, now: i64) -> Result<Option<CaseToSend>, CaseError> {
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
        let worker = self.worker;
        self.turn(|turn| {
            if !turn.is_last(worker)? || !turn.is_target(target)? {
                return Ok(None);
            }
            let sql = "UPDATE case_outbox SET state = 'running', tries = tries + 1, changed_at = ?2
                       WHERE case_id = ?1 AND state = 'waiting' RETURNING tries, remote, fields, creates";
            let mut query = turn.begun.prepare_cached(sql)?;
            let taken = query.query_row(params![row, now], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?, row.get(3)?))
            });
            let Some((tries, remote, fields, creates)) = taken.optional()? else { return Ok(None) };
            let sql = "SELECT uid FROM cases WHERE id = ?1";
            let id: String = turn.begun.prepare_cached(sql)?.query_row([row], |row| row.get(0))?;
            let case = turn.whole_case(&id)?;
            let SentItems { sent, tried, refused } = turn.items(row, &case.version)?;
            let alerts = turn.alerts(row)?;
            let fields: Vec<SentFields> = fields.map_or(Vec::new(), |fields| parsed(&fields));
            let fields = fields.into_iter().map(SentFields::trimmed).collect();
            Ok(Some(CaseToSend { case, alerts, remote, fields, sent, tried, refused, tries, creates }))
        })
    }

    /// Keeps that a case is there, and under which id. Returns what of this version is known of that one.
    pub fn keep_remote(&mut self, id: &str, remote: &str, version: &str) -> Result<SentItems, CaseError> {
        self.of_outbox(id, |turn, row| {
            let sql = "UPDATE case_outbox SET remote = ?2 WHERE case_id = ?1";
            turn.begun.prepare_cached(sql)?.execute(params![row, remote])?;
            turn.items(row, version)
        })
    }

    /// Whether what has this id there is another case, also where that was sent before: no id is given twice.
    pub fn is_of_another(&mut self, id: &str, remote: &str) -> Result<bool, CaseError> {
        self.of_outbox(id, |turn, row| {
            let sql = "SELECT 1 FROM case_outbox WHERE remote = ?2 AND case_id <> ?1
                       UNION ALL SELECT 1 FROM case_elsewhere WHERE remote = ?2 AND case_id <> ?1";
            Ok(turn.begun.prepare_cached(sql)?.exists(params![row, remote])?)
        })
    }

    /// Forgets under which id a case was there: it was deleted.
    pub fn forget_remote(&mut self, id: &str) -> Result<(), CaseError> {
        self.of_outbox(id, |turn, row| {
            let sql = "UPDATE case_outbox SET remote = NULL, creates = 0 WHERE case_id = ?1";
            turn.begun.prepare_cached(sql)?.execute([row])?;
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
    pub fn keep_sent(&mut self, id: &str, items: &BTreeMap<String, SentItem>) -> Result<(), CaseError> {
        self.of_outbox(id, |turn, row| {
            let sql = "INSERT OR REPLACE INTO case_sent (case_id, remote, item, content, at, attachment)
                       SELECT case_id, remote, ?2, ?3, ?4, ?5 FROM case_outbox WHERE case_id = ?1 AND remote IS NOT NULL";
            let mut insert = turn.begun.prepare_cached(sql)?;
            for (item, SentItem { content, at, attachment }) in items {
                insert.execute(params![row, item, content, at, attachment])?;
            }
            Ok(())
        })
    }

    /// Keeps that items of a case may be there from now on.
    pub fn keep_tried(&mut self, id: &str, items: &[String], now: i64) -> Result<(), CaseError> {
        self.of_outbox(id, |turn, row| {
            let sql = "INSERT INTO case_sent (case_id, remote, item, tried)
                       SELECT case_id, remote, ?2, ?3 FROM case_outbox WHERE case_id = ?1 AND remote IS NOT NULL
                       ON CONFLICT DO UPDATE SET tried = excluded.tried";
            let mut insert = turn.begun.prepare_cached(sql)?;
            for item in items {
                insert.execute(params![row, item, now])?;
            }
            Ok(())
        })
    }

    /// Keeps that items of a case are not there any more.
    pub fn keep_gone(&mut self, id: &str, items: &[String]) -> Result<(), CaseError> {
        self.of_outbox(id, |turn, row| {
            let sql = "DELETE FROM case_sent WHERE case_id = ?1 AND item = ?2
                           AND remote = (SELECT remote FROM case_outbox WHERE case_outbox.case_id = ?1)";
            let mut delete = turn.begun.prepare_cached(sql)?;
            for item in items {
                delete.execute(params![row, item])?;
            }
            Ok(())
        })
    }

    /// Keeps which items of this version of a case were refused there, and why; and that they may be there nevertheless.
    pub fn keep_refused(
        &mut self,
        id: &str,
        items: &[String],
        version: &str,
        why: &str,
        may_be_there: bool,
    ) -> Result<(), CaseError> {
        let version: i64 = version.parse().unwrap_or_default();
        let why = one_line(why);
        self.of_outbox(id, |turn, row| {
            let sql = "INSERT INTO case_sent (case_id, remote, item, refused, why)
                       SELECT case_id, remote, ?2, ?3, ?4 FROM case_outbox WHERE case_id = ?1 AND remote IS NOT NULL
                       ON CONFLICT DO UPDATE SET refused = excluded.refused, why = excluded.why, tried = iif(?5, tried, NULL)";
            let mut insert = turn.begun.prepare_cached(sql)?;
            for item in items {
                insert.execute(params![row, item, version, why, may_be_there])?;
            }
            Ok(())
        })
    }

    /// Says what became of a case that was being sent. One that has changed since this version is still to be sent. What may have
    /// been done and was not kept is seen by a search from `unsure_until` on.
    pub fn settle_sending(
        &mut self,
        id: &str,
        version: &str,
        result: &ActionResult,
        now: i64,
        unsure_until: Option<i64>,
    ) -> Result<(), CaseError> {
        let has_failed = matches!(result, ActionResult::Again(..));
        let (state, next_at, untried, answer) = match result {
            ActionResult::Done(answer) => ("done", None, 0, answer),
            ActionResult::Again(at, answer) => ("waiting", Some(at), 0, answer),
            ActionResult::Later(at, answer) | ActionResult::Parked(at, answer) => {
                ("waiting", Some(at), 1, answer)
            }
            ActionResult::Failed(answer) => ("failed", None, 0, answer),
        };
        let answer = one_line(answer);
        self.of_outbox(id, |turn, number| {
            let sql = "UPDATE case_outbox SET
                           state = iif(?2 IN ('done', 'failed') AND version <> ?3, 'waiting', ?2),
                           tries = iif(?2 IN ('done', 'failed'), 0, tries - ?5), has_failed = ?8,
                           next_at = max(?9, iif(version = ?3 OR ?8, coalesce(?4, 0), 0)), unsure_until = ?9, answer = ?6,
                           changed_at = ?7, creates = iif(?2 = 'waiting', creates, 0)
                       WHERE case_id = ?1 AND state = 'running'";
            let version: i64 = version.parse().unwrap_or_default();
            let unsure_until = unsure_until.unwrap_or_default();
            let row =
                params![number, state, version, next_at, untried, answer, now, has_failed, unsure_until];
            turn.begun.prepare_cached(sql)?.execute(row)?;
            if matches!(state, "done" | "failed") {
                turn.forget_refused(number, version)?;
            }
            Ok(())
        })
    }

    /// Changes the row of a case, if the case is still there, and still sent to the same target.
    fn of_outbox<T: Default>(
        &mut self,
        id: &str,
        work: impl FnOnce(&CaseTurn<'_>, i64) -> Result<T, CaseFault>,
    ) -> Result<T, CaseError> {
        let (target, worker) = (self.target, self.worker);
        self.turn(|turn| {
            if !turn.is_last(worker)? {
                return Ok(T::default());
            }
            if let Some(target) = target
                && turn.target()?.is_some_and(|now| now != target)
            {
                return Ok(T::default());
            }
            let sql = "SELECT id FROM cases WHERE space = ?1 AND uid = ?2";
            let row =
                turn.begun.prepare_cached(sql)?.query_row([turn.space, id], |row| row.get(0)).optional()?;
            row.map_or_else(|| Ok(T::default()), |row| work(turn, row))
        })
    }
}

impl CaseTurn<'_> {
    /// What is known of a case where it is now.
    fn items(&self, row: i64, version: &str) -> Result<SentItems, CaseFault> {
        let sql = "SELECT item, refused, content, at, tried, attachment FROM case_sent
                   WHERE case_id = ?1 AND remote = (SELECT remote FROM case_outbox WHERE case_outbox.case_id = ?1)";
        let mut query = self.begun.prepare_cached(sql)?;
        let mut rows = query.query([row])?;
        let mut items = SentItems::default();
        while let Some(row) = rows.next()? {
            match row.get::<_, Option<i64>>(1)? {
                Some(refused) if refused.to_string() == version => _ = items.refused.insert(row.get(0)?),
                Some(_) | None => {}
            }
            // A change of what is there, or its removal, may be refused.
            if let Some(at) = row.get(3)? {
                let item = SentItem { content: row.get(2)?, at, attachment: row.get(5)? };
                items.sent.insert(row.get(0)?, item);
            } else if let Some(at) = row.get(4)? {
                items.tried.insert(row.get(0)?, at);
            }
        }
        Ok(items)
    }

    /// Forgets what was refused of other versions of a case than this one.
    pub(super) fn forget_refused(&self, row: i64, version: i64) -> Result<(), CaseFault> {
        let sql =
            "DELETE FROM case_sent WHERE case_id = ?1 AND refused <> ?2 AND at IS NULL AND tried IS NULL";
        self.begun.prepare_cached(sql)?.execute([row, version])?;
        let sql = "UPDATE case_sent SET refused = NULL, why = NULL WHERE case_id = ?1 AND refused <> ?2";
        self.begun.prepare_cached(sql)?.execute([row, version])?;
        Ok(())
    }
}

/// An answer, cut to what is kept of it.
fn one_line(answer: &str) -> String {
    answer.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ANSWER_CHARS_MAX).collect()
}
