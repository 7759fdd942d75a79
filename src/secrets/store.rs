//! Secrets by name.

use std::path::PathBuf;

use secrecy::SecretString;

use super::{
    key::{KeyError, KeyPlace},
    seal::Sealer,
};
use crate::{
    config::{Environment, StateSettings, StoredSecrets},
    detect_db::{CONNECTOR_SECRETS, DetectDb, FILE_NAME, StoreSecretError},
    reasons::with_reasons,
    sinks::SinkError,
};

/// Bytes of disk that stay free when the database is created.
const FREE_MIN: u64 = 1 << 20;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 64;

/// Why the store has no secret, or does not take one.
#[derive(Debug, thiserror::Error)]
pub enum SecretStoreError {
    /// There is none of this name.
    #[error("no secret `{0}` is stored: set it with `ccfd secrets set {0}`")]
    Unknown(String),
    /// The name has another character.
    #[error(
        "`{0}`: the name of a secret has 1 to {NAME_CHARS_MAX} letters, digits, `_`, `-` or `.`, and does not begin with `.`"
    )]
    Name(String),
    /// There is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The secrets were encrypted with another key.
    #[error(
        "the stored secrets were encrypted with another key than that in {place}: put the earlier key back. If it is lost, remove the \
         secrets with `ccfd secrets remove --all`, and set them again"
    )]
    WrongKey {
        /// Where the key is.
        place: String,
    },
    /// Its ciphertext was changed.
    #[error("the secret `{0}` is damaged: set it again with `ccfd secrets set {0}`")]
    Damaged(String),
    /// The cipher failed.
    #[error("the secret cannot be encrypted")]
    Seal,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] SinkError),
}

/// A stored secret, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// Its name; for secrets of a connector `connector/` and the connector's id.
    pub name: String,
    /// When it was set, in seconds.
    pub changed_at: i64,
}

/// The store. It opens the database for each use, so that commands and the daemon see what the other has set.
#[derive(Clone, Debug)]
pub struct SecretStore {
    database: PathBuf,
    key: KeyPlace,
    environment: Environment,
}

impl SecretStore {
    /// The store beside the state.
    pub fn of(settings: &StateSettings, environment: &Environment) -> Self {
        // The key is not itself a stored secret.
        let environment = environment.without_store();
        Self { database: settings.dir.join(FILE_NAME), key: KeyPlace::of(settings), environment }
    }

    /// All secrets, without their texts.
    pub fn list(&self) -> Result<Vec<StoredSecret>, SecretStoreError> {
        let Some(db) = DetectDb::open_existing(&self.database)? else { return Ok(Vec::new()) };
        let of = |(name, changed_at)| StoredSecret { name, changed_at };
        Ok(db.secret_names()?.into_iter().map(of).collect())
    }

    /// Stores a secret for the settings.
    pub fn set(&self, name: &str, text: &SecretString, now: i64) -> Result<(), SecretStoreError> {
        if !is_name(name) {
            return Err(SecretStoreError::Name(name.to_owned()));
        }
        let mut db = DetectDb::open(&self.database, FREE_MIN)?;
        let sealer = self.sealer(&db)?;
        let database = self.database.clone();
        db.store_secret(name, &sealer.text(text), now).map_err(|error| of_storing(error, &database))
    }

    /// Removes a secret of the settings, and says whether there was one.
    pub fn remove(&self, name: &str) -> Result<bool, SecretStoreError> {
        if !is_name(name) {
            return Err(SecretStoreError::Name(name.to_owned()));
        }
        let Some(mut db) = DetectDb::open_existing(&self.database)? else { return Ok(false) };
        Ok(db.remove_secret(name)?)
    }

    /// Removes all secrets, and says how many there were. It needs no key.
    pub fn remove_all(&self) -> Result<usize, SecretStoreError> {
        let Some(mut db) = DetectDb::open_existing(&self.database)? else { return Ok(0) };
        Ok(db.remove_all_secrets()?)
    }

    /// The text of a secret of the settings.
    pub fn get(&self, name: &str) -> Result<SecretString, SecretStoreError> {
        let unknown = || SecretStoreError::Unknown(name.to_owned());
        let db = DetectDb::open_existing(&self.database)?.ok_or_else(unknown)?;
        let sealed = db.sealed_secret(name)?.ok_or_else(unknown)?;
        self.sealer(&db)?.opened(&sealed).ok_or_else(|| SecretStoreError::Damaged(name.to_owned()))
    }

    /// The key of the secrets of an open database.
    ///
    /// # Errors
    ///
    /// If there is none, or the secrets were encrypted with another one.
    pub fn sealer(&self, db: &DetectDb) -> Result<Sealer, SecretStoreError> {
        let probe = db.sealed_probe()?;
        let sealer = self.key.sealer(&self.environment, probe.is_some())?;
        match probe {
            Some(probe) if !sealer.is_key_of(&probe) => {
                Err(SecretStoreError::WrongKey { place: self.key.source().to_string() })
            }
            Some(_) | None => Ok(sealer),
        }
    }

    /// The database.
    pub fn database(&self) -> &std::path::Path {
        &self.database
    }

    /// The name of the secrets of a connector.
    pub fn name_of_connector(id: &str) -> String {
        format!("{CONNECTOR_SECRETS}{id}")
    }
}

impl StoredSecrets for SecretStore {
    fn get(&self, name: &str) -> Result<SecretString, String> {
        Self::get(self, name).map_err(|error| with_reasons(&error))
    }
}

/// What storing came to.
pub(crate) fn of_storing(error: StoreSecretError, database: &std::path::Path) -> SecretStoreError {
    match error {
        StoreSecretError::Seal => SecretStoreError::Seal,
        StoreSecretError::Database(error) => crate::sinks::sqlite::of_database(database, error).into(),
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('.')
}
