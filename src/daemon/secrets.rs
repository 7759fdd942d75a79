//! Watches the files with secrets and certificates: a route whose files have changed must be reopened.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use crate::config::{Config, Environment};

/// The time between two looks. A file must be the same at two of them before it is used, because it may still
/// be being written.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The most files that are looked at per second; with more of them, looks are rarer.
const LOOKED_AT_MAX: usize = 1000;

/// Distinguishes two contents without reading them: device, inode, size, modification time to the nanosecond.
/// `None` if there is no such file.
type FileStamp = Option<(u64, u64, u64, i64, i64)>;

/// The users of files that have changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Names of collectors.
    pub collectors: BTreeSet<String>,
    /// Names of sinks.
    pub sinks: BTreeSet<String>,
}

/// The files of a configuration, in the state in which they were read.
#[derive(Debug)]
pub struct Secrets {
    owners: BTreeMap<PathBuf, Touched>,
    taken: BTreeMap<PathBuf, FileStamp>,
    seen: BTreeMap<PathBuf, FileStamp>,
    look_at: Instant,
}

impl Secrets {
    /// Begins with the current state of the files.
    pub fn of(config: &Config, environment: &Environment) -> Self {
        let mut owners = BTreeMap::<PathBuf, Touched>::new();
        for (name, settings) in &config.collectors {
            for file in settings.files(environment) {
                owners.entry(file).or_default().collectors.insert(name.clone());
            }
        }
        for (name, settings) in &config.sinks {
            for file in settings.files(environment) {
                owners.entry(file).or_default().sinks.insert(name.clone());
            }
        }
        let taken = traces(owners.keys());
        let look_at = Instant::now() + interval(owners.len());
        Self { owners, seen: taken.clone(), taken, look_at }
    }

    /// Begins with the state that an earlier configuration read, so that a change nobody has noticed yet is
    /// still found.
    pub fn after(self, earlier: &Self) -> Self {
        let mut taken = self.taken;
        for (file, trace) in &mut taken {
            if let Some(known) = earlier.taken.get(file) {
                *trace = *known;
            }
        }
        Self { taken, ..self }
    }

    /// Waits until files have changed and stay the same; they count as read then. Cancellation-safe.
    pub async fn changed(&mut self) -> Touched {
        if self.owners.is_empty() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep_until(self.look_at).await;
            let files: Vec<PathBuf> = self.owners.keys().cloned().collect();
            // A network file system may block the calling thread.
            let Ok(now) = tokio::task::spawn_blocking(move || traces(files.iter())).await else {
                return std::future::pending().await;
            };
            self.look_at = Instant::now() + interval(self.owners.len());
            let touched = self.look(now);
            if touched != Touched::default() {
                return touched;
            }
        }
    }

    fn look(&mut self, now: BTreeMap<PathBuf, FileStamp>) -> Touched {
        let mut touched = Touched::default();
        for (file, trace) in &now {
            let rests = self.seen.get(file) == Some(trace);
            // A missing file may come back in a moment; until then the known key remains in use.
            if rests && trace.is_some() && self.taken.get(file) != Some(trace) {
                self.taken.insert(file.clone(), *trace);
                if let Some(owners) = self.owners.get(file) {
                    touched.collectors.extend(owners.collectors.iter().cloned());
                    touched.sinks.extend(owners.sinks.iter().cloned());
                }
            }
        }
        self.seen = now;
        touched
    }
}

fn interval(files: usize) -> Duration {
    LOOK_INTERVAL.max(Duration::from_secs((files / LOOKED_AT_MAX) as u64))
}

fn traces<'a>(files: impl Iterator<Item = &'a PathBuf>) -> BTreeMap<PathBuf, FileStamp> {
    files.map(|file| (file.clone(), trace(file))).collect()
}

fn trace(file: &Path) -> FileStamp {
    let found = file.metadata().ok()?;
    Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(file: &Path) -> Secrets {
        let of_key = Touched { collectors: ["acme".to_owned()].into(), sinks: BTreeSet::new() };
        let owners = BTreeMap::from([(file.to_owned(), of_key)]);
        let taken = traces(owners.keys());
        Secrets { owners, seen: taken.clone(), taken, look_at: Instant::now() }
    }

    fn look(secrets: &mut Secrets) -> Touched {
        let now = traces(secrets.owners.keys());
        secrets.look(now)
    }

    #[test]
    fn a_key_that_was_replaced_is_taken_up_once_it_rests() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "one").unwrap();
        let mut secrets = secrets(&file);
        assert_eq!(look(&mut secrets), Touched::default());
        std::fs::write(&file, "another").unwrap();
        assert_eq!(look(&mut secrets), Touched::default(), "it may be still being written");
        assert!(look(&mut secrets).collectors.contains("acme"));
        assert_eq!(look(&mut secrets), Touched::default(), "it is taken up");
    }

    #[test]
    fn a_key_that_goes_away_changes_nothing_until_another_one_comes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "one").unwrap();
        let mut secrets = secrets(&file);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(look(&mut secrets), Touched::default());
        assert_eq!(look(&mut secrets), Touched::default());
        std::fs::write(&file, "another one").unwrap();
        look(&mut secrets);
        assert!(look(&mut secrets).collectors.contains("acme"));
    }
}
