//! What cannot be delivered and must not be lost: one file a route, one JSON object a line. Only a person removes from
//! it, by `ccfd rejects retry` and `prune` or by moving the file away; at its bound the route parks. Copies of what was
//! delivered with fields cut lie apart, where they fill nothing.

mod cut;
pub mod kept;
mod line;
mod shared_file;
pub mod taken;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use collectors::Clock;
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task::JoinError};

use self::{cut::Cuts, shared_file::SharedFile};
use super::names::{CUT_DIR, REJECTS_DIR};
use crate::tables::{Table, iso8601};

/// What a line holds beside its record, at most: names, a time, a reason of a thousand letters.
const LINE_OVERHEAD_BYTES: u64 = 2 << 10;

/// How much one route may keep.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of what waits for a person. At this the route parks.
    pub rejects_max: u64,
    /// Bytes of copies of what was delivered with fields cut. At this the oldest go.
    pub cut_max: u64,
}

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
    #[error("{path}: full: at most {bytes_max} bytes are kept")]
    Full {
        /// The file.
        path: PathBuf,
        /// Its bound.
        bytes_max: u64,
    },
    /// Reading or writing failed.
    #[error("{path}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// The rejects of one route. Its files are made with the first of them. All clones are the same.
#[derive(Clone)]
pub struct Rejects {
    shared: Arc<Shared>,
}

struct Shared {
    file: SharedFile,
    cut: Cuts,
    route: String,
    bytes_max: u64,
    clock: Clock,
    kept: AtomicU64,
    /// The file was no larger than this when it was last looked at; only this process adds to it.
    bytes: AtomicU64,
    /// What batches on their way may come to take.
    reserved: AtomicU64,
    told_of_gone: AtomicBool,
}

/// Room in the rejects for a batch that is on its way, given back when dropped.
pub struct Reserved {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.shared.reserved.fetch_sub(self.bytes, Relaxed);
    }
}

impl Rejects {
    /// Opens the rejects of a route below a state directory (made when missing), cuts a torn last line, and counts the
    /// lines that are there. Blocks while it reads through the file.
    pub fn open(state_dir: &Path, route: &str, bounds: Bounds, clock: Clock) -> Result<Self, RejectsError> {
        let dir = state_dir.join(REJECTS_DIR);
        make_dir(&dir)?;
        let shared = Shared {
            file: SharedFile::at(dir.join(line::stem(route) + ".ndjson")),
            cut: Cuts::new(&state_dir.join(CUT_DIR), route, bounds.cut_max),
            route: route.to_owned(),
            bytes_max: bounds.rejects_max,
            clock,
            kept: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            told_of_gone: AtomicBool::new(false),
        };
        if shared.file.path().exists() {
            shared.with_file(|_| Ok(()))?;
        }
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Keeps records: returns once all of them are safe on disk, or none is kept. When the future is dropped they may
    /// be kept all the same. What a write has brought is kept whole, whatever the bound, for the sink has the rest of the
    /// batch: it would get it once more after the next start. The bound is looked at before the write, by `reserve`.
    pub async fn keep(&self, rejects: impl Into<Arc<[Reject]>>) -> Result<(), RejectsError> {
        let rejects = rejects.into();
        if rejects.is_empty() {
            return Ok(());
        }
        self.blocking(move |shared| shared.keep(&rejects)).await
    }

    /// Keeps copies of records that were delivered with fields cut, once all of them are safe on disk; answers how many
    /// copies have gone for them.
    pub async fn keep_cut(&self, copies: Arc<[Reject]>) -> Result<u64, RejectsError> {
        if copies.is_empty() {
            return Ok(0);
        }
        let keep = move |shared: &Shared| {
            let time = iso8601(shared.clock.now());
            shared.cut.keep(&copies, time.as_str(), &shared.route)
        };
        self.blocking(keep).await
    }

    /// Makes sure, before a batch is written, that there is room for those of its records which no sink sees, and for
    /// those that the sink may refuse. A batch may be larger than small rejects are; an eighth of them is enough. So they
    /// may come to hold what the batches on their way bring on top of their bound.
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
        self.shared.kept.load(Relaxed)
    }

    /// The file of what waits for a person, whether it is there yet or not.
    pub fn path(&self) -> &Path {
        self.shared.file.path()
    }

    /// Whether this was asked before, which is once copies have gone.
    pub fn told_of_gone(&self) -> bool {
        self.shared.told_of_gone.swap(true, Relaxed)
    }

    /// Where copies are of what was delivered with fields cut.
    pub fn cut_path(&self) -> &Path {
        self.shared.cut.path()
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
    /// Appends a line for each record.
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

    /// Fails when there is no room for these and so many bytes more.
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

    fn lines<'a>(&'a self, rejects: &'a [Reject], time: &'a str) -> Result<line::Lines<'a>, RejectsError> {
        line::Lines::of(rejects, time, &self.route)
            .map_err(|source| RejectsError::Io { path: self.file.path().to_owned(), source })
    }

    /// Works on the file, and takes up what it holds afterwards.
    fn with_file<T>(
        &self,
        work: impl FnOnce(&mut shared_file::Open) -> io::Result<T>,
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
