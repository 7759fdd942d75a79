//! A thread of its own for a sink whose work waits for a disk, or needs much memory or a core: files, a database, encoding bodies.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one piece of work after the other. The system's allocator keeps for each thread what its last
/// large allocations took; on threads that change, that would be several batches' worth. And a disk or a reader that does not answer
/// keeps this thread, and none that others need.
#[derive(Default)]
pub struct SinkThread(Mutex<Option<mpsc::Sender<Job>>>);

impl SinkThread {
    /// Runs the work there, after what was handed in before. Fails when no thread can be had, or when the work
    /// breaks down; that of others goes on.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (sender, done) = oneshot::channel();
        let job = Box::new(move || {
            // Given up while it waited for its turn, it is not begun: behind a disk that is stuck, each try would be done at last.
            if !sender.is_closed() {
                let _ = sender.send(work());
            }
        });
        let jobs = self.jobs()?;
        jobs.send(job).map_err(|_| io::Error::other("the sink's thread has ended"))?;
        done.await.map_err(|_| io::Error::other("the work broke down"))
    }

    /// The way to the thread, which is started with the first work and ends with this.
    fn jobs(&self) -> io::Result<mpsc::Sender<Job>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = &*held {
            return Ok(jobs.clone());
        }
        let (sender, jobs) = mpsc::channel::<Job>();
        let work = move || {
            for job in jobs {
                // What a job holds is dropped with it, and whoever waits for it is told.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        };
        thread::Builder::new().name("sink".to_owned()).spawn(work)?;
        Ok(held.insert(sender).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_work_is_done_by_one_thread_in_order() {
        let thread = SinkThread::default();
        let here = || std::thread::current().id();
        let (one, two) = tokio::join!(thread.run(here), thread.run(here));
        assert_eq!(one.unwrap(), two.unwrap());
    }

    #[tokio::test]
    async fn work_that_was_given_up_before_its_turn_is_not_begun() {
        let thread = SinkThread::default();
        let (release, held) = mpsc::channel::<()>();
        let first = thread.run(move || held.recv());
        let given_up = thread.run(|| panic!("begun, although nobody waits for it"));
        tokio::pin!(first);
        {
            tokio::pin!(given_up);
            assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut given_up).is_pending());
        }
        drop(release);
        _ = first.await.unwrap();
        assert_eq!(thread.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn work_that_breaks_down_fails_alone() {
        let thread = SinkThread::default();
        let broken = thread.run(|| panic!("broken on purpose")).await;
        assert_eq!(broken.map_err(|error| error.to_string()), Err::<(), _>("the work broke down".to_owned()));
        assert_eq!(thread.run(|| 7).await.unwrap(), 7);
    }
}
