//! Places on disk: what they take, and what is left.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    config::{NdjsonDir, SinkSettings},
    sinks::disk::free_bytes,
};

/// A file or directory with its size.
#[derive(Debug, Serialize)]
pub struct Place {
    /// As it is configured.
    pub path: PathBuf,
    /// What it takes; 0 while it is not there.
    pub bytes: u64,
    /// What is free on its disk; `None` when that cannot be found out.
    pub free_bytes: Option<u64>,
}

impl Place {
    /// A directory and everything in it.
    pub fn of_dir(path: &Path) -> Self {
        Self { path: path.to_owned(), bytes: dir_bytes(path), free_bytes: free_near(path) }
    }

    /// What a sink writes to; `None` for standard output and for what lies on another machine.
    pub fn of_sink(settings: &SinkSettings) -> Option<Self> {
        match settings {
            SinkSettings::LogsIngestion(_)
            | SinkSettings::Elasticsearch(_)
            | SinkSettings::KibanaIndex(_) => None,
            SinkSettings::Ndjson(ndjson) => match &ndjson.dir {
                NdjsonDir::Stdout => None,
                NdjsonDir::Dir(dir) => Some(Self::of_dir(dir)),
            },
            SinkSettings::Sqlite(sqlite) => {
                // SQLite keeps a log and an index of it beside the database.
                let beside = ["", "-wal", "-shm"].map(|end| {
                    let mut path = sqlite.path.clone().into_os_string();
                    path.push(end);
                    file_bytes(Path::new(&path))
                });
                Some(Self {
                    path: sqlite.path.clone(),
                    bytes: beside.iter().sum(),
                    free_bytes: free_near(&sqlite.path),
                })
            }
        }
    }
}

/// The bytes of all files below a directory; what cannot be looked at counts nothing.
pub fn dir_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    entries
        .filter_map(io::Result::ok)
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => dir_bytes(&entry.path()),
            Ok(_) | Err(_) => entry.metadata().map_or(0, |found| found.len()),
        })
        .sum()
}

fn file_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// Free space at the nearest place above that is there.
pub fn free_near(path: &Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find_map(|place| free_bytes(place).ok())
}
