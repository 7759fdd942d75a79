//! Cases that wait by a clock which was set back since.

use rusqlite::params;

use super::CaseStore;
use crate::{cases::CaseError, detect_db::CLOCK_SLACK};

impl CaseStore<'_> {
    /// Lets what waits by a clock that was set back since wait by the clock of now. Returns by how many seconds it was set back at
    /// least: what changed last, changed then.
    pub fn follow_clock(&mut self, now: i64) -> Result<Option<i64>, CaseError> {
        self.turn(|turn| {
            let sql = "SELECT max(changed_at) FROM case_outbox WHERE space = ?1";
            let latest: Option<i64> = turn.begun.query_row(sql, [turn.space], |row| row.get(0))?;
            let back = latest.map_or(0, |latest| latest.saturating_sub(now));
            if back <= CLOCK_SLACK {
                return Ok(None);
            }
            let sql = "UPDATE case_sent SET at = iif(at > ?2, at - ?3, at), tried = iif(tried > ?2, tried - ?3, tried)
                       WHERE case_id IN (SELECT case_id FROM case_outbox WHERE space = ?1)";
            turn.begun.execute(sql, params![turn.space, now, back])?;
            let sql = "UPDATE case_outbox SET changed_at = ?2, next_at = max(next_at - ?3, 0),
                           unsure_until = max(unsure_until - ?3, 0)
                       WHERE space = ?1 AND changed_at > ?2";
            turn.begun.execute(sql, params![turn.space, now, back])?;
            Ok(Some(back))
        })
    }
}
