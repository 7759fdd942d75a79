//! One push at a time sends a case to a receiver, in whichever process: it claims the two, and renews the claim while it
//! sends. The claim of a process that was killed expires.

use rusqlite::{OptionalExtension as _, params};

use super::{CaseStore, CaseTurn};
use crate::{
    cases::{CaseError, error::CaseFault},
    detect_db::new_uid,
};

/// How long a claim holds without being renewed, in seconds.
pub const PUSH_CLAIM_SECONDS: i64 = 30;
/// The longest that it holds because what was sent may still arrive.
pub const PUSH_HELD_SECONDS: i64 = 60;
/// How far the clock may be set back without ending a claim.
const CLOCK_STEP_SECONDS: i64 = 30;

impl CaseStore<'_> {
    /// Claims a case and a receiver for one push; `None` while another push has them.
    pub fn claim_push(&mut self, id: &str, receiver: &str, now: i64) -> Result<Option<String>, CaseError> {
        // Looked at without a lock: who waits asks often.
        if self.look(|turn| turn.is_claimed(turn.case(id)?.0, receiver, now))? {
            return Ok(None);
        }
        self.turn(|turn| {
            let (row, _) = turn.case(id)?;
            if turn.is_claimed(row, receiver, now)? {
                return Ok(None);
            }
            let claim = new_uid(now);
            let sql = "INSERT OR REPLACE INTO case_pushing VALUES (?1, ?2, ?3, ?4)";
            let until = now + PUSH_CLAIM_SECONDS;
            turn.begun.prepare_cached(sql)?.execute(params![row, receiver, claim, until])?;
            Ok(Some(claim))
        })
    }

    /// Lets a claim hold for longer. Returns whether it is still there: it may have expired, and another push have begun, or the
    /// case may have been deleted.
    pub fn renew_push(&mut self, claim: &str, now: i64) -> Result<bool, CaseError> {
        self.hold_push(claim, now + PUSH_CLAIM_SECONDS)
    }

    /// Lets a claim hold until then, which is at most [`PUSH_HELD_SECONDS`] from now, also if nobody renews it. Returns the same.
    pub fn hold_push(&mut self, claim: &str, until: i64) -> Result<bool, CaseError> {
        self.turn(|turn| {
            let sql = "UPDATE case_pushing SET until = ?2 WHERE claim = ?1";
            Ok(turn.begun.prepare_cached(sql)?.execute(params![claim, until])? > 0)
        })
    }

    /// Ends a claim.
    pub fn end_push(&mut self, claim: &str) -> Result<(), CaseError> {
        self.turn(|turn| {
            turn.begun.prepare_cached("DELETE FROM case_pushing WHERE claim = ?1")?.execute([claim])?;
            Ok(())
        })
    }
}

impl CaseTurn<'_> {
    fn is_claimed(&self, row: i64, receiver: &str, now: i64) -> Result<bool, CaseFault> {
        let sql = "SELECT until FROM case_pushing WHERE case_id = ?1 AND receiver = ?2";
        let mut query = self.begun.prepare_cached(sql)?;
        let until: Option<i64> = query.query_row(params![row, receiver], |row| row.get(0)).optional()?;
        // One that holds for much longer than any can was made before the clock was set back. After a small correction of the clock
        // its push may still be sending.
        Ok(until.is_some_and(|until| until > now && until <= now + PUSH_HELD_SECONDS + CLOCK_STEP_SECONDS))
    }
}
