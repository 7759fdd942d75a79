//! Keeps the directory small: removes whole files that are too old, or too many.

use std::{fs, path::Path, time::Duration};

use super::name::{self, FileName};
use crate::{
    config::NdjsonSettings,
    reasons::with_reasons,
    sinks::{SinkError, age::Age, disk, upkeep::Looks},
    tables::Tables,
};

/// Remembers what to keep, and when to check again.
pub(super) struct FileRetention {
    retention: Option<Duration>,
    size_max: Option<u64>,
    tables: Tables,
    age: Age,
    looks: Looks,
}

impl FileRetention {
    pub(super) fn new(settings: &NdjsonSettings) -> Self {
        let (retention, size_max) = (settings.retention, settings.size_max);
        let tables = settings.tables.clone();
        Self { retention, size_max, tables, age: Age::default(), looks: Looks::default() }
    }

    /// Removes old files, if it is time. A failure is logged and retried a minute later: what was written
    /// before is safe anyway.
    pub(super) fn clear_up(&mut self, path: &Path, current: &[FileName], now: i64) {
        if !self.looks.is_due(now) || (self.retention.is_none() && self.size_max.is_none()) {
            return;
        }
        match self.remove(path, current, now) {
            Ok(()) => self.looks.done(now, false),
            Err(error) => {
                if self.looks.failed(now) {
                    tracing::warn!(
                        error = with_reasons(&error),
                        "removing old files failed; trying again every minute"
                    );
                }
            }
        }
    }

    /// Files that are too old; and of those that are too many never one of the `current` ones.
    fn remove(&self, path: &Path, current: &[FileName], now: i64) -> Result<(), SinkError> {
        let mut files = Vec::new();
        for name in name::all(path, &self.tables)? {
            let file = path.join(name.text());
            let size = fs::metadata(&file).map_err(|error| disk::failed(&file, error))?.len();
            files.push((name, size));
        }
        files.sort();
        let newest = files.last().map(|(name, _)| ended(name));
        let now = self.age.now(now, newest);
        let mut total: u64 = files.iter().map(|(_, size)| size).sum();
        for (name, size) in files {
            let why = match () {
                () if self.too_old(&name, now) => "retention",
                () if current.contains(&name) => continue,
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

    /// Whether everything in the file is older than the retention.
    fn too_old(&self, name: &FileName, now: i64) -> bool {
        let Some(retention) = self.retention else {
            return false;
        };
        let age = i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
        ended(name) <= now.saturating_sub(age)
    }
}

/// The end of a file's day, in Unix seconds.
fn ended(name: &FileName) -> i64 {
    name.day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() + 24 * 60 * 60
}
