//! What cannot be delivered and must not be lost: one file a route, one JSON object a line. Only a person removes from
//! it, by `ccfd rejects retry` or by moving the file away; at its bound the route parks.

pub mod kept;

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use collectors::Clock;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::{sync::Semaphore, task::JoinError};

use crate::sinks::line_file::{LineFile, Lock};
use crate::tables::{Table, iso8601, one_line};

/// Bytes that the rejects of one route may take unless the caller says otherwise: 1 GiB.
pub const BYTES_MAX: u64 = 1 << 30;

/// Which side of the pipeline a record failed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It came without usable id or time.
    Source,
    /// The destination will never take it.
    Sink,
}

/// One record to be kept.
#[derive(Clone)]
pub struct Reject {
    /// The collector that read it.
    pub connector: Arc<str>,
    /// The table it was meant for.
    pub table: &'static Table,
    /// Where it failed.
    pub side: Side,
    /// A fixed word for the reason, to count by.
    pub kind: &'static str,
    /// The reason in full. May repeat content, so it goes into the file and nowhere else.
    pub reason: String,
    /// The record as received.
    pub record: Bytes,
}

/// Why rejects could not be kept. None of them counts as kept.
#[derive(Debug, thiserror::Error)]
pub enum RejectsError {
    /// The file would grow beyond its bound.
    #[error("{path}: full: it may take {bytes_max} bytes")]
    Full {
        /// The file.
        path: PathBuf,
        /// Its bound.
        bytes_max: u64,
    },
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// The rejects of one route. Its file is made with the first of them.
pub struct Rejects {
    shared: Arc<Shared>,
    kept: u64,
}

struct Shared {
    path: PathBuf,
    route: String,
    bytes_max: u64,
    clock: Clock,
    open: Mutex<Option<Open>>,
}

struct Open {
    file: LineFile,
    lines: u64,
}

impl Rejects {
    /// Opens the rejects of a route below `dir` (made when missing), cuts a torn last line, and counts the lines that
    /// are there. Blocks while it reads through the file.
    pub fn open(dir: &Path, route: &str, bytes_max: u64, clock: Clock) -> Result<Self, RejectsError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|source| RejectsError::Io { path: dir.to_owned(), source })?;
        let shared = Shared {
            path: dir.join(file_name(route)),
            route: route.to_owned(),
            bytes_max,
            clock,
            open: Mutex::default(),
        };
        let kept = if shared.path.exists() { shared.with_file(|open| Ok(open.lines))? } else { 0 };
        Ok(Self { shared: Arc::new(shared), kept })
    }

    /// Keeps records: returns once all of them are safe on disk, or none is kept. When the future is dropped they may
    /// be kept all the same.
    pub async fn keep(&mut self, rejects: Vec<Reject>) -> Result<(), RejectsError> {
        if !rejects.is_empty() {
            self.kept = self.blocking(move |shared| shared.keep(&rejects)).await?;
        }
        Ok(())
    }

    /// Fails when there is no place for these, so that a batch need not be written of which not all can be kept.
    pub async fn ensure_room(&self, rejects: Vec<Reject>) -> Result<(), RejectsError> {
        if rejects.is_empty() {
            return Ok(());
        }
        self.blocking(move |shared| {
            let lines = shared.lines(&rejects)?;
            shared.with_room(&lines, |_| Ok(()))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, RejectsError> + Send + 'static,
    ) -> Result<T, RejectsError> {
        let shared = Arc::clone(&self.shared);
        let done = work_aside(move || work(&shared)).await;
        done.unwrap_or_else(|stopped| {
            Err(RejectsError::Io { path: self.path().to_owned(), source: io::Error::other(stopped) })
        })
    }

    /// How many records the file holds.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// The file, whether it is there yet or not.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }
}

/// Of all routes together, the files of rejects that are worked on at the same time. They lie on one disk, and one that is stuck must
/// not take all the threads on which others wait, too.
const AT_ONCE_MAX: usize = 4;

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE_MAX);

/// Does work on the rejects off the async threads.
pub async fn work_aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let place = PLACES.acquire().await;
    tokio::task::spawn_blocking(move || {
        // Given back when the work is done, also when nobody waits for it any more.
        let _place = place;
        work()
    })
    .await
}

impl Shared {
    /// Appends a line for each record; answers how many lines there are now.
    fn keep(&self, rejects: &[Reject]) -> Result<u64, RejectsError> {
        let lines = self.lines(rejects)?;
        self.with_room(&lines, |open| {
            let before = open.file.size();
            open.file.append(|out| out.write_all(&lines))?;
            open.lines += rejects.len() as u64;
            let warned_at = self.bytes_max / 4 * 3;
            if before < warned_at && open.file.size() >= warned_at {
                let (file, bytes_max) = (self.path.display(), self.bytes_max);
                tracing::warn!(%file, bytes_max, "rejects are three quarters full; see `ccfd rejects list`");
            }
            Ok(open.lines)
        })
    }

    fn lines(&self, rejects: &[Reject]) -> Result<Vec<u8>, RejectsError> {
        let time = iso8601(self.clock.now());
        let mut lines = Vec::new();
        for reject in rejects {
            line(&mut lines, time.as_str(), &self.route, reject)
                .map_err(|source| RejectsError::Io { path: self.path.clone(), source })?;
        }
        Ok(lines)
    }

    /// Works on the file if these lines do not lead beyond its bound.
    fn with_room<T>(
        &self,
        lines: &[u8],
        work: impl FnOnce(&mut Open) -> io::Result<T>,
    ) -> Result<T, RejectsError> {
        self.with_file(|open| {
            let size = open.file.size().saturating_add(lines.len() as u64);
            (size <= self.bytes_max).then(|| work(open)).transpose()
        })?
        .ok_or_else(|| RejectsError::Full { path: self.path.clone(), bytes_max: self.bytes_max })
    }

    /// Works on the file, opened if need be, or when it was moved away or rewritten: that is how a person empties it.
    fn with_file<T>(&self, work: impl FnOnce(&mut Open) -> io::Result<T>) -> Result<T, RejectsError> {
        let mut held = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let worked = self.in_place(&mut held).and_then(|(open, _lock)| work(open));
        worked.map_err(|source| RejectsError::Io { path: self.path.clone(), source })
    }

    /// The file that stands at the path, locked so that it stays there.
    fn in_place<'h>(&self, held: &'h mut Option<Open>) -> io::Result<(&'h mut Open, Lock)> {
        let mut open = held.take();
        loop {
            let next = match open.take() {
                Some(open) => open,
                None => Open::at(&self.path)?,
            };
            let lock = next.file.lock()?;
            if next.file.in_place() {
                return Ok((held.insert(next), lock));
            }
        }
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let file = LineFile::open(path)?;
        let lines = file.count_lines()?;
        Ok(Self { file, lines })
    }
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    route: &'a str,
    connector: &'a str,
    table: &'a str,
    side: Side,
    kind: &'a str,
    reason: &'a str,
    record: Embedded<'a>,
}

/// The record: as it is when it is JSON, or else as a string.
#[derive(Serialize)]
#[serde(untagged)]
enum Embedded<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

fn line(lines: &mut Vec<u8>, time: &str, route: &str, reject: &Reject) -> io::Result<()> {
    let record = one_line(&reject.record);
    let lossy = String::from_utf8_lossy(&record);
    let line = Line {
        time,
        route,
        connector: &reject.connector,
        table: reject.table.name,
        side: reject.side,
        kind: reject.kind,
        reason: &reject.reason,
        record: serde_json::from_slice(&record).map_or(Embedded::Text(&lossy), Embedded::Json),
    };
    serde_json::to_writer(&mut *lines, &line)?;
    lines.write_all(b"\n")
}

/// The name of a route's file: `/` becomes `+`, and what is not plain becomes `%` and two digits a byte, so that no
/// two routes share a file and none leaves the directory.
fn file_name(route: &str) -> String {
    let mut name = String::with_capacity(route.len() + 7);
    for byte in route.bytes() {
        match byte {
            b'/' => name.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name + ".ndjson"
}

#[cfg(test)]
mod tests;
