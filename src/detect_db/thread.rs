//! The database for tasks of the runtime: they wait for it, and the runtime does not.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::{DetectDb, OutboxAction};
use crate::sinks::{SinkError, disk, sink_thread::SinkThread};

/// Free bytes below which the database is not created: what it writes at once, many times over.
pub const FREE_MIN: u64 = 16 << 20;

/// The database on a thread of its own, opened at its first use and again if the file was moved away.
pub struct DetectThread {
    path: PathBuf,
    open: Arc<Mutex<Option<DetectDb>>>,
    /// What alerts do that are closed by work on it.
    actions: Mutex<Arc<[OutboxAction]>>,
    thread: SinkThread,
}

impl DetectThread {
    /// For the database at this path, which is created if it is missing. Opens nothing yet.
    pub fn new(path: PathBuf) -> Self {
        let actions = Mutex::new(Arc::from([]));
        Self { path, open: Arc::default(), actions, thread: SinkThread::default() }
    }

    /// Takes these actions into use, from the next work on.
    pub fn act(&self, actions: Arc<[OutboxAction]>) {
        *self.actions.lock().unwrap_or_else(PoisonError::into_inner) = actions;
    }

    /// Does this work on the thread, after earlier work.
    pub async fn run<T, E>(
        &self,
        work: impl FnOnce(&mut DetectDb) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SinkError> + Send + 'static,
    {
        #[cfg(test)]
        let _held = tests::hold_time();
        let (path, open) = (self.path.clone(), Arc::clone(&self.open));
        let actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let done = self.thread.run(move || {
            // Out of its place during the work: after a panic it is opened again.
            let held = open.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut db = match held.filter(DetectDb::in_place) {
                Some(db) => db,
                None => DetectDb::open(&path, FREE_MIN)?,
            };
            db.act(actions);
            let done = work(&mut db);
            *open.lock().unwrap_or_else(PoisonError::into_inner) = Some(db);
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

    #[tokio::test]
    async fn work_that_breaks_down_does_not_break_what_follows() {
        let dir = tempfile::tempdir().unwrap();
        let thread = DetectThread::new(dir.path().join("detect.db"));
        let broken = thread.run(|_| -> Result<(), SinkError> { panic!("broken on purpose") }).await;
        assert!(broken.is_err());
        assert_eq!(thread.run(|db| db.spaces()).await.unwrap().len(), 1);
    }
}
