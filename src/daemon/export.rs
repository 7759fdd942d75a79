//! Checkpoints as a file, to inspect, back up, or move to another machine.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use state::{Part, StateError, Store};

use crate::pipeline::checkpoint::Checkpoint;

/// The version of the format that is written and read.
const VERSION: u32 = 1;

/// All checkpoints of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Version of this format.
    pub version: u32,
    /// When it was made, in Unix seconds.
    pub exported: i64,
    /// By name.
    pub checkpoints: BTreeMap<String, Whole>,
}

/// A checkpoint with its dedup ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// Its content.
    pub checkpoint: Checkpoint,
    /// The parts of the dedup ids, keys and values in base64.
    pub held: Vec<(String, String)>,
}

/// Why an export cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Written by a later ccfd.
    #[error(
        "the file has version {0}; this ccfd reads version {VERSION}: use the ccfd that wrote it, or a later one"
    )]
    Newer(u32),
    /// A part of the dedup ids is damaged.
    #[error("checkpoint {0}: its dedup ids are not base64: the file is damaged")]
    Damaged(String),
    /// The store.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Exports the whole store. A checkpoint that is removed meanwhile is left out.
pub async fn export(store: &Store) -> Result<Export, StateError> {
    let mut checkpoints = BTreeMap::new();
    for name in store.names()? {
        if let Some(saved) = store.cursor::<Checkpoint>(&name).load().await? {
            let text = |(key, value): &Part| (BASE64_STANDARD.encode(key), BASE64_STANDARD.encode(value));
            let held = saved.parts.iter().map(text).collect();
            checkpoints.insert(name, Whole { checkpoint: saved.cursor, held });
        }
    }
    Ok(Export { version: VERSION, exported: chrono::Utc::now().timestamp(), checkpoints })
}

impl Export {
    /// Writes the checkpoints into a store, replacing those of the same name. Others are kept. All of them
    /// are validated before the first is written.
    pub async fn import(self, store: &Store) -> Result<(), ImportError> {
        if self.version > VERSION {
            return Err(ImportError::Newer(self.version));
        }
        let mut wholes = Vec::new();
        for (name, whole) in self.checkpoints {
            let parts: Option<Vec<Part>> = whole.held.iter().map(decode).collect();
            let parts = parts.ok_or_else(|| ImportError::Damaged(name.clone()))?;
            wholes.push((name, whole.checkpoint, parts));
        }
        for (name, checkpoint, parts) in wholes {
            let mut cursor = store.cursor::<Checkpoint>(&name);
            let before = cursor.load().await?.map(|saved| saved.parts).unwrap_or_default();
            let mut changes: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
                before.into_iter().map(|(key, _)| (key, None)).collect();
            changes.extend(parts.into_iter().map(|(key, value)| (key, Some(value))));
            cursor.commit(&checkpoint, changes.into_iter().collect()).await?;
        }
        Ok(())
    }
}

fn decode((key, value): &(String, String)) -> Option<Part> {
    Some((BASE64_STANDARD.decode(key).ok()?, BASE64_STANDARD.decode(value).ok()?))
}
