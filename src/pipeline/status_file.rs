//! `status.json`: what the daemon is doing, for readers that must not open its store.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, IntoInnerError, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    progress::{Progress, RouteStatus},
    route_registry::RouteRegistry,
    shutdown::Shutdown,
};
use crate::{files, tables};

/// File name in the state directory.
pub const STATUS_FILE: &str = "status.json";
/// The longest time between two writes while the daemon runs.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// The shortest time between two writes after changes of state: when a thousand routes start, each of them
/// changes several times.
const GAP_MIN: Duration = Duration::from_millis(100);
/// Writing the file takes at most 1/n of the time.
const WRITTEN_SHARE: u32 = 200;
/// Size of one write.
const PIECE_BYTES: usize = 64 << 10;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusFile {
    /// Version of this format.
    pub version: u32,
    /// Process id of the daemon.
    pub pid: u32,
    /// When it was written, in Unix seconds.
    pub written: i64,
    /// The routes.
    pub routes: Vec<RouteStatus>,
    /// The backfills that this process reads or has read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backfills: Vec<RouteStatus>,
    /// By table: top-level fields without a column, and the number of records of this process that had them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown_fields: BTreeMap<String, BTreeMap<String, u64>>,
}

impl StatusFile {
    /// The current status of this process's routes.
    pub fn of(registry: &RouteRegistry) -> Self {
        let (backfills, routes) = registry.statuses().into_iter().partition(RouteStatus::is_backfill);
        Self {
            version: 1,
            pid: std::process::id(),
            written: chrono::Utc::now().timestamp(),
            routes,
            backfills,
            unknown_fields: unknown_fields(),
        }
    }

    /// Reads the file; `None` if it does not exist.
    pub fn read(dir: &Path) -> io::Result<Option<Self>> {
        match files::read(&dir.join(STATUS_FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Replaces the whole file, so that a reader sees the old or the new one. One line per route; lines of routes
/// that have not changed are cached.
fn write(registry: &RouteRegistry, dir: &Path) -> io::Result<()> {
    let file = tempfile::NamedTempFile::new_in(dir)?;
    // Buffered: unbuffered, a thousand routes would need many thousand system calls.
    let mut out = BufWriter::with_capacity(PIECE_BYTES, file);
    let (backfills, routes): (Vec<_>, Vec<_>) =
        registry.routes().into_iter().partition(Progress::is_backfill);
    let (pid, written) = (std::process::id(), chrono::Utc::now().timestamp());
    write!(out, "{{\"version\":1,\"pid\":{pid},\"written\":{written},\"routes\":")?;
    lines(&mut out, &routes)?;
    if !backfills.is_empty() {
        write!(out, ",\"backfills\":")?;
        lines(&mut out, &backfills)?;
    }
    let unknown_fields = unknown_fields();
    if !unknown_fields.is_empty() {
        write!(out, ",\"unknown_fields\":")?;
        serde_json::to_writer(&mut out, &unknown_fields)?;
    }
    out.write_all(b"}\n")?;
    let file = out.into_inner().map_err(IntoInnerError::into_error)?;
    file.persist(dir.join(STATUS_FILE)).map(drop).map_err(|error| error.error)
}

fn lines(out: &mut impl Write, routes: &[Progress]) -> io::Result<()> {
    for (number, route) in routes.iter().enumerate() {
        out.write_all(if number == 0 { b"[\n" } else { b",\n" })?;
        out.write_all(&route.as_json()?)?;
    }
    out.write_all(if routes.is_empty() { b"[]" } else { b"\n]" })
}

fn unknown_fields() -> BTreeMap<String, BTreeMap<String, u64>> {
    tables::all_unknown_fields()
}

/// Writes the file at every change of a route's state, every few seconds, and once more at shutdown.
pub async fn keep_status_file(dir: PathBuf, registry: RouteRegistry, mut shutdown: Shutdown) {
    let mut failing = false;
    loop {
        let is_last = shutdown.is_requested();
        let (shown, place, begun) = (registry.clone(), dir.clone(), Instant::now());
        let written = tokio::task::spawn_blocking(move || write(&shown, &place)).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "status file cannot be written");
            }
            Err(_) => {}
        }
        if is_last {
            return;
        }
        let soonest = (begun.elapsed() * WRITTEN_SHARE).clamp(GAP_MIN, STATUS_INTERVAL);
        let due = async {
            tokio::time::sleep(soonest).await;
            registry.changed().await;
        };
        tokio::select! {
            () = shutdown.requested() => {}
            () = due => {}
            () = tokio::time::sleep(STATUS_INTERVAL) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pipeline::progress::RouteState;

    fn registry() -> (RouteRegistry, Vec<Progress>) {
        let registry = RouteRegistry::default();
        let names = ["a/x", "b/x", "b/x/backfill/30d.."];
        let put = |name: &str| registry.put(RouteStatus { route: name.to_owned(), ..RouteStatus::default() });
        let routes = names.map(put).into();
        (registry, routes)
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (registry, routes) = registry();
        routes[1].update(|status| status.state = RouteState::Live);
        routes[1].count(|counters| counters.already_there = 7);
        write(&registry, dir.path()).unwrap();
        let read = StatusFile::read(dir.path()).unwrap().unwrap();
        assert_eq!(read, StatusFile { written: read.written, ..StatusFile::of(&registry) });
        assert_eq!((read.routes.len(), read.backfills.len(), read.routes[1].already_there), (2, 1, 7));
        write(&RouteRegistry::default(), dir.path()).unwrap();
        assert_eq!(StatusFile::read(dir.path()).unwrap().unwrap().routes, []);
    }

    #[test]
    fn a_route_that_waits_is_not_rendered_again() {
        let (_, routes) = registry();
        let before = routes.iter().map(|route| route.as_json().unwrap()).collect::<Vec<_>>();
        routes[0].count(|counters| counters.fetched += 1);
        let is_known =
            |(route, before): (&Progress, &Arc<[u8]>)| Arc::ptr_eq(&route.as_json().unwrap(), before);
        assert_eq!(routes.iter().zip(&before).map(is_known).collect::<Vec<_>>(), [false, true, true]);
    }
}
