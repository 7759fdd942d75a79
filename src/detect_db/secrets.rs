//! Secrets, sealed: this database never has their text, nor the key.

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::DetectDb;
use crate::sinks::{SinkError, sqlite::of_database};

/// The tables of this file. `sealing` has a text that everybody knows, sealed with the key that all others are sealed with:
/// by it another key is noticed.
pub(super) const TABLES: &str = "
CREATE TABLE secret (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL, changed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE sealing (one INTEGER PRIMARY KEY CHECK (one = 1), probe BLOB NOT NULL, version INTEGER NOT NULL);
";

/// A secret, as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Its name.
    pub name: String,
    /// Counts how often any secret was set. A copy of an earlier version is none of this one.
    pub version: i64,
    /// Nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
    /// When it was set, in seconds.
    pub changed_at: i64,
}

/// Seals secrets for the database, which knows no key.
pub trait Seal {
    /// Seals the text of this name and version.
    fn seal(&self, name: &str, version: i64) -> Option<Vec<u8>>;

    /// Seals the text that everybody knows.
    fn probe(&self) -> Option<Vec<u8>>;
}

/// Why a secret was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreSecretError {
    /// The cipher failed.
    #[error("it cannot be encrypted")]
    Seal,
    /// The database failed.
    #[error(transparent)]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreSecretError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl DetectDb {
    /// One secret.
    pub fn sealed_secret(&self, name: &str) -> Result<Option<SealedSecret>, SinkError> {
        sealed(&self.connection, name).map_err(|error| of_database(&self.path, error))
    }

    /// The names of all secrets, and when each was set, in order.
    pub fn secret_names(&self) -> Result<Vec<(String, i64)>, SinkError> {
        let read = || -> rusqlite::Result<_> {
            let mut query =
                self.connection.prepare_cached("SELECT name, changed_at FROM secret ORDER BY name")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        read().map_err(|error| of_database(&self.path, error))
    }

    /// The text that everybody knows, as it was sealed; `None` while there is no secret.
    pub fn sealed_probe(&self) -> Result<Option<Vec<u8>>, SinkError> {
        let found = self.connection.query_row("SELECT probe FROM sealing", [], |row| row.get(0));
        found.optional().map_err(|error| of_database(&self.path, error))
    }

    /// Stores a secret in place of an earlier one of its name.
    pub fn store_secret(&mut self, name: &str, seal: &dyn Seal, now: i64) -> Result<(), StoreSecretError> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        store(&begun, name, seal, now)?;
        Ok(begun.commit()?)
    }

    /// Removes a secret, and says whether there was one. With the last one the key may change.
    pub fn remove_secret(&mut self, name: &str) -> Result<bool, SinkError> {
        let mut removed = || -> rusqlite::Result<_> {
            let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let removed = remove(&begun, name)?;
            begun.commit()?;
            Ok(removed)
        };
        removed().map_err(|error| of_database(&self.path, error))
    }

    /// Removes all secrets, and says how many there were: the way out when the key is lost.
    pub fn remove_all_secrets(&mut self) -> Result<usize, SinkError> {
        let mut removed = || -> rusqlite::Result<_> {
            let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let removed = begun.execute("DELETE FROM secret", [])?;
            begun.execute("DELETE FROM sealing", [])?;
            begun.commit()?;
            Ok(removed)
        };
        removed().map_err(|error| of_database(&self.path, error))
    }
}

/// One secret.
pub(super) fn sealed(connection: &Connection, name: &str) -> rusqlite::Result<Option<SealedSecret>> {
    let mut query =
        connection.prepare_cached("SELECT name, version, sealed, changed_at FROM secret WHERE name = ?1")?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(SealedSecret {
            name: row.get(0)?,
            version: row.get(1)?,
            sealed: row.get(2)?,
            changed_at: row.get(3)?,
        })
    };
    query.query_row([name], read).optional()
}

/// Stores a secret in a transaction.
pub(super) fn store(
    begun: &Transaction<'_>,
    name: &str,
    seal: &dyn Seal,
    now: i64,
) -> Result<(), StoreSecretError> {
    let known = begun.query_row("SELECT 1 FROM sealing", [], |_| Ok(())).optional()?;
    if known.is_none() {
        let probe = seal.probe().ok_or(StoreSecretError::Seal)?;
        begun.execute("INSERT INTO sealing VALUES (1, ?1, 0)", [probe])?;
    }
    let sql = "UPDATE sealing SET version = version + 1 RETURNING version";
    let version: i64 = begun.query_row(sql, [], |row| row.get(0))?;
    let sealed = seal.seal(name, version).ok_or(StoreSecretError::Seal)?;
    let sql = "INSERT INTO secret VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE
               SET version = excluded.version, sealed = excluded.sealed, changed_at = excluded.changed_at";
    begun.execute(sql, params![name, version, sealed, now])?;
    Ok(())
}

/// Removes a secret in a transaction.
pub(super) fn remove(begun: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
    let removed = begun.execute("DELETE FROM secret WHERE name = ?1", [name])? > 0;
    begun.execute("DELETE FROM sealing WHERE NOT EXISTS (SELECT 1 FROM secret)", [])?;
    Ok(removed)
}
