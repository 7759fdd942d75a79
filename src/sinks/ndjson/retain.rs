//! Keeping the directory small: whole files that are too old, or too many, are removed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::name::{self, Name};
use crate::config::NdjsonSettings;
use crate::sinks::SinkError;
use crate::sinks::age::Age;
use crate::sinks::disk;

/// Seconds between two looks.
const EVERY: i64 = 60;

/// Remembers what to keep, and when to look again.
pub(super) struct Keeper {
    retention: Option<Duration>,
    size_max: Option<u64>,
    age: Age,
    next: i64,
    /// The last look failed, which was said.
    failing: bool,
}

impl Keeper {
    pub(super) fn new(settings: &NdjsonSettings) -> Self {
        let (retention, size_max) = (settings.retention, settings.size_max);
        Self { retention, size_max, age: Age::default(), next: 0, failing: false }
    }

    /// Removes old files, if it is time; never one of the `current` ones. A failure is logged and tried again a
    /// minute later: what was written before is safe all the same.
    pub(super) fn clear_up(&mut self, path: &Path, current: &[Name], now: i64) {
        // A clock that jumped back must not put the next look off for as long as it jumped.
        let due = now >= self.next || self.next - now > EVERY;
        if !due || (self.retention.is_none() && self.size_max.is_none()) {
            return;
        }
        self.next = now + EVERY;
        let failing = match self.remove(path, current, self.age.now(now, None)) {
            Ok(()) => false,
            Err(error) => {
                if !self.failing {
                    tracing::warn!(%error, "removing old files failed; trying again every minute");
                }
                true
            }
        };
        self.failing = failing;
    }

    fn remove(&self, path: &Path, current: &[Name], now: i64) -> Result<(), SinkError> {
        let mut files = Vec::new();
        for name in name::all(path)? {
            let file = path.join(name.text());
            let size = fs::metadata(&file).map_err(|error| disk::failed(&file, error))?.len();
            files.push((name, size));
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size)| size).sum();
        for (name, size) in files {
            let why = match () {
                () if current.contains(&name) => continue,
                () if self.too_old(name, now) => "retention",
                () if self.size_max.is_some_and(|size_max| total > size_max) => "size_max",
                () => continue,
            };
            let file = path.join(name.text());
            fs::remove_file(&file).map_err(|error| disk::failed(&file, error))?;
            total -= size;
            tracing::info!(file = %file.display(), bytes = size, why, "removed an old file");
        }
        Ok(())
    }

    /// Whether everything in the file was written longer ago than is to be kept.
    fn too_old(&self, name: Name, now: i64) -> bool {
        let Some(retention) = self.retention else {
            return false;
        };
        let ended = name.day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() + 24 * 60 * 60;
        let age = i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
        ended <= now.saturating_sub(age)
    }
}
