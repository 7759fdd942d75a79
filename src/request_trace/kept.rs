//! Traces that must still be removed, possibly by a later start: a trace that expires within the hour must
//! not stay because the daemon ended meanwhile. They are listed in the state directory.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{files, sinks::line_file::Lock};

/// How long a trace is kept.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(3600);
/// File name of the list in the state directory.
const LIST: &str = "request-traces.json";
/// Locked while the list is changed.
const LOCK: &str = "request-traces.lock";
/// The first line has some hundred bytes.
const FIRST_LINE_BYTES_MAX: u64 = 4096;

/// The first line of a trace, which identifies it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TraceHead {
    /// Version of this format.
    pub request_trace: u32,
    /// Version of the ccfd that sent the requests.
    pub ccfd: String,
    /// When it was started.
    pub began: String,
    /// When to remove it, in Unix seconds.
    pub remove_at: i64,
}

/// A trace, and when to remove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptTrace {
    file: PathBuf,
    /// In Unix seconds.
    remove_at: i64,
}

/// All traces to remove.
pub(super) struct KeptTraces {
    list: PathBuf,
    traces: Vec<(KeptTrace, Instant)>,
}

impl KeptTraces {
    /// Reads the list. An unreadable list counts as empty.
    pub(super) fn load(state_dir: &Path, now: i64) -> Self {
        let list = state_dir.join(LIST);
        let traces = listed(&list);
        let traces = traces.into_iter().map(|trace| {
            let due = due(trace.remove_at, now);
            (trace, due)
        });
        Self { traces: traces.collect(), list }
    }

    /// Whether there are no traces to remove.
    pub(super) fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// When to remove the next one.
    pub(super) fn next(&self) -> Option<Instant> {
        self.traces.iter().map(|(_, due)| *due).min()
    }

    /// Adds a trace.
    pub(super) fn add(&mut self, file: PathBuf, remove_at: i64, now: i64) -> io::Result<()> {
        let trace = KeptTrace { file, remove_at };
        change(&self.list, |traces| traces.push(trace.clone()))?;
        self.traces.push((trace, due(remove_at, now)));
        Ok(())
    }

    /// Removes the expired ones; returns their files.
    pub(super) fn remove_due(&mut self) -> Vec<PathBuf> {
        let now = Instant::now();
        let traces = std::mem::take(&mut self.traces);
        let (gone, left): (Vec<_>, Vec<_>) = traces.into_iter().partition(|(_, due)| *due <= now);
        self.traces = left;
        if gone.is_empty() {
            return Vec::new();
        }
        for (trace, _) in &gone {
            remove(trace);
        }
        let is_gone = |trace: &KeptTrace| gone.iter().any(|(one, _)| one == trace);
        if let Err(error) = change(&self.list, |traces| traces.retain(|trace| !is_gone(trace))) {
            tracing::warn!(list = %self.list.display(), %error, "the list of request traces cannot be written");
        }
        gone.into_iter().map(|(trace, _)| trace.file).collect()
    }
}

fn listed(list: &Path) -> Vec<KeptTrace> {
    files::read(list).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Changes the list as it is now: another command may have added a trace since it was read. A separate file
/// is locked, because the list itself is replaced.
fn change(list: &Path, change: impl FnOnce(&mut Vec<KeptTrace>)) -> io::Result<()> {
    let dir = list.parent().unwrap_or(Path::new("."));
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dir.join(LOCK))?;
    let _lock = Lock::of(&lock)?;
    let mut traces = listed(list);
    change(&mut traces);
    if traces.is_empty() {
        return match fs::remove_file(list) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    serde_json::to_writer(&mut file, &traces)?;
    file.write_all(
        b"
",
    )?;
    file.persist(list).map(drop).map_err(|error| error.error)
}

/// At most an hour from now, so that a clock that jumps does not delay it.
fn due(remove_at: i64, now: i64) -> Instant {
    let left = Duration::from_secs(u64::try_from(remove_at.saturating_sub(now)).unwrap_or(0));
    Instant::now() + left.min(KEPT_FOR)
}

/// Removes a trace, but no other file that is at its path by now.
fn remove(trace: &KeptTrace) {
    let file = trace.file.display();
    if !is_still(trace) {
        tracing::debug!(%file, "the request trace no longer exists");
        return;
    }
    match fs::remove_file(&trace.file) {
        Ok(()) => tracing::info!(%file, "request trace removed"),
        Err(error) => tracing::warn!(%file, %error, "the request trace cannot be removed: remove it by hand"),
    }
}

fn is_still(trace: &KeptTrace) -> bool {
    let is_file = fs::symlink_metadata(&trace.file).is_ok_and(|found| found.is_file());
    is_file && read_head(&trace.file).is_ok_and(|head| head.remove_at == trace.remove_at)
}

fn read_head(path: &Path) -> io::Result<TraceHead> {
    let mut line = String::new();
    BufReader::new(File::open(path)?.take(FIRST_LINE_BYTES_MAX)).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(io::Error::other)
}
