//! The one thread that works on the store.
//!
//! sled keeps what it replaced for each thread that replaced it, and the system's allocator keeps room for each thread that
//! took memory. On the threads of tokio's pool, which take turns, that would be several times as much.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
};

type Job = Box<dyn FnOnce() + Send>;

/// The thread; it ends with this, after what was handed in before.
pub(crate) struct Worker(mpsc::Sender<Job>);

impl Worker {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || jobs.into_iter().for_each(|job| job()))?;
        Ok(Self(sender))
    }

    /// Has the work done and waits for it; an error is what it panicked with. Blocks a thread of tokio's pool: a runtime that
    /// ends waits for those. Whatever the work holds is dropped before this returns.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Box<dyn Any + Send>> {
        let (sender, done) = mpsc::sync_channel(1);
        let runtime = tokio::runtime::Handle::current();
        let job = Box::new(move || {
            let _clock = runtime.enter();
            // Somebody waits: this cannot fail.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
        });
        let ended = self.0.send(job).ok().and_then(|()| done.recv().ok());
        ended.unwrap_or_else(|| Err(Box::new("the thread of the checkpoint store has ended")))
    }
}
