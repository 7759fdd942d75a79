//! Connectors that people made, each with its secrets in one transaction.

use rusqlite::{OptionalExtension as _, Row, Transaction, TransactionBehavior, params};

use super::{
    DetectDb,
    secrets::{self, Seal, SealedSecret, StoreSecretError},
    spaces,
};
use crate::sinks::{SinkError, sqlite::of_database};

/// The tables of this file. The secrets of a connector are those named `connector/` and its id.
pub(super) const TABLES: &str = "
CREATE TABLE connector (
    id TEXT PRIMARY KEY, space TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, config TEXT NOT NULL,
    created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX connector_space ON connector (space, name);
";

/// Before the id of a connector, in the name of its secrets.
pub const CONNECTOR_SECRETS: &str = "connector/";

const COLUMNS: &str = "id, space, name, type, config";

/// A connector, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorRow {
    /// Its id.
    pub id: String,
    /// The space that it belongs to.
    pub space: String,
    /// What people call it.
    pub name: String,
    /// The id of its type.
    pub type_id: String,
    /// Its settings, a JSON object.
    pub config: String,
}

/// What came of storing a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorStored {
    /// It is stored.
    Stored,
    /// Another one has its id, in whatever space.
    Taken,
    /// Its space has none with its id.
    Missing,
    /// There is no such space.
    NoSpace,
}

/// The secrets of a connector: their name in the store, and what seals them; `None` for none.
pub type RowSecrets<'s> = (&'s str, Option<&'s dyn Seal>);

impl DetectDb {
    /// A connector of a space.
    pub fn connector(&self, space: &str, id: &str) -> Result<Option<ConnectorRow>, SinkError> {
        let sql = format!("SELECT {COLUMNS} FROM connector WHERE id = ?2 AND space = ?1");
        let found = self.connection.prepare_cached(&sql).and_then(|mut query| {
            let found = query.query_row([space, id], read);
            found.optional()
        });
        found.map_err(|error| of_database(&self.path, error))
    }

    /// The connectors of a space, by name, each with its secrets.
    pub fn connectors(
        &self,
        space: &str,
        secrets_of: impl Fn(&str) -> String,
    ) -> Result<Vec<(ConnectorRow, Option<SealedSecret>)>, SinkError> {
        let read = || -> rusqlite::Result<Vec<_>> {
            let sql = format!("SELECT {COLUMNS} FROM connector WHERE space = ?1 ORDER BY name, id");
            let mut query = self.connection.prepare_cached(&sql)?;
            let rows: Vec<ConnectorRow> = query.query_map([space], read)?.collect::<rusqlite::Result<_>>()?;
            let with_secrets = |row: ConnectorRow| {
                let sealed = secrets::sealed(&self.connection, &secrets_of(&row.id))?;
                Ok((row, sealed))
            };
            rows.into_iter().map(with_secrets).collect()
        };
        read().map_err(|error| of_database(&self.path, error))
    }

    /// Stores a new connector. Its space may be deleted at the same time: the transaction decides which comes first.
    pub fn create_connector(
        &mut self,
        row: &ConnectorRow,
        (name, seal): RowSecrets<'_>,
        now: i64,
    ) -> Result<ConnectorStored, StoreSecretError> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !spaces::has(&begun, &row.space)? {
            return Ok(ConnectorStored::NoSpace);
        }
        let sql = "INSERT INTO connector VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO NOTHING";
        let ConnectorRow { id, space, name: called, type_id, config } = row;
        if begun.execute(sql, params![id, space, called, type_id, config, now])? == 0 {
            return Ok(ConnectorStored::Taken);
        }
        if let Some(seal) = seal {
            secrets::store(&begun, name, seal, now)?;
        }
        begun.commit()?;
        Ok(ConnectorStored::Stored)
    }

    /// Replaces name, settings and secrets of a connector.
    pub fn update_connector(
        &mut self,
        row: &ConnectorRow,
        (name, seal): RowSecrets<'_>,
        now: i64,
    ) -> Result<ConnectorStored, StoreSecretError> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "UPDATE connector SET name = ?3, config = ?4, changed_at = ?5 WHERE id = ?1 AND space = ?2";
        if begun.execute(sql, params![row.id, row.space, row.name, row.config, now])? == 0 {
            return Ok(ConnectorStored::Missing);
        }
        match seal {
            Some(seal) => secrets::store(&begun, name, seal, now)?,
            None => _ = secrets::remove(&begun, name)?,
        }
        begun.commit()?;
        Ok(ConnectorStored::Stored)
    }

    /// Deletes a connector with its secrets; `false` if the space has none with this id.
    pub fn delete_connector(&mut self, space: &str, id: &str, secrets: &str) -> Result<bool, SinkError> {
        let mut deleted = || -> rusqlite::Result<bool> {
            let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if begun.execute("DELETE FROM connector WHERE id = ?1 AND space = ?2", [id, space])? == 0 {
                return Ok(false);
            }
            secrets::remove(&begun, secrets)?;
            begun.commit()?;
            Ok(true)
        };
        deleted().map_err(|error| of_database(&self.path, error))
    }
}

/// Deletes the connectors of a space, with their secrets.
pub(super) fn forget_space(begun: &Transaction<'_>, space: &str) -> rusqlite::Result<()> {
    let sql = "SELECT ?2 || id FROM connector WHERE space = ?1";
    let named: Vec<String> = begun
        .prepare(sql)?
        .query_map([space, CONNECTOR_SECRETS], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for name in named {
        secrets::remove(begun, &name)?;
    }
    begun.execute("DELETE FROM connector WHERE space = ?1", [space])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<ConnectorRow> {
    Ok(ConnectorRow {
        id: row.get(0)?,
        space: row.get(1)?,
        name: row.get(2)?,
        type_id: row.get(3)?,
        config: row.get(4)?,
    })
}
