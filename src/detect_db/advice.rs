//! What models said of alerts, and the calls for it. Advice is text beside an alert: nothing of the alert changes.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use serde::Serialize;

use super::DetectDb;
use crate::{
    sinks::{SinkError, sqlite::of_database},
    tables::format_utc,
};

/// The tables of this file. A call is known by its tag, so that its completion raises no alert, should one be stored.
pub(super) const TABLES: &str = "
CREATE TABLE advice (
    alert TEXT NOT NULL, action TEXT NOT NULL, at INTEGER NOT NULL, connector TEXT NOT NULL, model TEXT,
    prompt INTEGER NOT NULL, tokens INTEGER, summary TEXT NOT NULL, verdict TEXT NOT NULL, confidence REAL NOT NULL,
    evidence TEXT NOT NULL, PRIMARY KEY (alert, action)
) WITHOUT ROWID;
CREATE TABLE model_call (
    tag TEXT PRIMARY KEY, action TEXT NOT NULL, at INTEGER NOT NULL, record TEXT
) WITHOUT ROWID;
CREATE INDEX model_call_at ON model_call (action, at);
";

/// The time in which calls are counted.
const HOUR: i64 = 60 * 60;
/// How long a call is remembered: longer than a stored completion takes to be collected.
const CALLS_KEPT: i64 = 30 * 24 * HOUR;

/// What a model said of an alert. All of it may be somebody else's words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdviceRow {
    /// The action that asked.
    pub action: String,
    /// When.
    pub at: String,
    /// The connector that was used.
    pub connector: String,
    /// The model, as it names itself.
    pub model: Option<String>,
    /// The version of the prompt.
    pub prompt: i64,
    /// Tokens that it cost, as far as known.
    pub tokens: Option<i64>,
    /// What it says.
    pub summary: String,
    /// What it takes the alert for.
    pub verdict: String,
    /// How sure it says it is, 0 to 1.
    pub confidence: f64,
    /// The records that it refers to; each is one of the alert.
    pub evidence: Vec<String>,
}

/// Whether a model may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelCall {
    /// It may; the call is counted.
    Allowed,
    /// Not before this second.
    NotBefore(i64),
}

impl DetectDb {
    /// Counts a call with this tag, unless the action has made as many in the last hour as it may.
    pub fn begin_model_call(
        &mut self,
        action: &str,
        tag: &str,
        per_hour_max: u32,
        now: i64,
    ) -> Result<ModelCall, SinkError> {
        self.begin_call_at(action, tag, per_hour_max, now).map_err(|error| of_database(&self.path, error))
    }

    fn begin_call_at(
        &mut self,
        action: &str,
        tag: &str,
        per_hour_max: u32,
        now: i64,
    ) -> rusqlite::Result<ModelCall> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // A call of the future is one before the clock was set back: it counts no longer than others.
        let sql = "SELECT at FROM model_call WHERE action = ?1 AND at > ?2 AND at <= ?3 ORDER BY at DESC
                   LIMIT 1 OFFSET ?4";
        let offset = per_hour_max.saturating_sub(1);
        let found: Option<i64> =
            begun.query_row(sql, params![action, now - HOUR, now, offset], |row| row.get(0)).optional()?;
        if let Some(at) = found {
            return Ok(ModelCall::NotBefore(at + HOUR + 1));
        }
        begun.execute(
            "INSERT INTO model_call (tag, action, at) VALUES (?1, ?2, ?3)",
            params![tag, action, now],
        )?;
        begun.execute("DELETE FROM model_call WHERE at < ?1", [now - CALLS_KEPT])?;
        begun.commit()?;
        Ok(ModelCall::Allowed)
    }

    /// Whether a completion with this tag is one of ours. A tag counts for one record, so that nobody hides others by
    /// copying it.
    pub fn is_own_call(&mut self, tag: &str, record: &str) -> Result<bool, SinkError> {
        let sql = "UPDATE model_call SET record = ?2 WHERE tag = ?1 AND (record IS NULL OR record = ?2)";
        let known = self.connection.execute(sql, [tag, record]);
        known.map(|rows| rows > 0).map_err(|error| of_database(&self.path, error))
    }

    /// Keeps what a model said of an alert, in place of what it said before. Not of an alert that is no longer there.
    pub fn put_advice(&mut self, alert: &str, advice: &AdviceRow, now: i64) -> Result<(), SinkError> {
        let sql = "INSERT OR REPLACE INTO advice
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE EXISTS (SELECT 1 FROM alert WHERE uid = ?1)";
        let AdviceRow {
            action,
            connector,
            model,
            prompt,
            tokens,
            summary,
            verdict,
            confidence,
            evidence,
            ..
        } = advice;
        let evidence = serde_json::to_string(evidence).unwrap_or_else(|_| "[]".to_owned());
        let row = params![
            alert, action, now, connector, model, prompt, tokens, summary, verdict, confidence, evidence
        ];
        self.connection.execute(sql, row).map(drop).map_err(|error| of_database(&self.path, error))
    }

    /// What models said of an alert.
    pub fn advice(&self, alert: &str) -> Result<Vec<AdviceRow>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql =
            "SELECT action, at, connector, model, prompt, tokens, summary, verdict, confidence, evidence
                   FROM advice WHERE alert = ?1 ORDER BY at, action";
        let mut query = self.connection.prepare_cached(sql).map_err(failed)?;
        let found = query.query_map([alert], |row| {
            Ok(AdviceRow {
                action: row.get(0)?,
                at: format_utc(row.get(1)?),
                connector: row.get(2)?,
                model: row.get(3)?,
                prompt: row.get(4)?,
                tokens: row.get(5)?,
                summary: row.get(6)?,
                verdict: row.get(7)?,
                confidence: row.get(8)?,
                evidence: serde_json::from_str(&row.get::<_, String>(9)?).unwrap_or_default(),
            })
        });
        found.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }
}

/// Removes advice on alerts that are gone.
pub(super) fn forget(begun: &Connection) -> rusqlite::Result<()> {
    begun.execute("DELETE FROM advice WHERE alert NOT IN (SELECT uid FROM alert)", []).map(drop)
}
