//! How long connectors must wait, and why: for commands that show it, and where another system asked for it, for the next start.

use rusqlite::params;

use super::kept;
use crate::{
    detect_db::DetectDb,
    sinks::{SinkError, sqlite::of_database},
};

/// A connector that must wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorPause {
    /// Its space.
    pub space: String,
    /// Its id.
    pub connector: String,
    /// The receiver that asked for it. Then neither a success nor a restart ends it, and another receiver does.
    pub asked_by: Option<String>,
    /// Nothing is sent before this second.
    pub until: i64,
    /// What failed. It may be others' words.
    pub reason: String,
}

impl DetectDb {
    /// Keeps that a connector must wait. What another system asked for becomes no shorter.
    pub fn pause_connector(&mut self, pause: &ConnectorPause) -> Result<(), SinkError> {
        let sql = "INSERT INTO connector_pause (space, connector, asked_by, until, reason) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (space, connector, asked_by) DO UPDATE
                   SET until = iif(asked_by = '', excluded.until, max(until, excluded.until)), reason = excluded.reason";
        let asked_by = pause.asked_by.as_deref().unwrap_or_default();
        let row = params![pause.space, pause.connector, asked_by, pause.until, kept(&pause.reason)];
        self.connection.execute(sql, row).map(drop).map_err(|error| of_database(&self.path, error))
    }

    /// Keeps that a connector works again. What another system asked for remains.
    pub fn resume_connector(&mut self, space: &str, connector: &str) -> Result<(), SinkError> {
        let sql = "DELETE FROM connector_pause WHERE space = ?1 AND connector = ?2 AND asked_by = ''";
        let done = self.connection.execute(sql, [space, connector]);
        done.map(drop).map_err(|error| of_database(&self.path, error))
    }

    /// Keeps that a connector leads to this receiver: it waits only for what that one asked for.
    pub fn move_connector(&mut self, space: &str, connector: &str, receiver: &str) -> Result<(), SinkError> {
        let sql = "DELETE FROM connector_pause WHERE space = ?1 AND connector = ?2 AND asked_by <> ?3";
        let done = self.connection.execute(sql, [space, connector, receiver]);
        done.map(drop).map_err(|error| of_database(&self.path, error))
    }

    /// What other systems asked for that still holds; the rest is forgotten. One that would have to wait until after `latest`
    /// need not: the clock was set back.
    pub fn begin_pauses(&mut self, now: i64, latest: i64) -> Result<Vec<ConnectorPause>, SinkError> {
        let sql = "DELETE FROM connector_pause WHERE asked_by = '' OR until <= ?1 OR until > ?2";
        let cleared = self.connection.execute(sql, [now, latest]);
        cleared.map_err(|error| of_database(&self.path, error))?;
        self.paused_connectors(now)
    }

    /// The connectors that must wait, the longest wait of one last.
    pub fn paused_connectors(&self, now: i64) -> Result<Vec<ConnectorPause>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = "SELECT space, connector, asked_by, until, reason FROM connector_pause WHERE until > ?1 ORDER BY until";
        let mut query = self.connection.prepare(sql).map_err(failed)?;
        let found = query.query_map([now], |row| {
            let asked_by: String = row.get(2)?;
            Ok(ConnectorPause {
                space: row.get(0)?,
                connector: row.get(1)?,
                asked_by: Some(asked_by).filter(|receiver| !receiver.is_empty()),
                until: row.get(3)?,
                reason: row.get(4)?,
            })
        });
        found.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }
}
