//! `checkpoints.json`: a copy of all heads outside sled, to recover from when sled's files are damaged.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    StateError,
    envelope::{self, Head},
    files,
};

/// Heads as stored, by the name of their checkpoint.
pub(crate) type Heads = BTreeMap<String, Vec<u8>>;

/// A usable copy.
pub(crate) struct Sidecar {
    pub(crate) heads: Heads,
    written: DateTime<Utc>,
}

impl Sidecar {
    /// How long ago it was written; zero if the clock went back since.
    pub(crate) fn age(&self) -> Duration {
        (Utc::now() - self.written).to_std().unwrap_or_default()
    }
}

/// What is found where the copy should be.
pub(crate) enum Found {
    Nothing,
    Usable(Sidecar),
    Broken(String),
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u64,
    written: DateTime<Utc>,
    checksum: String,
    heads: Box<RawValue>,
}

/// Reads the copy in `dir`.
pub(crate) fn read(dir: &Path) -> Result<Found, StateError> {
    let path = path_in(dir);
    let document = match files::ensure_regular(&path).and_then(|()| fs::read(&path)) {
        Ok(document) => document,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(StateError::io(path.display().to_string())(error)),
    };
    match parse(&document) {
        Ok(copy) => Ok(Found::Usable(copy)),
        Err(StateError::Damaged(reason)) => Ok(Found::Broken(reason)),
        Err(other) => Err(other),
    }
}

/// Replaces the copy in `dir`.
pub(crate) fn write(dir: &Path, heads: &Heads) -> Result<(), StateError> {
    let path = path_in(dir);
    let document = document(heads)
        .map_err(|source| StateError::Io { what: path.display().to_string(), source: source.into() })?;
    files::replace(&path, &document)
}

/// Where the copy of the store in `dir` lies.
pub(crate) fn path_in(dir: &Path) -> PathBuf {
    dir.join("checkpoints.json")
}

fn document(heads: &Heads) -> Result<Vec<u8>, serde_json::Error> {
    let heads: BTreeMap<&str, &RawValue> = heads
        .iter()
        .map(|(name, head)| Ok((name.as_str(), serde_json::from_slice(head)?)))
        .collect::<Result<_, serde_json::Error>>()?;
    let heads = RawValue::from_string(serde_json::to_string(&heads)?)?;
    let written = Utc::now();
    let checksum = checksum(&written, &heads);
    serde_json::to_vec(&Document { version: envelope::VERSION, written, checksum, heads })
}

fn parse(document: &[u8]) -> Result<Sidecar, StateError> {
    let damaged = |what: &str| StateError::Damaged(format!("checkpoints.json {what}"));
    envelope::known_version(document, || "checkpoints.json".to_owned())?;
    let document: Document = serde_json::from_slice(document).map_err(|_| damaged("is not whole"))?;
    if document.checksum != checksum(&document.written, &document.heads) {
        return Err(damaged("fails its checksum"));
    }
    let raw: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(document.heads.get()).map_err(|_| damaged("is not a table of heads"))?;
    let mut heads = Heads::new();
    for (name, head) in raw {
        let head = head.get().as_bytes().to_vec();
        Head::open(&name, &head)?;
        heads.insert(name, head);
    }
    Ok(Sidecar { heads, written: document.written })
}

fn checksum(written: &DateTime<Utc>, heads: &RawValue) -> String {
    let text = format!("{}{}", written.to_rfc3339_opts(SecondsFormat::Nanos, true), heads.get());
    format!("{:016x}", xxh3_64(text.as_bytes()))
}
