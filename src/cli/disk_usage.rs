//! Places on disk: what they take, and what is left.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use url::Url;

use crate::{
    config::{SinkPlace, SinkSettings},
    sinks::disk::free_bytes,
};

/// A file or directory with its size.
#[derive(Debug, Clone, Serialize)]
pub struct DiskUsage {
    /// As it is configured.
    pub path: PathBuf,
    /// What it takes; 0 while it is not there.
    pub bytes: u64,
    /// What is free on its disk; `None` when that cannot be found out.
    pub free_bytes: Option<u64>,
}

impl DiskUsage {
    /// A directory and everything in it.
    pub fn of_dir(path: &Path) -> Self {
        Self { path: path.to_owned(), bytes: dir_bytes(path), free_bytes: free_near(path) }
    }

    /// A database, with the log and the index that SQLite keeps beside it.
    fn of_database(path: &Path) -> Self {
        let files = ["", "-wal", "-shm"].map(|end| {
            let mut path = path.as_os_str().to_owned();
            path.push(end);
            file_bytes(Path::new(&path))
        });
        Self { path: path.to_owned(), bytes: files.iter().sum(), free_bytes: free_near(path) }
    }
}

/// Where a sink writes to.
#[derive(Debug)]
pub enum Destination {
    /// A file or directory of this machine.
    Disk(DiskUsage),
    /// The standard output of the daemon.
    StandardOutput,
    /// A service, by the addresses of the configuration.
    Service(Vec<String>),
}

impl Destination {
    /// What the settings of a sink name.
    pub fn of(settings: &SinkSettings) -> Self {
        match settings.place() {
            SinkPlace::Database(path) | SinkPlace::Alerts(path) => Self::Disk(DiskUsage::of_database(path)),
            SinkPlace::Dir(path) => Self::Disk(DiskUsage::of_dir(path)),
            SinkPlace::StandardOutput => Self::StandardOutput,
            SinkPlace::Service(urls) => Self::Service(urls.into_iter().map(Url::to_string).collect()),
        }
    }

    /// The file or directory, if it is one.
    pub fn place(&self) -> Option<&DiskUsage> {
        match self {
            Self::Disk(place) => Some(place),
            Self::StandardOutput | Self::Service(_) => None,
        }
    }

    /// The addresses of a service; empty for what is on this machine.
    pub fn addresses(&self) -> &[String] {
        match self {
            Self::Service(addresses) => addresses,
            Self::Disk(_) | Self::StandardOutput => &[],
        }
    }
}

/// `place` is null unless it is on disk; `addresses` is empty unless it is a service.
impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_map(Some(2))?;
        fields.serialize_entry("place", &self.place())?;
        fields.serialize_entry("addresses", self.addresses())?;
        fields.end()
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
