//! API keys of the connectors' HTTP API: who may do what, in which spaces.
//!
//! Only a hash of a key is stored. A key is 256 random bits, which nobody can guess, so one SHA-256 is enough: slow hashes
//! protect what people choose. The salt keeps two rows from showing that they have the same key.

use std::{collections::BTreeSet, fmt};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{Context, SHA256},
    rand,
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use rusqlite::{OptionalExtension as _, Row, Transaction, TransactionBehavior, params};
use secrecy::{ExposeSecret as _, SecretString};

use super::DetectDb;
use crate::sinks::{SinkError, sqlite::of_database};

/// Random bytes of an id, of a key, and of a salt.
const ID_BYTES: usize = 15;
const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
/// Characters of a credential that are looked at: ours have 84.
const CREDENTIAL_CHARS_MAX: usize = 512;

/// The tables of this file.
pub(super) const TABLES: &str = "
CREATE TABLE api_key (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, spaces TEXT, salt BLOB NOT NULL, hash BLOB NOT NULL,
    created_by TEXT NOT NULL, created_at INTEGER NOT NULL, revoked_by TEXT, revoked_at INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX api_key_name ON api_key (name) WHERE revoked_at IS NULL;
";

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyScope {
    /// To see connectors, their types, their usage, and cases.
    Read,
    /// To run connectors.
    Run,
    /// Everything.
    Manage,
}

impl KeyScope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Run, Self::Manage];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Manage => "manage",
        }
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A key, without what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which is the first half of the credential.
    pub id: String,
    /// What people call it; only one key that is not revoked has it.
    pub name: String,
    /// What it allows.
    pub scopes: BTreeSet<KeyScope>,
    /// Where; `None` for all spaces.
    pub spaces: Option<BTreeSet<String>>,
    /// Who created it.
    pub created_by: String,
    /// When.
    pub created_at: i64,
    /// Who revoked it, and when.
    pub revoked: Option<(String, i64)>,
}

impl ApiKey {
    /// Whether it allows this somewhere.
    pub fn has_scope(&self, scope: KeyScope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&KeyScope::Manage)
    }

    /// Whether it is valid in a space.
    pub fn has_space(&self, space: &str) -> bool {
        self.spaces.as_ref().is_none_or(|spaces| spaces.contains(space))
    }
}

/// A key to create.
#[derive(Debug)]
pub struct NewApiKey<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What it allows.
    pub scopes: &'a BTreeSet<KeyScope>,
    /// Where; `None` for all spaces.
    pub spaces: Option<&'a BTreeSet<String>>,
    /// Who creates it.
    pub by: &'a str,
}

/// Why a key was not created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// Another one has this name.
    #[error("there is an API key `{0}`; revoke it first, or choose another name")]
    Taken(String),
    /// There is no such space.
    #[error("no space `{0}`")]
    UnknownSpace(String),
    /// There is no such key.
    #[error("no API key `{0}`, or it is revoked already")]
    Unknown(String),
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] SinkError),
}

const COLUMNS: &str = "id, name, scopes, spaces, created_by, created_at, revoked_by, revoked_at";

impl DetectDb {
    /// Creates a key. What is returned proves it, and is not stored: `base64(id:key)`, as it is sent.
    pub fn create_api_key(&mut self, new: &NewApiKey<'_>, now: i64) -> Result<SecretString, ApiKeyError> {
        for space in new.spaces.into_iter().flatten() {
            self.space(space)?.ok_or_else(|| ApiKeyError::UnknownSpace(space.clone()))?;
        }
        let id = BASE64_URL_SAFE_NO_PAD.encode(random::<ID_BYTES>()?);
        let key = BASE64_URL_SAFE_NO_PAD.encode(random::<KEY_BYTES>()?);
        let salt = random::<SALT_BYTES>()?;
        let scopes = joined(new.scopes.iter().map(|scope| scope.word()));
        let spaces = new.spaces.map(|spaces| joined(spaces.iter().map(String::as_str)));
        let sql = "INSERT INTO api_key (id, name, scopes, spaces, salt, hash, created_by, created_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
        let row = params![id, new.name, scopes, spaces, salt, hash(&salt, &key), new.by, now];
        let added = self.connection.execute(sql, row).map_err(|error| of_database(&self.path, error))?;
        if added == 0 {
            return Err(ApiKeyError::Taken(new.name.to_owned()));
        }
        Ok(BASE64_STANDARD.encode(format!("{id}:{key}")).into())
    }

    /// All keys, the newest first.
    pub fn api_keys(&self) -> Result<Vec<ApiKey>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = format!("SELECT {COLUMNS} FROM api_key ORDER BY created_at DESC, name");
        let mut query = self.connection.prepare(&sql).map_err(failed)?;
        let found = query.query_map([], read).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// The key that a credential proves, if it is not revoked.
    pub fn api_key_of(&self, credential: &SecretString) -> Result<Option<ApiKey>, SinkError> {
        let credential = credential.expose_secret();
        if credential.len() > CREDENTIAL_CHARS_MAX {
            return Ok(None);
        }
        let decoded = BASE64_STANDARD.decode(credential).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((id, key)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
            return Ok(None);
        };
        let failed = |error| of_database(&self.path, error);
        let sql = format!("SELECT {COLUMNS}, salt, hash FROM api_key WHERE id = ?1 AND revoked_at IS NULL");
        let mut query = self.connection.prepare_cached(&sql).map_err(failed)?;
        let found = query.query_row([id], |row| {
            Ok((read(row)?, row.get::<_, Vec<u8>>("salt")?, row.get::<_, Vec<u8>>("hash")?))
        });
        let found = found.optional().map_err(failed)?;
        Ok(found.and_then(|(found, salt, stored)| {
            verify_slices_are_equal(&hash(&salt, key), &stored).is_ok().then_some(found)
        }))
    }

    /// Revokes a key, by its name or its id: from now on it proves nothing. Returns it.
    pub fn revoke_api_key(&mut self, wanted: &str, by: &str, now: i64) -> Result<ApiKey, ApiKeyError> {
        let failed = |error| ApiKeyError::Database(of_database(&self.path, error));
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // An id and a name may be equal: the name goes first, because people choose it.
        let sql = format!(
            "UPDATE api_key SET revoked_by = ?2, revoked_at = ?3 WHERE id = (
                 SELECT id FROM api_key WHERE revoked_at IS NULL AND (name = ?1 OR id = ?1)
                 ORDER BY name = ?1 DESC LIMIT 1) RETURNING {COLUMNS}"
        );
        let revoked = begun.query_row(&sql, params![wanted, by, now], read).optional().map_err(failed)?;
        begun.commit().map_err(failed)?;
        revoked.ok_or_else(|| ApiKeyError::Unknown(wanted.to_owned()))
    }
}

/// Takes a space that is deleted from the keys: a new one of the same name is another. A key without a space left is revoked.
pub(super) fn forget_space(begun: &Transaction<'_>, space: &str) -> rusqlite::Result<()> {
    let mut query =
        begun.prepare("SELECT id, spaces FROM api_key WHERE spaces IS NOT NULL AND revoked_at IS NULL")?;
    let keys: Vec<(String, String)> =
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (id, spaces) in keys.iter().filter(|(_, spaces)| spaces.split(',').any(|one| one == space)) {
        let left = joined(spaces.split(',').filter(|one| *one != space));
        let sql = match left.is_empty() {
            true => {
                "UPDATE api_key SET revoked_by = 'deletion of its space', revoked_at = unixepoch() WHERE id = ?1 AND ?2 = ''"
            }
            false => "UPDATE api_key SET spaces = ?2 WHERE id = ?1",
        };
        begun.execute(sql, [id, &left])?;
    }
    Ok(())
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], ApiKeyError> {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).map_err(|_| ApiKeyError::Random)?;
    Ok(bytes)
}

fn hash(salt: &[u8], key: &str) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(salt);
    context.update(key.as_bytes());
    context.finish().as_ref().to_vec()
}

/// Words without commas: scopes, and ids of spaces.
fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(",")
}

fn read(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let (scopes, spaces): (String, Option<String>) = (row.get(2)?, row.get(3)?);
    let revoked_by: Option<String> = row.get(6)?;
    let revoked_at: Option<i64> = row.get(7)?;
    Ok(ApiKey {
        id: row.get(0)?,
        name: row.get(1)?,
        scopes: KeyScope::ALL
            .into_iter()
            .filter(|scope| scopes.split(',').any(|word| word == scope.word()))
            .collect(),
        spaces: spaces.map(|spaces| spaces.split(',').map(str::to_owned).collect()),
        created_by: row.get(4)?,
        created_at: row.get(5)?,
        revoked: revoked_by.zip(revoked_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (tempfile::TempDir, DetectDb) {
        let dir = tempfile::tempdir().unwrap();
        let db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        (dir, db)
    }

    fn created(db: &mut DetectDb, name: &str) -> Result<SecretString, ApiKeyError> {
        let scopes = BTreeSet::from([KeyScope::Run]);
        db.create_api_key(&NewApiKey { name, scopes: &scopes, spaces: None, by: "ann" }, 7)
    }

    #[test]
    fn only_the_whole_credential_proves_a_key() {
        let (_dir, mut db) = opened();
        let credential = created(&mut db, "nightly").unwrap();
        let found = db.api_key_of(&credential).unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.created_by.as_str(), found.created_at), ("nightly", "ann", 7));
        assert!(found.has_scope(KeyScope::Run) && !found.has_scope(KeyScope::Read));
        let text = String::from_utf8(BASE64_STANDARD.decode(credential.expose_secret()).unwrap()).unwrap();
        let (id, key) = text.split_once(':').unwrap();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(key).unwrap().len(), 32);
        let beginning = &key[..key.len() - 1];
        let others =
            ["".to_owned(), id.to_owned(), format!("{id}:"), format!("{id}:{beginning}"), format!("x:{key}")];
        for wrong in others.iter().map(|text| BASE64_STANDARD.encode(text)).chain([text, "é".repeat(600)]) {
            assert_eq!(db.api_key_of(&wrong.clone().into()).unwrap(), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_does_not_outlive_its_spaces() {
        use crate::detect_db::{SpaceAbout, StoredSpace};

        let (_dir, mut db) = opened();
        let space = |id: &str| StoredSpace { id: id.into(), name: id.into(), about: SpaceAbout::default() };
        for id in ["red", "blue"] {
            db.create_space(&space(id)).unwrap();
        }
        let mut key = |name: &str, spaces: &[&str]| {
            let (scopes, spaces) =
                ([KeyScope::Manage].into(), spaces.iter().map(|one| one.to_string()).collect());
            let new = NewApiKey { name, scopes: &scopes, spaces: Some(&spaces), by: "ann" };
            db.create_api_key(&new, 7).unwrap()
        };
        let (of_one, of_two) = (key("one", &["red"]), key("two", &["red", "blue"]));
        db.delete_space("red").unwrap();
        db.create_space(&space("red")).unwrap();
        assert_eq!(db.api_key_of(&of_one).unwrap(), None);
        assert_eq!(db.api_key_of(&of_two).unwrap().unwrap().spaces, Some(["blue".to_owned()].into()));
    }

    #[test]
    fn nothing_stored_proves_a_key_and_no_two_rows_are_alike() {
        let (_dir, mut db) = opened();
        let keys = [created(&mut db, "a").unwrap(), created(&mut db, "b").unwrap()];
        let sql = "SELECT group_concat(hex(salt) || hex(hash) || id || name || scopes) FROM api_key";
        let stored: String = db.connection.query_row(sql, [], |row| row.get(0)).unwrap();
        for key in keys {
            let text = String::from_utf8(BASE64_STANDARD.decode(key.expose_secret()).unwrap()).unwrap();
            assert!(!stored.contains(text.split_once(':').unwrap().1));
        }
        let sql = "SELECT count(DISTINCT salt) + count(DISTINCT hash) + count(DISTINCT id) FROM api_key";
        assert_eq!(db.connection.query_row(sql, [], |row| row.get(0)), Ok(6));
    }

    #[test]
    fn a_revoked_key_proves_nothing_and_its_name_is_free() {
        let (_dir, mut db) = opened();
        let first = created(&mut db, "nightly").unwrap();
        assert!(matches!(created(&mut db, "nightly"), Err(ApiKeyError::Taken(_))));
        assert_eq!(db.revoke_api_key("nightly", "bob", 9).unwrap().revoked, Some(("bob".to_owned(), 9)));
        assert_eq!(db.api_key_of(&first).unwrap(), None);
        assert!(matches!(db.revoke_api_key("nightly", "bob", 9), Err(ApiKeyError::Unknown(_))));
        let second = created(&mut db, "nightly").unwrap();
        let id = db.api_key_of(&second).unwrap().unwrap().id;
        db.revoke_api_key(&id, "bob", 9).unwrap();
        assert_eq!(db.api_keys().unwrap().len(), 2);
    }

    #[test]
    fn a_key_is_for_spaces_that_exist() {
        let (_dir, mut db) = opened();
        let scopes = BTreeSet::from([KeyScope::Manage]);
        let mut made = |space: &str| {
            let spaces = BTreeSet::from([space.to_owned()]);
            let new = NewApiKey { name: "a", scopes: &scopes, spaces: Some(&spaces), by: "ann" };
            db.create_api_key(&new, 7)
        };
        assert!(matches!(made("red"), Err(ApiKeyError::UnknownSpace(space)) if space == "red"));
        made("default").unwrap();
        let key = db.api_keys().unwrap().pop().unwrap();
        assert!(key.has_space("default") && !key.has_space("red"));
        assert!(KeyScope::ALL.into_iter().all(|scope| key.has_scope(scope)));
    }
}
