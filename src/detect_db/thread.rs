//! The database for tasks of the runtime: they wait for it, and the runtime does not.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{DetectDb, OutboxAction, open::BUSY};
use crate::sinks::{SinkError, disk, sink_thread::SinkThread};

/// Free bytes below which the database is not created: what it writes at once, many times over.
pub const FREE_MIN: u64 = 16 << 20;
/// How long brief work waits for a lock for which earlier work has waited in vain, while this work waited for that.
const BUSY_STILL: Duration = Duration::from_millis(20);

/// The database on a thread of its own, opened at its first use and again if the file was moved away.
pub struct DetectThread {
    path: PathBuf,
    open: Arc<Mutex<Option<DetectDb>>>,
    /// How long work waits for another process.
    busy: Duration,
    /// When work has last waited for that in vain.
    locked_at: Arc<Mutex<Option<Instant>>>,
    /// What alerts do that are closed by work on it.
    actions: Mutex<Arc<[OutboxAction]>>,
    thread: SinkThread,
}

impl DetectThread {
    /// For the database at this path, which is created if it is missing. Opens nothing yet.
    pub fn new(path: PathBuf) -> Self {
        let actions = Mutex::new(Arc::from([]));
        let locked_at = Arc::default();
        Self { path, open: Arc::default(), busy: BUSY, locked_at, actions, thread: SinkThread::default() }
    }

    /// The same with another wait.
    #[cfg(test)]
    pub(crate) fn waiting(path: PathBuf, busy: Duration) -> Self {
        Self { busy, ..Self::new(path) }
    }

    /// Takes these actions into use, from the next work on.
    pub fn act(&self, actions: Arc<[OutboxAction]>) {
        *self.actions.lock().unwrap_or_else(PoisonError::into_inner) = actions;
    }

    /// Does this work on the thread, after earlier work. For a lock of another process it waits some seconds.
    pub async fn run<T, E>(
        &self,
        work: impl FnOnce(&mut DetectDb) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SinkError> + Send + 'static,
    {
        self.run_waiting(self.busy, work).await
    }

    /// The same for work that loses nothing if it fails. It waits for a lock no longer because others wait for it, too: what has
    /// waited behind other work through the same lock has waited for it.
    pub async fn run_briefly<T, E>(
        &self,
        work: impl FnOnce(&mut DetectDb) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SinkError> + Send + 'static,
    {
        self.run_waiting(BUSY_STILL, work).await
    }

    /// Does this work, which waits so long for a lock for which earlier work has waited in vain meanwhile.
    async fn run_waiting<T, E>(
        &self,
        still: Duration,
        work: impl FnOnce(&mut DetectDb) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SinkError> + Send + 'static,
    {
        #[cfg(test)]
        let _held = tests::hold_time();
        let (path, open) = (self.path.clone(), Arc::clone(&self.open));
        let (busy, locked_at, asked) = (self.busy, Arc::clone(&self.locked_at), Instant::now());
        let actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let done = self.thread.run(move || {
            // Out of its place during the work: after a panic it is opened again.
            let held = open.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut locked_at = locked_at.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = if locked_at.is_some_and(|at| asked < at) { still } else { busy };
            let begun = Instant::now();
            let opened = match held.filter(DetectDb::in_place) {
                Some(db) => db.wait_for_locks(wait).map(|()| db),
                None => DetectDb::open_within(&path, FREE_MIN, wait),
            };
            let done = opened.map_err(E::from).and_then(|mut db| {
                db.act(actions);
                let done = work(&mut db);
                *open.lock().unwrap_or_else(PoisonError::into_inner) = Some(db);
                done
            });
            if done.is_err() && begun.elapsed() >= busy {
                *locked_at = Some(Instant::now());
            }
            done
        });
        done.await.unwrap_or_else(|error| Err(disk::failed(&self.path, error).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps a paused clock where it is for as long as the work lasts: it moves on only while nothing runs on the threads of
    /// the runtime, and knows no others.
    pub(super) fn hold_time() -> std::sync::mpsc::Sender<()> {
        let (held, end) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || _ = end.recv());
        held
    }

    #[tokio::test]
    async fn a_database_that_was_moved_away_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let (path, away) = (dir.path().join("detect.db"), dir.path().join("away.db"));
        let thread = DetectThread::new(path.clone());
        let count = |db: &mut DetectDb| db.spaces().map(|spaces| spaces.len());
        assert_eq!(thread.run(count).await.unwrap(), 1);
        std::fs::rename(&path, &away).unwrap();
        assert_eq!(thread.run(count).await.unwrap(), 1);
        assert!(path.exists());
    }

    /// A database that another process has locked.
    async fn locked(busy: Duration) -> (tempfile::TempDir, DetectThread, rusqlite::Connection) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("detect.db");
        let thread = DetectThread::waiting(path.clone(), busy);
        thread.run(|db| db.ensure_writable()).await.unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        (dir, thread, other)
    }

    #[tokio::test]
    async fn however_much_brief_work_waits_for_a_lock_each_waits_once() {
        let (_dir, thread, other) = locked(Duration::from_millis(300)).await;
        let begun = Instant::now();
        let all =
            futures::future::join_all((0..40).map(|_| thread.run_briefly(|db| db.ensure_writable()))).await;
        assert!(all.iter().all(|done| matches!(done, Err(SinkError::Busy { .. }))), "{all:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "not 40 times 300 ms: {:?}", begun.elapsed());
        let begun = Instant::now();
        thread.run(|db| db.ensure_writable()).await.unwrap_err();
        assert!(begun.elapsed() >= Duration::from_millis(300), "what comes later waits itself");
        other.execute_batch("ROLLBACK").unwrap();
        thread.run(|db| db.ensure_writable()).await.unwrap();
    }

    #[tokio::test]
    async fn brief_work_behind_work_that_could_not_open_the_database_waits_no_longer_than_behind_other_work()
    {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("detect.db");
        drop(DetectDb::open(&path, 0).unwrap());
        let other = rusqlite::Connection::open(&path).unwrap();
        other.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let thread = DetectThread::waiting(path, Duration::from_millis(300));
        let begun = Instant::now();
        let all =
            futures::future::join_all((0..40).map(|_| thread.run_briefly(|db| db.ensure_writable()))).await;
        assert!(all.iter().all(|done| matches!(done, Err(SinkError::Busy { .. }))), "{all:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "not 40 times 300 ms: {:?}", begun.elapsed());
        other.execute_batch("ROLLBACK").unwrap();
        thread.run(|db| db.ensure_writable()).await.unwrap();
    }

    #[tokio::test]
    async fn what_must_not_be_lost_waits_for_a_lock_itself() {
        let busy = Duration::from_millis(300);
        let (_dir, thread, _other) = locked(busy).await;
        let (begun, brief) = (Instant::now(), thread.run_briefly(|db| db.ensure_writable()));
        let (brief, kept) = tokio::join!(brief, thread.run(|db| db.ensure_writable()));
        assert!(brief.is_err() && kept.is_err());
        assert!(begun.elapsed() >= 2 * busy, "one after the other: {:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn work_that_breaks_down_does_not_break_what_follows() {
        let dir = tempfile::tempdir().unwrap();
        let thread = DetectThread::new(dir.path().join("detect.db"));
        let broken = thread.run(|_| -> Result<(), SinkError> { panic!("broken on purpose") }).await;
        assert!(broken.is_err());
        assert_eq!(thread.run(|db| db.spaces()).await.unwrap().len(), 1);
    }
}
