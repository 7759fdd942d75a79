//! Work beside the routes, such as actions of alerts. It follows the configuration, ends after the routes, which may have
//! left something to do, and begins again after a bug.

mod restart;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::restart::restarted;
use super::{assembly::Assembly, supervisor::Supervisor};
use crate::pipeline::{
    policy::Failure,
    shutdown::{Shutdown, ShutdownSender, shutdown},
};

/// How long what is in flight may delay a change of the configuration.
const RELOAD_MAX: Duration = Duration::from_secs(5);

/// One kind of work of one process.
pub struct BackgroundWork {
    name: &'static str,
    ends: ShutdownSender,
    drains: Arc<AtomicBool>,
    task: JoinHandle<Vec<Failure>>,
}

/// How work knows when to end.
#[derive(Clone)]
pub(super) struct WorkEnd {
    pub(super) stop: Shutdown,
    /// Whether it ends only once nothing is due any more.
    pub(super) drains: Arc<AtomicBool>,
}

impl BackgroundWork {
    /// Begins with the settings of a supervisor that does not run yet; its reloads apply here too. The work is stopped and
    /// begins again only when `part` of the settings changes; other changes reach it by what it gets. `name` is for the log.
    pub(super) fn begin<P, F>(
        name: &'static str,
        supervisor: &Supervisor,
        part: fn(&Arc<Assembly>) -> P,
        work: fn(watch::Receiver<Arc<Assembly>>, WorkEnd) -> F,
    ) -> Self
    where
        P: PartialEq + Send + Sync + 'static,
        F: Future<Output = Vec<Failure>> + Send + 'static,
    {
        let (ends, stop) = shutdown();
        let drains = Arc::new(AtomicBool::new(false));
        let end = WorkEnd { stop, drains: drains.clone() };
        let task = tokio::spawn(keep(name, supervisor.current.subscribe(), end, part, work));
        Self { name, ends, drains, task }
    }

    /// Waits for what is in flight, with `drains` until nothing is due any more, and ends. Returns what kept work from being
    /// done; limit its time.
    pub async fn end(self, drains: bool) -> Vec<Failure> {
        self.drains.store(drains, Ordering::Relaxed);
        self.ends.request();
        self.task.await.unwrap_or_else(|error| {
            tracing::error!(%error, work = self.name, "ended by a bug in ccfd: please report this");
            Vec::new()
        })
    }
}

/// Keeps the work going as the current settings say.
async fn keep<C, P, F>(
    name: &'static str,
    mut current: watch::Receiver<C>,
    mut end: WorkEnd,
    part: fn(&C) -> P,
    work: fn(watch::Receiver<C>, WorkEnd) -> F,
) -> Vec<Failure>
where
    C: Send + Sync + 'static,
    P: PartialEq,
    F: Future<Output = Vec<Failure>> + Send + 'static,
{
    loop {
        let now = part(&current.borrow_and_update());
        let (stops, stop) = shutdown();
        let drains = Arc::new(AtomicBool::new(false));
        let (settings, drained) = (current.clone(), drains.clone());
        let begin = move |stop| work(settings.clone(), WorkEnd { stop, drains: drained.clone() });
        let mut task = tokio::spawn(restarted(name, stop, begin));
        let ends = changed_or_ended(&now, part, &mut current, &mut end.stop).await;
        drains.store(ends && end.drains.load(Ordering::Relaxed), Ordering::Relaxed);
        stops.request();
        if ends {
            return task.await.unwrap_or_else(|error| {
                tracing::error!(%error, work = name, "ended by a bug in ccfd: please report this");
                Vec::new()
            });
        }
        if timeout(RELOAD_MAX, &mut task).await.is_err() {
            // What it leaves is found by the next one, and what it has asked of the database is of no use any more.
            tracing::warn!(
                work = name,
                "did not end in time for the changed settings, and is begun again: what was in flight is done again"
            );
            task.abort();
        }
    }
}

/// Waits until the part of the settings is another one, or for the end. True if it is the end.
async fn changed_or_ended<C, P: PartialEq>(
    before: &P,
    part: fn(&C) -> P,
    current: &mut watch::Receiver<C>,
    stop: &mut Shutdown,
) -> bool {
    loop {
        tokio::select! {
            () = stop.requested() => return true,
            changed = current.changed() => {
                if changed.is_err() {
                    // The routes have ended, and may have left something to do.
                    stop.requested().await;
                    return true;
                }
            }
        }
        if part(&current.borrow_and_update()) != *before {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Settings of which the first decides where the work is done.
    type Settings = (u32, Arc<Mutex<Vec<String>>>);

    async fn work(current: watch::Receiver<Settings>, mut end: WorkEnd) -> Vec<Failure> {
        let (place, log) = current.borrow().clone();
        log.lock().unwrap().push(format!("begins at {place}"));
        end.stop.requested().await;
        let drains = if end.drains.load(Ordering::Relaxed) { "drained" } else { "at once" };
        log.lock().unwrap().push(format!("ends at {place} {drains}"));
        Vec::new()
    }

    #[tokio::test(start_paused = true)]
    async fn only_its_own_part_of_the_settings_begins_work_again_and_only_the_end_drains_it() {
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (settings, current) = watch::channel((1, log.clone()));
        let (ends, stop) = shutdown();
        let end = WorkEnd { stop, drains: Arc::new(AtomicBool::new(true)) };
        let task = tokio::spawn(keep("tests", current, end, |settings| settings.0, work));
        for place in [1, 1, 2] {
            tokio::time::sleep(Duration::from_secs(1)).await;
            settings.send_replace((place, log.clone()));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        ends.request();
        task.await.unwrap();
        let expected = ["begins at 1", "ends at 1 at once", "begins at 2", "ends at 2 drained"];
        assert_eq!(*log.lock().unwrap(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_end_delays_a_change_for_a_while_only() {
        async fn hangs(current: watch::Receiver<Settings>, _end: WorkEnd) -> Vec<Failure> {
            let (place, log) = current.borrow().clone();
            log.lock().unwrap().push(format!("begins at {place}"));
            std::future::pending().await
        }
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (settings, current) = watch::channel((1, log.clone()));
        let (_ends, stop) = shutdown();
        let end = WorkEnd { stop, drains: Arc::default() };
        let task = tokio::spawn(keep("tests", current, end, |settings| settings.0, hangs));
        tokio::time::sleep(Duration::from_secs(1)).await;
        settings.send_replace((2, log.clone()));
        tokio::time::sleep(RELOAD_MAX + Duration::from_secs(1)).await;
        assert_eq!(*log.lock().unwrap(), ["begins at 1", "begins at 2"]);
        task.abort();
    }
}
