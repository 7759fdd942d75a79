//! What is sent of a row. A receiver that knows the key of a request takes another request with it for the same, or refuses it:
//! so what the first attempt sent is kept, and sent again, until the row is done or has failed. Should it be something else
//! after that, the key is another one.

use rusqlite::{TransactionBehavior, params};

use crate::{
    detect_db::DetectDb,
    digest::hash_hex,
    sinks::{SinkError, sqlite::of_database},
};

/// What is sent of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentParams {
    /// The parameters of the run, as JSON.
    pub params: String,
    /// How often they have changed since the first attempt.
    pub version: u32,
}

impl DetectDb {
    /// Keeps what is sent of a row from now on, for a connector and in a form. What was kept for the same stays.
    pub fn keep_sent(&mut self, id: i64, to: &str, params: String) -> Result<SentParams, SinkError> {
        self.keep_sent_at(id, to, params).map_err(|error| of_database(&self.path, error))
    }

    fn keep_sent_at(&mut self, id: i64, to: &str, params: String) -> rusqlite::Result<SentParams> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT iif(sent_to = ?2, sent, NULL), sent_hash, version FROM outbox WHERE id = ?1";
        let (kept, hash, version): (Option<String>, Option<String>, u32) =
            begun.query_row(sql, params![id, to], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if let Some(params) = kept {
            return Ok(SentParams { params, version });
        }
        let now = hash_hex(params.as_bytes());
        let version = version + u32::from(hash.is_some_and(|before| before != now));
        let sql = "UPDATE outbox SET sent_to = ?2, sent = ?3, sent_hash = ?4, version = ?5 WHERE id = ?1";
        begun.execute(sql, params![id, to, params, now, version])?;
        begun.commit()?;
        Ok(SentParams { params, version })
    }
}
