//! Spaces, which separate what belongs to different teams. What is in one is not seen in another, and ends with it.

use rusqlite::{OptionalExtension as _, Row, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use super::{DetectDb, api_keys, connectors};
use crate::{
    cases,
    sinks::{SinkError, sqlite::of_database},
};

/// The space that always exists.
pub const DEFAULT_SPACE: &str = "default";
/// The most spaces, as in Kibana.
const SPACES_MAX: u64 = 1000;

/// The tables of this file.
pub(super) const TABLES: &str = r##"
CREATE TABLE space (id TEXT PRIMARY KEY, name TEXT NOT NULL, about TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO space VALUES
    ('default', 'Default', '{"description":"This is your default space!","color":"#00bfb3","disabledFeatures":[]}');
"##;

/// A space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSpace {
    /// Names it in paths.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How it is shown.
    pub about: SpaceAbout,
}

/// What Kibana shows of a space. ccfd keeps it for those who ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpaceAbout {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The colour of its sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// The letters of its sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initials: Option<String>,
    /// The picture of its sign, as a data URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// Features of Kibana that it does not show.
    #[serde(default)]
    pub disabled_features: Vec<String>,
    /// Which of Kibana's solutions it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
}

/// Why a space was not created, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum SpaceError {
    /// There is one with this id.
    #[error("A space with the identifier {0} already exists.")]
    Taken(String),
    /// There are too many.
    #[error(
        "Unable to create Space, this exceeds the maximum number of spaces set by the xpack.spaces.maxSpaces setting"
    )]
    TooMany,
    /// It must remain.
    #[error("The {0} space cannot be deleted because it is reserved.")]
    Reserved(String),
    /// There is none with this id.
    #[error("Not Found")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] SinkError),
}

/// Whether there is a space with this id.
pub(super) fn has(begun: &Transaction<'_>, id: &str) -> rusqlite::Result<bool> {
    begun.prepare_cached("SELECT 1 FROM space WHERE id = ?1")?.exists([id])
}

impl DetectDb {
    /// All spaces, by name.
    pub fn spaces(&self) -> Result<Vec<StoredSpace>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = "SELECT id, name, about FROM space ORDER BY name COLLATE NOCASE, id";
        let mut query = self.connection.prepare_cached(sql).map_err(failed)?;
        let found = query.query_map([], read).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// The space with this id.
    pub fn space(&self, id: &str) -> Result<Option<StoredSpace>, SinkError> {
        let found = self.connection.prepare_cached("SELECT id, name, about FROM space WHERE id = ?1");
        let found = found.and_then(|mut query| query.query_row([id], read).optional());
        found.map_err(|error| of_database(&self.path, error))
    }

    /// Adds a space.
    pub fn create_space(&mut self, space: &StoredSpace) -> Result<(), SpaceError> {
        let about = written(&space.about);
        self.change_spaces(|begun| {
            let count: i64 = begun.query_row("SELECT count(*) FROM space", [], |row| row.get(0))?;
            if count.unsigned_abs() >= SPACES_MAX {
                return Ok(Err(SpaceError::TooMany));
            }
            let sql = "INSERT INTO space VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let added = begun.execute(sql, params![space.id, space.name, about])?;
            Ok(if added == 0 { Err(SpaceError::Taken(space.id.clone())) } else { Ok(()) })
        })
    }

    /// Changes how a space is called and shown.
    pub fn update_space(&mut self, space: &StoredSpace) -> Result<(), SpaceError> {
        let about = written(&space.about);
        self.change_spaces(|begun| {
            let sql = "UPDATE space SET name = ?2, about = ?3 WHERE id = ?1";
            let changed = begun.execute(sql, params![space.id, space.name, about])?;
            Ok(if changed == 0 { Err(SpaceError::Unknown) } else { Ok(()) })
        })
    }

    /// Deletes a space with all that is in it.
    pub fn delete_space(&mut self, id: &str) -> Result<(), SpaceError> {
        if id == DEFAULT_SPACE {
            return Err(SpaceError::Reserved(id.to_owned()));
        }
        self.change_spaces(|begun| {
            let deleted = begun.execute("DELETE FROM space WHERE id = ?1", [id])?;
            cases::forget_space(begun, id)?;
            connectors::forget_space(begun, id)?;
            api_keys::forget_space(begun, id)?;
            Ok(if deleted == 0 { Err(SpaceError::Unknown) } else { Ok(()) })
        })
    }

    /// One change of spaces, in a transaction that is undone if it fails.
    fn change_spaces(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<(), SpaceError>>,
    ) -> Result<(), SpaceError> {
        let failed = |error| SpaceError::Database(of_database(&self.path, error));
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        change(&begun).map_err(failed)??;
        begun.commit().map_err(failed)
    }
}

fn written(about: &SpaceAbout) -> String {
    // Texts and lists of texts are always JSON.
    serde_json::to_string(about).unwrap_or_default()
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredSpace> {
    let about: String = row.get(2)?;
    Ok(StoredSpace {
        id: row.get(0)?,
        name: row.get(1)?,
        about: serde_json::from_str(&about).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(id: &str) -> StoredSpace {
        StoredSpace { id: id.to_owned(), name: format!("the {id}"), about: SpaceAbout::default() }
    }

    #[test]
    fn a_space_is_created_once_and_the_default_one_remains() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        db.create_space(&space("red")).unwrap();
        assert!(matches!(db.create_space(&space("red")), Err(SpaceError::Taken(id)) if id == "red"));
        assert!(matches!(db.create_space(&space("default")), Err(SpaceError::Taken(_))));
        let about = SpaceAbout { initials: Some("R".to_owned()), ..SpaceAbout::default() };
        let changed = StoredSpace { name: "Red".to_owned(), about, ..space("red") };
        db.update_space(&changed).unwrap();
        assert_eq!(db.space("red").unwrap(), Some(changed));
        assert!(matches!(db.update_space(&space("blue")), Err(SpaceError::Unknown)));
        assert!(matches!(db.delete_space("default"), Err(SpaceError::Reserved(_))));
        db.delete_space("red").unwrap();
        assert!(matches!(db.delete_space("red"), Err(SpaceError::Unknown)));
        let names: Vec<_> = db.spaces().unwrap().into_iter().map(|space| space.id).collect();
        assert_eq!(names, [DEFAULT_SPACE]);
    }

    #[test]
    fn there_are_not_more_spaces_than_kibana_allows() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        for number in 1..SPACES_MAX {
            let sql = "INSERT INTO space VALUES (?1, '', '{}')";
            db.connection.execute(sql, [number.to_string()]).unwrap();
        }
        assert!(matches!(db.create_space(&space("red")), Err(SpaceError::TooMany)));
    }
}
