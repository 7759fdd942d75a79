//! A thread for a sink whose work waits for a disk, or needs much memory or a core: files, a database,
//! encoding bodies.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

type SinkJob = Box<dyn FnOnce() + Send>;

/// While there is much to do the next job comes within this time: between two batches is a commit, which
/// takes some tens of milliseconds on a busy disk.
const PAUSE: Duration = Duration::from_millis(250);

/// When nothing is waiting to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lull {
    /// A job has just been done; more may come at once.
    AfterWork,
    /// No more came at once.
    Pause,
    /// Nothing came for a while.
    Idle {
        /// And nothing since the last time that nothing came for a while.
        again: bool,
    },
}

/// What the thread does by itself, between jobs.
struct Chores {
    /// How long no job must have come, the first time and after that.
    first: Duration,
    every: Duration,
    work: Box<dyn Fn(Lull) + Send + Sync>,
}

/// A thread that does one job after the other. The allocator keeps the last large allocations of each thread;
/// on changing threads that would be several batches' worth. And a disk or a reader that does not respond
/// blocks this thread, and none that others need.
#[derive(Default)]
pub struct SinkThread {
    jobs: Mutex<Option<mpsc::Sender<SinkJob>>>,
    chores: Option<Arc<Chores>>,
}

impl SinkThread {
    /// A thread that also does something by itself: after each job, if no other comes at once, and if none
    /// has come for this long.
    pub fn with_chores(
        first: Duration,
        every: Duration,
        work: impl Fn(Lull) + Send + Sync + 'static,
    ) -> Self {
        let chores = Chores { first, every, work: Box::new(work) };
        Self { jobs: Mutex::default(), chores: Some(Arc::new(chores)) }
    }

    /// Starts the thread before there is a job, for what it does by itself. If no thread can be started, the
    /// first job tries again.
    pub fn start(&self) {
        if let Err(error) = self.jobs() {
            tracing::warn!(%error, "a thread for a sink cannot be started, trying again");
        }
    }

    /// Runs the job on the thread, after earlier ones. Fails if no thread can be started, or if the job
    /// panics; other jobs continue.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (sender, done) = oneshot::channel();
        let job = Box::new(move || {
            // A job that was given up while it waited is not started: behind a disk that is stuck, every
            // attempt would be carried out in the end.
            if !sender.is_closed() {
                let _ = sender.send(work());
            }
        });
        let jobs = self.jobs()?;
        jobs.send(job).map_err(|_| io::Error::other("the sink's thread has ended"))?;
        done.await.map_err(|_| io::Error::other("the work crashed"))
    }

    /// The channel to the thread, which starts with the first job and ends with this value.
    fn jobs(&self) -> io::Result<mpsc::Sender<SinkJob>> {
        let mut held = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = &*held {
            return Ok(jobs.clone());
        }
        let (sender, jobs) = mpsc::channel::<SinkJob>();
        let chores = self.chores.clone();
        thread::Builder::new().name("sink".to_owned()).spawn(move || work(&jobs, chores.as_deref()))?;
        Ok(held.insert(sender).clone())
    }
}

/// Works until nobody can send a job any more.
fn work(jobs: &mpsc::Receiver<SinkJob>, chores: Option<&Chores>) {
    let do_chores = |lull| {
        if let Some(chores) = chores {
            let _ = catch_unwind(AssertUnwindSafe(|| (chores.work)(lull)));
        }
    };
    let mut next = Lull::Idle { again: false };
    let mut wait = chores.map(|chores| chores.first);
    loop {
        let job = match wait {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => jobs.recv_timeout(wait),
        };
        match job {
            Ok(job) => {
                // What a job holds is dropped with it, and its waiter gets an error.
                let _ = catch_unwind(AssertUnwindSafe(job));
                do_chores(Lull::AfterWork);
                next = Lull::Pause;
                wait = chores.map(|_| PAUSE);
            }
            Err(RecvTimeoutError::Timeout) => {
                do_chores(next);
                wait = chores.map(|chores| if next == Lull::Pause { chores.first } else { chores.every });
                next = Lull::Idle { again: next != Lull::Pause };
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
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
        assert_eq!(broken.map_err(|error| error.to_string()), Err::<(), _>("the work crashed".to_owned()));
        assert_eq!(thread.run(|| 7).await.unwrap(), 7);
    }

    #[test]
    fn chores_are_done_after_work_and_when_there_is_none_without_any_having_come() {
        let (sender, lulls) = mpsc::channel();
        let sender = Mutex::new(sender);
        let soon = Duration::from_millis(5);
        let thread = SinkThread::with_chores(soon, soon, move |lull| {
            let _ = sender.lock().map(|sender| sender.send(lull));
            panic!("broken on purpose");
        });
        thread.start();
        let idle = |again| Lull::Idle { again };
        assert_eq!([lulls.recv(), lulls.recv()], [Ok(idle(false)), Ok(idle(true))]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(thread.run(|| ())).unwrap();
        let after: Vec<_> = lulls.iter().skip_while(|lull| *lull != Lull::AfterWork).take(5).collect();
        assert_eq!(after, [Lull::AfterWork, Lull::Pause, idle(false), idle(true), idle(true)]);
    }
}
