//! The single thread that works on the store.
//!
//! sled keeps replaced data per thread that replaced it, and the allocator keeps an arena per thread that
//! allocated. On tokio's blocking threads, which take turns, this would take several times the memory.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
};

type StoreJob = Box<dyn FnOnce() + Send>;

/// The thread; on drop it ends after the work that was already queued.
pub(crate) struct Worker(mpsc::Sender<StoreJob>);

impl Worker {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel::<StoreJob>();
        thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || jobs.into_iter().for_each(|job| job()))?;
        Ok(Self(sender))
    }

    /// Runs the work and waits for it; an error is the payload of its panic. Blocks a thread of tokio's
    /// blocking pool, which the runtime waits for at shutdown. Everything that the work owns is dropped
    /// before this returns.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Box<dyn Any + Send>> {
        let (sender, done) = mpsc::sync_channel(1);
        let runtime = tokio::runtime::Handle::current();
        let job = Box::new(move || {
            let _clock = runtime.enter();
            // The receiver is waiting, so this cannot fail.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
        });
        let ended = self.0.send(job).ok().and_then(|()| done.recv().ok());
        ended.unwrap_or_else(|| Err(Box::new("the thread of the checkpoint store has ended")))
    }
}
