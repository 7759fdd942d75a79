//! Where the cases of a space are sent, and where they were sent before. What is known of a target is kept while another one gets
//! the cases: a case that was deleted there is not created again.

use rusqlite::{OptionalExtension as _, params};

use super::{CaseStore, CaseTurn};
use crate::{
    cases::{CaseError, error::CaseFault},
    detect_db::RowWorker,
};

/// How many cases of the earlier target are looked for in a new one.
const LOOKED_FOR_MAX: u32 = 50;
/// What the worker is named after that sends cases.
const ROWS: &str = "case_outbox";

/// What a space knows of a target to which it begins to send its cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetBegun {
    /// All there is.
    Known,
    /// It may be the earlier one by another name: that has cases under these ids, the last changed first.
    /// [`CaseStore::change_target`] is next.
    New(Vec<String>),
}

impl CaseStore<'_> {
    /// Begins to send the cases of the space to a target. What was being sent when the process ended waits until `sure_at`. An
    /// earlier worker claims nothing from now on.
    pub fn begin_sending(
        &mut self,
        target: &str,
        sure_at: i64,
    ) -> Result<(RowWorker, TargetBegun), CaseError> {
        self.turn(|turn| {
            let worker = RowWorker::begin(&turn.begun, &turn.rows())?;
            Ok((worker, turn.begin_target(target, sure_at)?))
        })
    }

    /// Begins to send the cases of the space to a target that is new, or is the earlier one by another name.
    pub fn change_target(&mut self, target: &str, is_same: bool, sure_at: i64) -> Result<(), CaseError> {
        let worker = self.worker;
        self.turn(|turn| {
            if !turn.is_last(worker)? {
                return Ok(());
            }
            if is_same {
                turn.set_target(target)?;
                return turn.wait_again(sure_at);
            }
            turn.replace_target(turn.target()?.as_deref(), target, sure_at)
        })
    }
}

impl CaseTurn<'_> {
    /// Whether no other worker has begun since this one.
    pub(super) fn is_last(&self, worker: Option<RowWorker>) -> Result<bool, CaseFault> {
        Ok(worker.map_or(Ok(true), |worker| worker.is_last(&self.begun, &self.rows()))?)
    }

    fn rows(&self) -> String {
        format!("{ROWS} of {}", self.space)
    }

    fn begin_target(&self, target: &str, sure_at: i64) -> Result<TargetBegun, CaseFault> {
        let before = self.target()?;
        if before.as_deref() == Some(target) {
            self.wait_again(sure_at)?;
            return Ok(TargetBegun::Known);
        }
        let known = if self.was_target(target)? { Vec::new() } else { self.remotes()? };
        if known.is_empty() {
            self.replace_target(before.as_deref(), target, sure_at)?;
            return Ok(TargetBegun::Known);
        }
        Ok(TargetBegun::New(known))
    }

    /// Whether the cases of the space are sent to this target. A space that was deleted and created again has forgotten it.
    pub(super) fn is_target(&self, target: &str) -> Result<bool, CaseFault> {
        match self.target()? {
            Some(known) => Ok(known == target),
            None => {
                self.set_target(target)?;
                Ok(true)
            }
        }
    }

    pub(super) fn target(&self) -> Result<Option<String>, CaseFault> {
        let sql = "SELECT target FROM case_target WHERE space = ?1";
        Ok(self.begun.prepare_cached(sql)?.query_row([self.space], |row| row.get(0)).optional()?)
    }

    fn set_target(&self, target: &str) -> Result<(), CaseFault> {
        let sql = "INSERT INTO case_target VALUES (?1, ?2) ON CONFLICT (space) DO UPDATE SET target = excluded.target";
        self.begun.execute(sql, params![self.space, target])?;
        Ok(())
    }

    /// Whether the cases were sent there before.
    fn was_target(&self, target: &str) -> Result<bool, CaseFault> {
        let sql =
            "SELECT 1 FROM case_elsewhere JOIN case_outbox USING (case_id) WHERE space = ?1 AND target = ?2";
        Ok(self.begun.prepare(sql)?.exists(params![self.space, target])?)
    }

    /// The ids of cases where they are sent now; those that may be deleted there come last.
    fn remotes(&self) -> Result<Vec<String>, CaseFault> {
        let sql = "SELECT remote FROM case_outbox WHERE space = ?1 AND remote IS NOT NULL ORDER BY state = 'failed', changed_at DESC LIMIT ?2";
        let mut query = self.begun.prepare(sql)?;
        let remotes = query.query_map(params![self.space, LOOKED_FOR_MAX], |row| row.get(0))?;
        Ok(remotes.collect::<rusqlite::Result<_>>()?)
    }

    /// What was being sent waits until then.
    fn wait_again(&self, sure_at: i64) -> Result<(), CaseFault> {
        let sql = "UPDATE case_outbox SET state = 'waiting', next_at = ?2, unsure_until = ?2, has_failed = 1 WHERE space = ?1 AND state = 'running'";
        self.begun.execute(sql, params![self.space, sure_at])?;
        Ok(())
    }

    /// What is not closed is sent to this target, and what is known to be there. Everything waits until `sure_at`, to be looked
    /// for: the new target may know the cases all the same.
    fn replace_target(&self, before: Option<&str>, target: &str, sure_at: i64) -> Result<(), CaseFault> {
        if let Some(before) = before {
            let sql =
                "INSERT OR REPLACE INTO case_elsewhere SELECT case_id, ?2, remote, fields FROM case_outbox
                       WHERE space = ?1 AND remote IS NOT NULL";
            self.begun.execute(sql, params![self.space, before])?;
        }
        // What was last sent is kept where nothing else is known, for a case that is found by its tag.
        let sql = "UPDATE case_outbox SET answer = NULL, tries = 0, next_at = ?3, unsure_until = ?3, has_failed = 1, creates = 0,
                       remote = (SELECT one.remote FROM case_elsewhere AS one WHERE one.case_id = case_outbox.case_id AND one.target = ?2),
                       fields = coalesce((SELECT one.fields FROM case_elsewhere AS one
                                          WHERE one.case_id = case_outbox.case_id AND one.target = ?2), fields)
                   WHERE space = ?1";
        let next_at = if before.is_some() { sure_at } else { 0 };
        self.begun.execute(sql, params![self.space, target, next_at])?;
        let sql = "UPDATE case_outbox SET state = iif(remote IS NULL
                       AND (SELECT status FROM cases WHERE id = case_id) = 'closed', 'done', 'waiting')
                   WHERE space = ?1";
        self.begun.execute(sql, [self.space])?;
        self.set_target(target)
    }
}
