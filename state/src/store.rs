//! The store as callers see it: one directory, one writer, its work done off the async threads.

use std::{
    fmt, fs, io, mem,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    CursorStore, Recovery, StateError,
    engine::{Engine, Fault},
    files,
    holder::Held,
    open::{self, Sound},
    sidecar::{self, Heads},
    worker::Worker,
};

/// The bound of every operation: a disk that takes longer is as good as gone.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How far the copy of the heads may lag behind the store.
const COPY_INTERVAL: Duration = Duration::from_secs(5);

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long to wait for another process that has the directory open.
    pub lock_wait: Duration,
    /// What other processes are told about who has it open, such as `ccfd run`.
    pub holder: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { lock_wait: Duration::from_secs(5), holder: "ccfd".to_owned() }
    }
}

/// A store that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// What had to be done to open it; `None` when all was as it was left.
    pub recovery: Option<Recovery>,
}

/// Named checkpoints in one directory. Cheap to clone; all clones are the one store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// What all clones share.
pub(crate) struct Shared {
    dir: PathBuf,
    worker: Worker,
    inner: Mutex<Inner>,
    /// The heads that are durable. Its lock is held for moments only, never across a disk access.
    heads: Mutex<Heads>,
    /// The last copy failed, which was said.
    copy_failing: AtomicBool,
}

/// What one operation at a time may use.
pub(crate) struct Inner {
    dir: PathBuf,
    engine: State,
    copied: Option<Instant>,
    copy_due: bool,
    // Dropped after the engine: the next process must not be let in before sled has ended.
    held: Option<Held>,
}

enum State {
    Open(Engine),
    /// Put down after the operating system refused a write, which sled never forgets; opened again at next
    /// use.
    Down,
    Closed,
}

impl Store {
    /// Opens the store in `dir`, creating both if there is nothing yet. Blocks the thread.
    pub fn open(dir: &Path, options: Options) -> Result<Opened, StateError> {
        files::create_dir(dir)?;
        let held = Held::take(dir, &options.holder, options.lock_wait)?;
        let Sound { engine, heads, recovery } = open::open(dir)?;
        // What was just verified is the best copy there is.
        sidecar::write(dir, &heads)?;
        let inner = Inner {
            dir: dir.to_owned(),
            engine: State::Open(engine),
            copied: None,
            copy_due: false,
            held: Some(held),
        };
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            worker: Worker::start().map_err(StateError::io("the thread of the checkpoint store"))?,
            inner: Mutex::new(inner),
            heads: Mutex::new(heads),
            copy_failing: AtomicBool::new(false),
        });
        Ok(Opened { store: Self { shared }, recovery })
    }

    /// The names of all stored checkpoints, in order.
    pub fn names(&self) -> Result<Vec<String>, StateError> {
        Ok(self.shared.lock_heads()?.keys().cloned().collect())
    }

    /// Access to checkpoint `name`, which may or may not exist. Nothing is read yet.
    pub fn cursor<C>(&self, name: &str) -> CursorStore<C> {
        CursorStore::new(self.shared.clone(), name)
    }

    /// Brings the copy of the heads up to date, closes sled and releases the lock. Every other clone, and
    /// every cursor of this store, answers [`StateError::Closed`] from then on.
    pub async fn close(self) -> Result<(), StateError> {
        let shared = self.shared.clone();
        self.shared
            .blocking("closing the checkpoint store", move |inner| {
                inner.copy(&shared)?;
                inner.engine = State::Closed;
                inner.held = None;
                Ok(())
            })
            .await
    }

    /// The bytes that the store and its copy take on disk, damaged ones kept aside not counted.
    pub fn size_bytes(&self) -> Result<u64, StateError> {
        let size = || -> io::Result<u64> {
            let copy = sidecar::path_in(&self.shared.dir);
            let copy_bytes = if copy.exists() { fs::metadata(copy)?.len() } else { 0 };
            Ok(copy_bytes + files_bytes(&open::sled_dir(&self.shared.dir))?)
        };
        size().map_err(StateError::io(self.shared.dir.display().to_string()))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Store").field("dir", &self.shared.dir).finish_non_exhaustive()
    }
}

impl Shared {
    /// Runs `step` on the thread of the store, within the time bound. sled's panics end here as
    /// errors: they poison the lock, and all that comes later is told that the store is damaged.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        step: impl FnOnce(&mut Inner) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let (outer, shared) = (self.clone(), self.clone());
        let work = move || {
            let mut inner = shared.inner.lock().map_err(|_| broke_before())?;
            step(&mut inner)
        };
        let task = tokio::task::spawn_blocking(move || outer.worker.run(work));
        match tokio::time::timeout(TIMEOUT, task).await {
            Ok(Ok(Ok(done))) => done,
            Ok(Ok(Err(panic))) => Err(StateError::Damaged(open::panic_text(panic.as_ref()))),
            Ok(Err(_)) => Err(StateError::Closed),
            Err(_) => Err(StateError::TimedOut { what, after: TIMEOUT }),
        }
    }

    pub(crate) fn lock_heads(&self) -> Result<std::sync::MutexGuard<'_, Heads>, StateError> {
        self.heads.lock().map_err(|_| broke_before())
    }

    /// Writes the copy once it is due. It waits beside the commits, so that none of them pays for it, and it
    /// does not keep the store open.
    pub(crate) fn copy_after(self: &Arc<Self>, wait: Duration) {
        let shared: Weak<Self> = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(shared) = shared.upgrade() {
                tokio::task::spawn_blocking(move || {
                    let worked_on = shared.clone();
                    shared.worker.run(move || worked_on.copy_now())
                });
            }
        });
    }

    fn copy_now(&self) {
        let inner = self.inner.lock().map_err(|_| broke_before());
        match inner.and_then(|mut inner| inner.copy(self)) {
            Ok(()) => self.copy_failing.store(false, Ordering::Relaxed),
            Err(StateError::Closed) => {}
            Err(error) => {
                if !self.copy_failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %error,
                        "the copy of the checkpoints cannot be written, trying again: check space and permissions"
                    );
                }
            }
        }
    }
}

impl Inner {
    /// Takes one step with sled, opening it again if it had to be put down.
    pub(crate) fn with_engine<T>(
        &mut self,
        shared: &Shared,
        step: impl FnOnce(&mut Engine) -> Result<T, Fault>,
    ) -> Result<T, StateError> {
        if let State::Down = self.engine {
            let Sound { engine, heads, .. } = open::reopen(&shared.dir)?;
            *shared.lock_heads()? = heads;
            self.engine = State::Open(engine);
        }
        let engine = match &mut self.engine {
            State::Open(engine) => engine,
            State::Down | State::Closed => return Err(StateError::Closed),
        };
        step(engine).map_err(|fault| {
            drop(mem::replace(&mut self.engine, State::Down));
            match fault {
                Fault::Io(source) => StateError::Io { what: "the checkpoint store".to_owned(), source },
                Fault::Damaged(reason) | Fault::Foreign(reason) => StateError::Damaged(reason),
                Fault::Locked { .. } => StateError::Damaged("sled lost its lock".to_owned()),
            }
        })
    }

    /// Says in how long the copy is to be written after a change; `None` if that is under way.
    pub(crate) fn copy_due(&mut self) -> Option<Duration> {
        if mem::replace(&mut self.copy_due, true) {
            return None;
        }
        let due = self.copied.map_or_else(Instant::now, |copied| copied + COPY_INTERVAL);
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Writes the copy of the heads now.
    pub(crate) fn copy(&mut self, shared: &Shared) -> Result<(), StateError> {
        let heads = shared.lock_heads()?.clone();
        self.copy_of(&heads)
    }

    /// Writes `heads` as the copy now.
    pub(crate) fn copy_of(&mut self, heads: &Heads) -> Result<(), StateError> {
        if let State::Closed = self.engine {
            return Err(StateError::Closed);
        }
        self.copy_due = false;
        self.copied = Some(Instant::now());
        sidecar::write(&self.dir, heads)
    }
}

fn broke_before() -> StateError {
    StateError::Damaged("an earlier operation broke down".to_owned())
}

fn files_bytes(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { files_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
