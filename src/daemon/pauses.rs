//! The collectors that an operator has paused. Stored in a file, so that a restart does not undo the
//! operator's decision.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::files;

/// File name in the state directory.
const PAUSES_FILE: &str = "paused.json";

/// The paused collectors, and since when.
#[derive(Debug)]
pub struct Pauses {
    path: PathBuf,
    content: PausesContent,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PausesContent {
    /// Version of this format.
    version: u32,
    /// By collector: since when, in Unix seconds.
    collectors: BTreeMap<String, i64>,
}

impl Pauses {
    /// Reads the file of a state directory. An unreadable file pauses nothing: records collected by mistake
    /// can be deleted, but records that were not collected may be gone.
    pub fn load(dir: &Path) -> Self {
        let path = dir.join(PAUSES_FILE);
        let empty = PausesContent { version: 1, collectors: BTreeMap::new() };
        let content = match files::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(empty.clone()),
            Err(error) => Err(error),
        };
        let content = content.unwrap_or_else(|error| {
            let advice = "remove the file, and pause the collectors again: ccfd collectors pause NAME";
            tracing::error!(%error, file = %path.display(), advice, "pauses cannot be read, nothing is paused");
            empty
        });
        Self { path, content }
    }

    /// Since when a collector is paused, in Unix seconds.
    pub fn since(&self, collector: &str) -> Option<i64> {
        self.content.collectors.get(collector).copied()
    }

    /// Fails for a paused collector, with what to do first.
    pub fn ensure_not_paused(&self, collector: &str) -> Result<(), String> {
        match self.since(collector) {
            Some(_) => {
                Err(format!("collector `{collector}` is paused: `ccfd collectors resume {collector}` first"))
            }
            None => Ok(()),
        }
    }

    /// The paused collectors.
    pub fn collectors(&self) -> impl Iterator<Item = &str> {
        self.content.collectors.keys().map(String::as_str)
    }

    /// Pauses or resumes a collector. Durable when this returns; after an error nothing has changed. False if
    /// this was already its state.
    pub fn set(&mut self, collector: &str, paused: bool) -> io::Result<bool> {
        let mut content = self.content.clone();
        if paused == content.collectors.contains_key(collector) {
            return Ok(false);
        }
        if paused {
            content.collectors.insert(collector.to_owned(), chrono::Utc::now().timestamp());
        } else {
            content.collectors.remove(collector);
        }
        self.write(&content)?;
        self.content = content;
        Ok(true)
    }

    fn write(&self, content: &PausesContent) -> io::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer_pretty(&mut file, content)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        std::fs::File::open(dir)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_holds_over_a_restart_until_it_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut pauses = Pauses::load(dir.path());
        assert!(pauses.set("acme-audit", true).unwrap());
        assert!(!pauses.set("acme-audit", true).unwrap(), "it is paused already");
        let mut again = Pauses::load(dir.path());
        assert!(again.since("acme-audit").is_some());
        assert!(again.since("acme-chat").is_none());
        assert!(again.set("acme-audit", false).unwrap());
        assert_eq!(Pauses::load(dir.path()).collectors().count(), 0);
    }

    #[test]
    fn a_damaged_file_pauses_nothing_and_can_be_written_over() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(PAUSES_FILE), "{").unwrap();
        let mut pauses = Pauses::load(dir.path());
        assert_eq!(pauses.collectors().count(), 0);
        assert!(pauses.set("acme-audit", true).unwrap());
        assert!(Pauses::load(dir.path()).since("acme-audit").is_some());
    }

    #[test]
    fn a_pause_that_cannot_be_stored_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut pauses = Pauses::load(&dir.path().join("gone"));
        assert!(pauses.set("acme-audit", true).is_err());
        assert!(pauses.since("acme-audit").is_none());
    }
}
