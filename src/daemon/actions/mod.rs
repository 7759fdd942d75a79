//! Works through the outbox of actions: what alerts have to do in other systems. Nothing waits for it. Each action is done at
//! least once, with the same key each time, so that a receiver that knows the key does it once.
//!
//! | file | what it does |
//! | --- | --- |
//! | `worker` | finds what is due, and keeps what came of it |
//! | `lane` | what leads to one connector: how much at a time, and how long it pauses after a failure |
//! | `attempt` | one attempt: the connector is run, a model is asked, or cases are made |
//! | `ask` | a model is asked about an alert |
//! | `outcome` | what follows from an answer |
//! | `settle` | what came of attempts, until the database has it |
//! | `shown` | what is shown of an action |
//! | `variables` | what a template may show of an alert |

mod ask;
mod attempt;
mod lane;
mod outcome;
mod settle;
mod shown;
#[cfg(test)]
mod tests;
mod variables;
mod worker;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::worker::ActionWorker;
use super::{assembly::Assembly, supervisor::Supervisor};
use crate::{
    config::ACTION_ROUTES,
    detect_db::FILE_NAME,
    pipeline::{
        names::route_name,
        policy::Failure,
        shutdown::{Shutdown, ShutdownSender, shutdown},
    },
};

/// How long attempts in flight may delay a change of the configuration.
const RELOAD_MAX: Duration = Duration::from_secs(5);

/// The actions of one process.
pub struct ActionDelivery {
    ends: ShutdownSender,
    drains: Arc<AtomicBool>,
    task: JoinHandle<Vec<Failure>>,
}

impl ActionDelivery {
    /// Starts with the settings of a supervisor that does not run yet; its reloads apply here too.
    pub fn begin(supervisor: &Supervisor) -> Self {
        let (ends, end) = shutdown();
        let drains = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(keep(supervisor.current.subscribe(), end, drains.clone()));
        Self { ends, drains, task }
    }

    /// Waits for the attempts in flight, with `drains` until nothing is due any more, and ends. Returns what kept actions
    /// from being done; limit its time.
    pub async fn end(self, drains: bool) -> Vec<Failure> {
        self.drains.store(drains, Ordering::Relaxed);
        self.ends.request();
        self.task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "actions of alerts stopped by a bug in ccfd: please report this");
            Vec::new()
        })
    }
}

/// Keeps the actions of the current configuration running. Only other actions start them again: connectors take up their own
/// changes.
async fn keep(
    mut current: watch::Receiver<Arc<Assembly>>,
    mut end: Shutdown,
    drains: Arc<AtomicBool>,
) -> Vec<Failure> {
    loop {
        let assembly = current.borrow_and_update().clone();
        let (stops, stop) = shutdown();
        let drained = Arc::new(AtomicBool::new(false));
        // Without actions there may be what earlier ones left.
        let acts = !assembly.config.alerts.actions.is_empty();
        let running = match acts || assembly.config.state.dir.join(FILE_NAME).exists() {
            true => Some(tokio::spawn(ActionWorker::of(&assembly).run(stop, drained.clone()))),
            false => None,
        };
        let ends = changed_or_ended(&assembly, &mut current, &mut end).await;
        drained.store(ends && drains.load(Ordering::Relaxed), Ordering::Relaxed);
        stops.request();
        let Some(mut task) = running else {
            if ends {
                return Vec::new();
            }
            continue;
        };
        if ends {
            return task.await.unwrap_or_default();
        }
        if timeout(RELOAD_MAX, &mut task).await.is_err() {
            // What it leaves is found by the next one.
            task.abort();
        }
        let now = current.borrow().config.alerts.actions.clone();
        let names = assembly.config.alerts.actions.iter().map(|action| &action.outbox.name);
        for gone in names.filter(|name| now.iter().all(|action| action.outbox.name != **name)) {
            assembly.registry.remove(&route_name(ACTION_ROUTES, gone));
        }
    }
}

/// Waits until there are other actions, or for the end. True if it is the end.
async fn changed_or_ended(
    assembly: &Assembly,
    current: &mut watch::Receiver<Arc<Assembly>>,
    end: &mut Shutdown,
) -> bool {
    loop {
        tokio::select! {
            () = end.requested() => return true,
            changed = current.changed() => {
                if changed.is_err() {
                    // The routes have ended, and may have left actions.
                    end.requested().await;
                    return true;
                }
            }
        }
        if current.borrow_and_update().config.alerts.actions != assembly.config.alerts.actions {
            return false;
        }
    }
}
