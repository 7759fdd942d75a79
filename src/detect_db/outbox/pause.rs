//! How long connectors must wait, because other systems asked for it. A restart changes nothing about that.

use rusqlite::params;

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
    /// Nothing is sent before this second.
    pub until: i64,
}

impl DetectDb {
    /// Keeps that a connector must wait. It waits no shorter than was kept before.
    pub fn pause_connector(&mut self, pause: &ConnectorPause) -> Result<(), SinkError> {
        let sql = "INSERT INTO connector_pause VALUES (?1, ?2, ?3)
                   ON CONFLICT (space, connector) DO UPDATE SET until = max(until, excluded.until)";
        let row = params![pause.space, pause.connector, pause.until];
        self.connection.execute(sql, row).map(drop).map_err(|error| of_database(&self.path, error))
    }

    /// The connectors that must still wait, and forgets those that need not. One that would have to wait until after `latest`
    /// need not, either: the clock was set back.
    pub fn paused_connectors(&mut self, now: i64, latest: i64) -> Result<Vec<ConnectorPause>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = "DELETE FROM connector_pause WHERE until <= ?1 OR until > ?2";
        self.connection.execute(sql, [now, latest]).map_err(failed)?;
        let sql = "SELECT space, connector, until FROM connector_pause";
        let mut query = self.connection.prepare(sql).map_err(failed)?;
        let found = query.query_map([], |row| {
            Ok(ConnectorPause { space: row.get(0)?, connector: row.get(1)?, until: row.get(2)? })
        });
        found.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }
}
