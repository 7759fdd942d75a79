//! Shared by the tests.

use std::{fs, path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use state::{CursorStore, Opened, StateError, Store, StoreOptions};
use tempfile::TempDir;

/// A cursor as a collector might have one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub settled: i64,
    pub anchors: Vec<String>,
}

impl Cursor {
    pub fn at(settled: i64) -> Self {
        Self { settled, anchors: vec![format!("chatcmpl-{settled}")] }
    }
}

pub fn fresh_dir() -> TempDir {
    TempDir::new().unwrap()
}

pub fn open(dir: &Path) -> Result<Opened, StateError> {
    let options = StoreOptions { lock_wait: Duration::from_millis(200), holder: "ccfd run".to_owned() };
    Store::open(dir, options)
}

/// Opens a store that must be sound.
pub fn open_sound(dir: &Path) -> Store {
    let opened = open(dir).unwrap();
    assert_eq!(opened.recovery, None);
    opened.store
}

pub fn cursor(store: &Store, name: &str) -> CursorStore<Cursor> {
    store.cursor(name)
}

pub fn part(key: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (key.as_bytes().to_vec(), value.as_bytes().to_vec())
}

pub fn put(key: &str, value: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()))
}

/// Creates and closes a store with checkpoint `a/local` at 7 and one part.
pub async fn store_with_one_checkpoint(dir: &Path) {
    let store = open_sound(dir);
    cursor(&store, "a/local").commit(&Cursor::at(7), vec![put("k", "v")]).await.unwrap();
    store.close().await.unwrap();
}

pub fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
