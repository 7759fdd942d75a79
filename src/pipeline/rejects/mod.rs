//! Records that cannot be delivered but must not be lost: one file per route, one JSON object per line. Lines
//! are removed only by an operator, with `ccfd rejects retry` and `prune` or by moving the file away; when
//! the limit is reached the route parks. Copies of records delivered with fields cut are stored separately
//! and do not count.

mod cut;
pub mod kept;
mod line;
mod shared_file;
pub mod taken;

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use collectors::Clock;
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task::JoinError};

use self::{cut::Cuts, shared_file::SharedFile};
use super::names::{CUT_DIR, REJECTS_DIR};
use crate::{
    tables::{Table, iso8601},
    units::size,
};

/// The most that a line contains besides its record: names, a time, a reason of a thousand characters.
const LINE_OVERHEAD_BYTES: u64 = 2 << 10;

/// The disk space of one route.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of rejects. When it is reached the route parks.
    pub rejects_max: u64,
    /// Bytes of copies of records delivered with fields cut. When it is reached the oldest are removed.
    pub cut_max: u64,
}

/// Which side of the pipeline a record failed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It has no usable id or time.
    Source,
    /// The destination will never take it.
    Sink,
}

/// A record to save.
#[derive(Clone)]
pub struct Reject {
    /// The collector that read it.
    pub connector: Arc<str>,
    /// The table it was meant for.
    pub table: Arc<Table>,
    /// Where it failed.
    pub side: Side,
    /// A fixed word for the reason, for metrics.
    pub kind: &'static str,
    /// The full reason. May contain content, so it is written to the file only.
    pub reason: String,
    /// The record as received.
    pub record: Bytes,
}

/// Why rejects could not be saved. None of them counts as saved.
#[derive(Debug, thiserror::Error)]
pub enum RejectsError {
    /// The file would exceed its limit.
    #[error("{path}: full, at most {} may be kept", size(*bytes_max))]
    Full {
        /// The file.
        path: PathBuf,
        /// Its limit.
        bytes_max: u64,
    },
    /// Reading or writing failed.
    #[error("{path}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// The rejects of one route. Files are created with the first record. All clones share them.
#[derive(Clone)]
pub struct Rejects {
    shared: Arc<RejectsState>,
}

struct RejectsState {
    file: SharedFile,
    cut: Cuts,
    route: String,
    bytes_max: u64,
    clock: Clock,
    kept: AtomicU64,
    /// Size of the file when last checked, or more; only this process adds to it.
    bytes: AtomicU64,
    /// Bytes that batches in flight may add.
    reserved: AtomicU64,
    has_logged_removal: AtomicBool,
}

/// Space reserved for a batch in flight, released on drop.
pub struct Reserved {
    shared: Arc<RejectsState>,
    bytes: u64,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.shared.reserved.fetch_sub(self.bytes, Relaxed);
    }
}

impl Rejects {
    /// Opens the rejects of a route below a state directory (created if missing), truncates a torn last line,
    /// and counts the lines. Blocks while it reads the file.
    pub fn open(state_dir: &Path, route: &str, bounds: Bounds, clock: Clock) -> Result<Self, RejectsError> {
        let dir = state_dir.join(REJECTS_DIR);
        make_dir(&dir)?;
        let shared = RejectsState {
            file: SharedFile::at(dir.join(line::stem(route) + ".ndjson")),
            cut: Cuts::new(&state_dir.join(CUT_DIR), route, bounds.cut_max),
            route: route.to_owned(),
            bytes_max: bounds.rejects_max,
            clock,
            kept: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            has_logged_removal: AtomicBool::new(false),
        };
        if shared.file.path().exists() {
            shared.with_file(|_| Ok(()))?;
        }
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Saves records: returns once all of them are durable, or none is saved. If the future is dropped they
    /// may be saved all the same. The result of a write is saved whole, whatever the limit, because the sink
    /// has the rest of the batch and would get it again after a restart. `reserve` checks the limit before
    /// the write.
    pub async fn keep(&self, rejects: impl Into<Arc<[Reject]>>) -> Result<(), RejectsError> {
        let rejects = rejects.into();
        if rejects.is_empty() {
            return Ok(());
        }
        self.blocking(move |shared| shared.keep(&rejects)).await
    }

    /// Saves copies of records that were delivered with fields cut, and returns once they are durable: how
    /// many older copies were removed.
    pub async fn keep_cut(&self, copies: Arc<[Reject]>) -> Result<u64, RejectsError> {
        if copies.is_empty() {
            return Ok(0);
        }
        let keep = move |shared: &RejectsState| {
            let time = iso8601(shared.clock.now());
            shared.cut.keep(&copies, time.as_str(), &shared.route)
        };
        self.blocking(keep).await
    }

    /// Checks, before a batch is written, that there is space for those of its records that no sink sees, and
    /// for those that the sink may refuse. A batch may be larger than a small limit; an eighth of the limit
    /// is enough. So the rejects may exceed their limit by what the batches in flight add.
    pub async fn reserve(
        &self,
        unusable: Arc<[Reject]>,
        count: usize,
        bytes: usize,
    ) -> Result<Reserved, RejectsError> {
        let overhead = LINE_OVERHEAD_BYTES * (count + unusable.len()) as u64;
        let unusable_bytes: usize = unusable.iter().map(|reject| reject.record.len()).sum();
        let wanted = overhead + bytes as u64;
        let shared = &self.shared;
        let on_their_way = shared.reserved.fetch_add(wanted, Relaxed);
        let reserved = Reserved { shared: shared.clone(), bytes: wanted };
        let all = on_their_way + wanted + 6 * unusable_bytes as u64;
        if shared.bytes.load(Relaxed) + all <= shared.bytes_max {
            return Ok(reserved);
        }
        let open = (on_their_way + wanted).min(shared.bytes_max / 8);
        self.blocking(move |shared| shared.ensure_room(&unusable, open)).await?;
        Ok(reserved)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&RejectsState) -> Result<T, RejectsError> + Send + 'static,
    ) -> Result<T, RejectsError> {
        let shared = Arc::clone(&self.shared);
        let done = work_aside(move || work(&shared)).await;
        done.unwrap_or_else(|stopped| {
            Err(RejectsError::Io { path: self.path().to_owned(), source: io::Error::other(stopped) })
        })
    }

    /// How many records the file contains.
    pub fn kept(&self) -> u64 {
        self.shared.kept.load(Relaxed)
    }

    /// Path of the rejects file, which may not exist yet.
    pub fn path(&self) -> &Path {
        self.shared.file.path()
    }

    /// True from the second call on: the caller logs removed copies once.
    pub fn has_logged_removal(&self) -> bool {
        self.shared.has_logged_removal.swap(true, Relaxed)
    }

    /// Path of the copies of records delivered with fields cut.
    pub fn cut_path(&self) -> &Path {
        self.shared.cut.path()
    }
}

/// How many rejects files of all routes are used concurrently. They are on one disk, and a disk that hangs
/// must not occupy all blocking threads, which others use too.
const AT_ONCE_MAX: usize = 4;

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE_MAX);

/// Runs work on rejects off the async threads.
pub async fn work_aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let place = PLACES.acquire().await;
    tokio::task::spawn_blocking(move || {
        // Released when the work is done, even if the caller no longer waits.
        let _place = place;
        work()
    })
    .await
}

impl RejectsState {
    /// Appends one line per record.
    fn keep(&self, rejects: &[Reject]) -> Result<(), RejectsError> {
        let time = iso8601(self.clock.now());
        let lines = self.lines(rejects, time.as_str())?;
        self.with_file(|open| {
            let before = open.file.size();
            open.file.append(|out| lines.write_to(0..rejects.len(), out))?;
            open.lines += rejects.len() as u64;
            let warned_at = self.bytes_max / 4 * 3;
            if before < warned_at && open.file.size() >= warned_at {
                let (file, bytes_max) = (self.file.path().display(), self.bytes_max);
                tracing::warn!(%file, bytes_max, "rejects are three quarters full; see `ccfd rejects list`");
            }
            Ok(())
        })
    }

    /// Fails if there is no space for these and `more` bytes.
    fn ensure_room(&self, rejects: &[Reject], more: u64) -> Result<(), RejectsError> {
        let time = iso8601(self.clock.now());
        let lines = self.lines(rejects, time.as_str())?;
        if rejects.is_empty() && !self.file.path().exists() {
            self.bytes.store(0, Relaxed);
            return Ok(());
        }
        let wanted = lines.bytes().iter().sum::<u64>() + more;
        let size = self.with_file(|open| Ok(open.file.size()))?;
        if size.saturating_add(wanted) <= self.bytes_max {
            return Ok(());
        }
        Err(RejectsError::Full { path: self.file.path().to_owned(), bytes_max: self.bytes_max })
    }

    fn lines<'a>(
        &'a self,
        rejects: &'a [Reject],
        time: &'a str,
    ) -> Result<line::RejectLines<'a>, RejectsError> {
        line::RejectLines::of(rejects, time, &self.route)
            .map_err(|source| RejectsError::Io { path: self.file.path().to_owned(), source })
    }

    /// Uses the file, and updates the size and count afterwards.
    fn with_file<T>(
        &self,
        work: impl FnOnce(&mut shared_file::OpenFile) -> io::Result<T>,
    ) -> Result<T, RejectsError> {
        self.file.with(|open| {
            let worked = work(open);
            self.kept.store(open.lines, Relaxed);
            self.bytes.store(open.file.size(), Relaxed);
            worked
        })
    }
}

fn make_dir(dir: &Path) -> Result<(), RejectsError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| RejectsError::Io { path: dir.to_owned(), source })
}

#[cfg(test)]
mod tests;
