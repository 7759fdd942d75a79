//! Rows for commands: listed, tried again, removed.

use rusqlite::params;
use serde::Serialize;

use super::{ActionState, put::wake, work::OPENING};
use crate::{
    detect_db::DetectDb,
    sinks::{SinkError, sqlite::of_database},
    tables::format_utc,
};

/// A row, as commands show it. Its answer may be others' words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedAction {
    /// Its number.
    pub id: i64,
    /// The id of the alert.
    pub alert: String,
    /// The slug of the alert's rule; `None` if the alert is no longer kept.
    pub rule: Option<String>,
    /// The name of the action.
    pub action: String,
    /// What happened to the alert.
    pub event: String,
    /// What became of it.
    pub state: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was put.
    pub put_at: String,
    /// When it is tried next; `None` if it does not wait.
    pub next_at: Option<String>,
    /// When it last changed.
    pub changed_at: String,
    /// What came of the last try.
    pub answer: Option<String>,
    /// The number of the row with the opening of its alert, which must end first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<i64>,
    /// Whether it is tried at once, whatever its connector waits for.
    #[serde(skip)]
    pub is_urgent: bool,
    /// What its connector waits for; `None` if it does not. What knows the settings fills it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<ListedWait>,
}

/// What an action waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedWait {
    /// The connector that must wait.
    pub connector: String,
    /// Until when.
    pub until: String,
    /// What failed. It may be others' words.
    pub reason: String,
}

/// Selects rows.
#[derive(Clone, Debug, Default)]
pub struct OutboxFilter {
    /// In one of these states; none for all.
    pub states: Vec<ActionState>,
    /// Of this action.
    pub action: Option<String>,
    /// Of the alert whose id begins so.
    pub alert: Option<String>,
    /// With one of these numbers; none for all.
    pub ids: Vec<i64>,
    /// At most so many, the newest first.
    pub limit: Option<u32>,
}

/// What a filter means; its parameters are those of [`OutboxFilter::json`] and on.
const SELECTED: &str = "(?1 = '[]' OR outbox.state IN (SELECT value FROM json_each(?1)))
    AND (?2 IS NULL OR outbox.action = ?2) AND (?3 IS NULL OR substr(outbox.alert, 1, length(?3)) = ?3)
    AND (?4 = '[]' OR outbox.id IN (SELECT value FROM json_each(?4)))";

impl OutboxFilter {
    fn json(&self) -> (String, String) {
        let states: Vec<&str> = self.states.iter().map(|state| state.word()).collect();
        let text = |json: serde_json::Result<String>| json.unwrap_or_else(|_| "[]".to_owned());
        (text(serde_json::to_string(&states)), text(serde_json::to_string(&self.ids)))
    }
}

impl DetectDb {
    /// The rows that a filter selects, the newest first.
    pub fn actions(&self, filter: &OutboxFilter) -> Result<Vec<ListedAction>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = format!(
            "SELECT outbox.id, outbox.alert, edition.slug, outbox.action, outbox.event, outbox.state, outbox.tries,
                 outbox.put_at, outbox.next_at, outbox.changed_at, outbox.answer, outbox.urgent,
                 iif(outbox.state = 'waiting', ({OPENING}), NULL)
             FROM outbox LEFT JOIN alert ON alert.uid = outbox.alert LEFT JOIN edition ON edition.id = alert.edition
             WHERE {SELECTED} ORDER BY outbox.id DESC LIMIT ?5"
        );
        let (states, ids) = filter.json();
        let limit = filter.limit.map_or(-1, i64::from);
        let mut query = self.connection.prepare(&sql).map_err(failed)?;
        let key = params![states, filter.action, filter.alert, ids, limit];
        let found = query.query_map(key, |row| {
            let state: String = row.get(5)?;
            let next_at: i64 = row.get(8)?;
            Ok(ListedAction {
                id: row.get(0)?,
                alert: row.get(1)?,
                rule: row.get(2)?,
                action: row.get(3)?,
                event: row.get(4)?,
                tries: row.get(6)?,
                put_at: format_utc(row.get(7)?),
                next_at: (state == ActionState::Waiting.word()).then(|| format_utc(next_at)),
                state,
                changed_at: format_utc(row.get(9)?),
                answer: row.get(10)?,
                is_urgent: row.get(11)?,
                waits_for: row.get(12)?,
                waits: None,
            })
        });
        found.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Lets rows that do not run be tried at once, whatever their actions and connectors wait for, as if they were new; what
    /// failed is rendered again then. Returns how many.
    pub fn retry_actions(&mut self, filter: &OutboxFilter, now: i64) -> Result<u64, SinkError> {
        let sql = format!(
            "UPDATE outbox SET state = 'waiting', tries = 0, put_at = ?5, next_at = ?5, tried_at = NULL,
                 changed_at = ?5, urgent = 1
             WHERE state IN ('waiting', 'failed', 'dropped') AND {SELECTED}"
        );
        let (states, ids) = filter.json();
        let key = params![states, filter.action, filter.alert, ids, now];
        let count = self.connection.execute(&sql, key).map_err(|error| of_database(&self.path, error))?;
        wake();
        Ok(count as u64)
    }

    /// Removes rows that do not run, so that they are never tried: their alerts have acted. Returns how many.
    pub fn drop_actions(&mut self, filter: &OutboxFilter) -> Result<u64, SinkError> {
        let sql =
            format!("DELETE FROM outbox WHERE state IN ('waiting', 'failed', 'dropped') AND {SELECTED}");
        let (states, ids) = filter.json();
        let key = params![states, filter.action, filter.alert, ids];
        let count = self.connection.execute(&sql, key).map_err(|error| of_database(&self.path, error))?;
        Ok(count as u64)
    }
}
