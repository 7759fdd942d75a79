//! `status.json`: what the daemon is doing, for readers that must not open its store.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{board::Board, progress::RouteStatus, shutdown::Shutdown};
use crate::tables::{self, Table};

/// The file's name below the state directory.
pub const STATUS_FILE: &str = "status.json";
/// How old the file gets at most while the daemon runs.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusFile {
    /// Version of this format.
    pub version: u32,
    /// The daemon's process.
    pub pid: u32,
    /// When it was written, in Unix seconds.
    pub written: i64,
    /// The routes.
    pub routes: Vec<RouteStatus>,
    /// The backfills that this process reads or has read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backfills: Vec<RouteStatus>,
    /// By table: top-level fields that no column holds, and in how many records they were met by this process.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown_fields: BTreeMap<String, BTreeMap<String, u64>>,
}

impl StatusFile {
    /// The status of this process's routes, now.
    pub fn of(board: &Board) -> Self {
        let (backfills, routes) = board.statuses().into_iter().partition(RouteStatus::is_backfill);
        Self {
            version: 1,
            pid: std::process::id(),
            written: chrono::Utc::now().timestamp(),
            routes,
            backfills,
            unknown_fields: unknown_fields(),
        }
    }

    /// Replaces the file as a whole: a reader sees the old or the new one.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        // At once: written bit by bit, a thousand routes would be a quarter of a million calls of the system.
        file.write_all(&text)?;
        file.persist(dir.join(STATUS_FILE)).map(drop).map_err(|error| error.error)
    }

    /// The file as it lies there; `None` when there is none.
    pub fn read(dir: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(dir.join(STATUS_FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn unknown_fields() -> BTreeMap<String, BTreeMap<String, u64>> {
    let of_table =
        |table: &&Table| (table.name.to_owned(), tables::unknown_fields(table).into_iter().collect());
    tables::ALL
        .iter()
        .map(of_table)
        .filter(|(_, fields): &(String, BTreeMap<_, _>)| !fields.is_empty())
        .collect()
}

/// Writes the file at every change of a route's state and every few seconds, until the stop.
pub async fn keep_status_file(dir: PathBuf, board: Board, mut shutdown: Shutdown) {
    let mut failing = false;
    loop {
        let (status, place) = (StatusFile::of(&board), dir.clone());
        let written = tokio::task::spawn_blocking(move || status.write(&place)).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "status file cannot be written");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = shutdown.requested() => return,
            () = board.changed() => {}
            () = tokio::time::sleep(STATUS_INTERVAL) => {}
        }
    }
}
