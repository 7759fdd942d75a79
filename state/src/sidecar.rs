//! `checkpoints.json`: a copy of all heads outside sled, to recover from when sled's files are damaged.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::Xxh3;

use crate::{
    StateError,
    envelope::{self, StoredHead},
    files,
};

/// Heads as stored, by checkpoint name.
pub(crate) type StoredHeads = BTreeMap<String, Vec<u8>>;

/// A usable copy.
pub(crate) struct Sidecar {
    pub(crate) heads: StoredHeads,
    written: DateTime<Utc>,
}

impl Sidecar {
    /// How long ago it was written; zero if the clock has gone back since.
    pub(crate) fn age(&self) -> Duration {
        (Utc::now() - self.written).to_std().unwrap_or_default()
    }
}

/// What was found at the copy's path.
pub(crate) enum FoundCopy {
    Nothing,
    Usable(Sidecar),
    Broken(String),
}

/// Parsed only after its version was checked.
#[derive(Deserialize)]
struct SidecarDocument {
    written: DateTime<Utc>,
    checksum: String,
    heads: Box<RawValue>,
}

/// Reads the copy in `dir`.
pub(crate) fn read(dir: &Path) -> Result<FoundCopy, StateError> {
    let path = path_in(dir);
    let document = match files::ensure_regular(&path).and_then(|()| fs::read(&path)) {
        Ok(document) => document,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FoundCopy::Nothing),
        Err(error) => return Err(StateError::io(path.display().to_string())(error)),
    };
    match parse(&document) {
        Ok(copy) => Ok(FoundCopy::Usable(copy)),
        Err(StateError::Damaged(reason)) => Ok(FoundCopy::Broken(reason)),
        Err(other) => Err(other),
    }
}

/// Replaces the copy in `dir`.
pub(crate) fn write(dir: &Path, document: &[u8]) -> Result<(), StateError> {
    files::replace(&path_in(dir), document)
}

/// Path of the copy of the store in `dir`.
pub(crate) fn path_in(dir: &Path) -> PathBuf {
    dir.join("checkpoints.json")
}

/// The text of a copy. Heads are stored as JSON and copied as text: parsing ten thousand of them each time
/// would be noticeable.
pub(crate) fn document(heads: &StoredHeads) -> Vec<u8> {
    let written = Utc::now();
    let mut text = String::with_capacity(heads.iter().map(|(name, head)| name.len() + head.len() + 8).sum());
    text.push('{');
    for (number, (name, head)) in heads.iter().enumerate() {
        text.push_str(if number == 0 { "" } else { "," });
        text.push_str(&serde_json::Value::from(name.as_str()).to_string());
        text.push(':');
        text.push_str(&String::from_utf8_lossy(head));
    }
    text.push('}');
    let (version, checksum) = (envelope::VERSION, checksum(&written, &text));
    let written = written.to_rfc3339_opts(SecondsFormat::Nanos, true);
    let head = format!(r#"{{"version":{version},"written":"{written}","checksum":"{checksum}","heads":"#);
    [head.as_bytes(), text.as_bytes(), b"}"].concat()
}

fn parse(document: &[u8]) -> Result<Sidecar, StateError> {
    let damaged = |what: &str| StateError::Damaged(format!("checkpoints.json {what}"));
    envelope::known_version(document, || "checkpoints.json".to_owned())?;
    let document: SidecarDocument = serde_json::from_slice(document).map_err(|_| damaged("is not whole"))?;
    if document.checksum != checksum(&document.written, document.heads.get()) {
        return Err(damaged("fails its checksum"));
    }
    let raw: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(document.heads.get()).map_err(|_| damaged("is not a table of heads"))?;
    let mut heads = StoredHeads::new();
    for (name, head) in raw {
        let head = head.get().as_bytes().to_vec();
        StoredHead::open(&name, &head)?;
        heads.insert(name, head);
    }
    Ok(Sidecar { heads, written: document.written })
}

fn checksum(written: &DateTime<Utc>, heads: &str) -> String {
    let mut sum = Xxh3::new();
    sum.update(written.to_rfc3339_opts(SecondsFormat::Nanos, true).as_bytes());
    sum.update(heads.as_bytes());
    format!("{:016x}", sum.digest())
}
