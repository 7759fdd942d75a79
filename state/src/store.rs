//! The store's public interface: one directory, one writer, blocking work off the async threads.

use std::{
    error::Error as _,
    fmt, fs, io, mem,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{
    CursorStore, Recovery, StateError,
    engine::{Engine, EngineFault},
    files,
    group::CommitQueue,
    holder::LockGuard,
    open::{self, Sound},
    sidecar::{self, StoredHeads},
    worker::Worker,
};

/// Timeout of every operation: a slower disk counts as failed.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How old the copy of the heads may become.
const COPY_INTERVAL: Duration = Duration::from_secs(5);

/// How to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// How long to wait for another process that has the directory open.
    pub lock_wait: Duration,
    /// Who has the store open, as shown to other processes, such as `ccfd run`.
    pub holder: String,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { lock_wait: Duration::from_secs(5), holder: "ccfd".to_owned() }
    }
}

/// The result of [`Store::open`].
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// What was done to open a damaged store; `None` if it was sound.
    pub recovery: Option<Recovery>,
}

/// Named checkpoints in one directory. Cheap to clone; all clones share one store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<StoreState>,
}

/// State shared by all clones.
pub(crate) struct StoreState {
    dir: PathBuf,
    worker: Worker,
    /// Admits one operation at a time to the blocking threads, which others use too: a disk that hangs must
    /// not occupy all of them.
    turn: Arc<Semaphore>,
    /// Commits that wait for their turn.
    pub(crate) commits: CommitQueue,
    /// Number of finished operations.
    done: AtomicU64,
    inner: Mutex<Inner>,
    /// The durable heads. The lock is never held across a disk access.
    heads: Mutex<StoredHeads>,
    /// Whether the last copy failed and this was logged.
    copy_failing: AtomicBool,
    /// Whether a copy is scheduled.
    copy_waits: AtomicBool,
    /// Released when the store and all other owners are gone: the next process must not get in before sled
    /// has finished.
    held: Mutex<Option<Arc<LockGuard>>>,
}

/// What one operation at a time may use.
pub(crate) struct Inner {
    dir: PathBuf,
    engine: State,
    copied: Option<Instant>,
}

enum State {
    Open(Engine),
    /// Closed after the operating system refused a write, because sled keeps failing after that; reopened at
    /// the next use.
    Down,
    Closed,
}

impl Store {
    /// Opens the store in `dir`, creating both if missing. Blocks the thread.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Opened, StateError> {
        files::create_dir(dir)?;
        let held = LockGuard::take(dir, &options.holder, options.lock_wait)?;
        let Sound { engine, heads, recovery } = open::open(dir)?;
        // The content was just verified, so it is the best copy there is.
        sidecar::write(dir, &sidecar::document(&heads))?;
        let engine = State::Open(engine);
        let inner = Inner { dir: dir.to_owned(), engine, copied: None };
        let shared = Arc::new(StoreState {
            dir: dir.to_owned(),
            worker: Worker::start().map_err(StateError::io("the thread of the checkpoint store"))?,
            turn: Arc::new(Semaphore::new(1)),
            commits: CommitQueue::default(),
            done: AtomicU64::new(0),
            inner: Mutex::new(inner),
            heads: Mutex::new(heads),
            copy_failing: AtomicBool::new(false),
            copy_waits: AtomicBool::new(false),
            held: Mutex::new(Some(Arc::new(held))),
        });
        Ok(Opened { store: Self { shared }, recovery })
    }

    /// The names of all stored checkpoints, sorted.
    pub fn names(&self) -> Result<Vec<String>, StateError> {
        Ok(self.shared.lock_heads()?.keys().cloned().collect())
    }

    /// Whether this checkpoint exists.
    pub fn contains(&self, name: &str) -> Result<bool, StateError> {
        Ok(self.shared.lock_heads()?.contains_key(name))
    }

    /// How often something was written since the store was opened: fewer times than there were commits, where several
    /// waited for the disk together. Waits for the operation that is under way.
    pub async fn writes(&self) -> Result<u64, StateError> {
        let shared = self.shared.clone();
        let step = move |inner: &mut Inner| inner.with_engine(&shared, |engine| Ok(engine.writes()));
        self.shared.blocking("counting writes", step).await
    }

    /// Keeps the lock of the directory until the process exits, even after the store is closed: other work on
    /// the directory may hang in a write, and ends only with the process.
    pub fn hold_until_exit(&self) {
        // The kernel releases it.
        mem::forget(self.shared.lock_held().clone());
    }

    /// A handle to checkpoint `name`, which may or may not exist. Nothing is read yet.
    pub fn cursor<C>(&self, name: &str) -> CursorStore<C> {
        CursorStore::new(self.shared.clone(), name)
    }

    /// Writes the copy of the heads, closes sled and releases the lock. All other clones and all cursors of
    /// this store return [`StateError::Closed`] from then on.
    pub async fn close(self) -> Result<(), StateError> {
        let shared = self.shared.clone();
        self.shared
            .blocking("closing the checkpoint store", move |inner| {
                inner.copy(&shared)?;
                inner.engine = State::Closed;
                *shared.lock_held() = None;
                Ok(())
            })
            .await
    }

    /// The disk usage of the store and its copy in bytes, without damaged ones that were kept.
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

impl StoreState {
    /// Runs `step` on the store's thread, with a timeout. A panic of sled becomes an error here; it also
    /// poisons the lock, so that all later operations report a damaged store.
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
        let turn = self.turn(what).await?;
        let task = async {
            tokio::task::spawn_blocking(move || {
                // Released when the work is done, even if the caller no longer waits.
                let _turn = turn;
                let done = outer.worker.run(work);
                outer.done.fetch_add(1, Ordering::Relaxed);
                done
            })
            .await
        };
        match tokio::time::timeout(TIMEOUT, task).await {
            Ok(Ok(Ok(done))) => done,
            Ok(Ok(Err(panic))) => Err(StateError::Damaged(open::panic_text(panic.as_ref()))),
            Ok(Err(_)) => Err(StateError::Closed),
            Err(_) => Err(StateError::TimedOut { what, after: TIMEOUT }),
        }
    }

    /// Waits for its turn: as long as needed behind many others, but not behind a disk that does not answer.
    async fn turn(&self, what: &'static str) -> Result<OwnedSemaphorePermit, StateError> {
        let turn = self.turn.clone().acquire_owned();
        tokio::pin!(turn);
        loop {
            let done = self.done.load(Ordering::Relaxed);
            match tokio::time::timeout(TIMEOUT, &mut turn).await {
                Ok(turn) => return turn.map_err(|_| StateError::Closed),
                Err(_) if self.done.load(Ordering::Relaxed) != done => {}
                Err(_) => return Err(StateError::TimedOut { what, after: TIMEOUT }),
            }
        }
    }

    pub(crate) fn lock_heads(&self) -> Result<std::sync::MutexGuard<'_, StoredHeads>, StateError> {
        self.heads.lock().map_err(|_| broke_before())
    }

    fn lock_held(&self) -> std::sync::MutexGuard<'_, Option<Arc<LockGuard>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Schedules a copy after this time, unless one is scheduled. It runs independently of the commits, so
    /// that none of them waits for it, and it does not keep the store open. Call it where the change is made,
    /// because the caller waiting for the change may be gone.
    pub(crate) fn copy_after(self: &Arc<Self>, wait: Duration) {
        if self.copy_waits.swap(true, Ordering::Relaxed) {
            return;
        }
        let waiting = CopyWaits(Arc::downgrade(self));
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(shared) = waiting.0.upgrade() {
                tokio::task::spawn_blocking(move || {
                    let worked_on = shared.clone();
                    shared.worker.run(move || {
                        // A change after this point needs another copy.
                        drop(waiting);
                        worked_on.copy_now();
                    })
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
                        reason = error.source().map(tracing::field::display),
                        "the copy of the checkpoints cannot be written, trying again: check space and permissions"
                    );
                }
            }
        }
    }
}

impl Inner {
    /// Runs one step with sled, and reopens it first if it was closed after an error.
    pub(crate) fn with_engine<T>(
        &mut self,
        shared: &StoreState,
        step: impl FnOnce(&mut Engine) -> Result<T, EngineFault>,
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
                EngineFault::Io(source) => StateError::Io { what: "the checkpoint store".to_owned(), source },
                EngineFault::Damaged(reason) | EngineFault::Foreign(reason) => StateError::Damaged(reason),
                EngineFault::NoLocks => StateError::NoLocks { path: shared.dir.clone() },
                EngineFault::Locked { .. } => StateError::Damaged("sled lost its lock".to_owned()),
            }
        })
    }

    /// How soon after a change the copy may be written.
    pub(crate) fn copy_wait(&self) -> Duration {
        let due = self.copied.map_or_else(Instant::now, |copied| copied + COPY_INTERVAL);
        due.saturating_duration_since(Instant::now())
    }

    /// Writes the copy of the heads now.
    pub(crate) fn copy(&mut self, shared: &StoreState) -> Result<(), StateError> {
        let document = sidecar::document(&*shared.lock_heads()?);
        self.copy_of(&document)
    }

    /// Writes `document` as the copy now.
    pub(crate) fn copy_of(&mut self, document: &[u8]) -> Result<(), StateError> {
        if let State::Closed = self.engine {
            return Err(StateError::Closed);
        }
        self.copied = Some(Instant::now());
        sidecar::write(&self.dir, document)
    }
}

/// Marks a copy as scheduled; cleared on drop, however the wait ends.
struct CopyWaits(Weak<StoreState>);

impl Drop for CopyWaits {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.copy_waits.store(false, Ordering::Relaxed);
        }
    }
}

fn broke_before() -> StateError {
    StateError::Damaged("an earlier operation crashed".to_owned())
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
