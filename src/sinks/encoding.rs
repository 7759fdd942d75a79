//! Where bodies of requests are encoded: one thread for each sink.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that encodes one body after the other. The system's allocator keeps for each thread what its last large
/// allocations took; on threads that change, that would be several bodies' worth.
#[derive(Default)]
pub struct EncodingThread(Mutex<Option<mpsc::Sender<Job>>>);

impl EncodingThread {
    /// Runs the work there, after what was handed in before. Fails when no thread can be had, or when the work
    /// breaks down; that of others goes on.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (sender, done) = oneshot::channel();
        let job = Box::new(move || {
            // Nobody waits for it any more when this fails.
            let _ = sender.send(work());
        });
        let jobs = self.jobs()?;
        jobs.send(job).map_err(|_| io::Error::other("the encoding thread has ended"))?;
        done.await.map_err(|_| io::Error::other("encoding broke down"))
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
        thread::Builder::new().name("encode".to_owned()).spawn(work)?;
        Ok(held.insert(sender).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_work_is_done_by_one_thread_in_order() {
        let encoding = EncodingThread::default();
        let here = || thread::current().id();
        let (one, two) = tokio::join!(encoding.run(here), encoding.run(here));
        assert_eq!(one.unwrap(), two.unwrap());
    }

    #[tokio::test]
    async fn work_that_breaks_down_fails_alone() {
        let encoding = EncodingThread::default();
        let broken = encoding.run(|| panic!("broken on purpose")).await;
        assert_eq!(broken.map_err(|error| error.to_string()), Err::<(), _>("encoding broke down".to_owned()));
        assert_eq!(encoding.run(|| 7).await.unwrap(), 7);
    }
}
