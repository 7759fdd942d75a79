//! Actions that wait by a clock which was set back since.

use rusqlite::{TransactionBehavior, params};

use crate::{
    detect_db::DetectDb,
    sinks::{SinkError, sqlite::of_database},
};

/// Seconds by which a clock is set back, or another process reads it later, without anything following from it.
pub const CLOCK_SLACK: i64 = 5;

impl DetectDb {
    /// Lets actions that wait by a clock that was set back since wait by the clock of now, and connectors as well. Returns by how
    /// many seconds it was set back at least: what changed last, changed then.
    pub fn follow_clock(&mut self, now: i64) -> Result<Option<i64>, SinkError> {
        self.follow_clock_at(now).map_err(|error| of_database(&self.path, error))
    }

    fn follow_clock_at(&mut self, now: i64) -> rusqlite::Result<Option<i64>> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let latest: Option<i64> =
            begun.query_row("SELECT max(changed_at) FROM outbox", [], |row| row.get(0))?;
        let back = latest.map_or(0, |latest| latest.saturating_sub(now));
        if back <= CLOCK_SLACK {
            return Ok(None);
        }
        let sql = "UPDATE outbox SET changed_at = ?1, next_at = next_at - ?2, put_at = iif(put_at > ?1, put_at - ?2, put_at),
                       tried_at = iif(tried_at > ?1, tried_at - ?2, tried_at)
                   WHERE changed_at > ?1";
        begun.execute(sql, params![now, back])?;
        begun
            .execute("UPDATE connector_pause SET until = until - ?2 WHERE until > ?1", params![now, back])?;
        begun.commit()?;
        Ok(Some(back))
    }
}
