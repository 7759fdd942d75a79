//! Delivers alerts to the sinks that `[detect]` names, in one route for each: it follows the changes of alerts in
//! `detect.db`, and keeps its checkpoint there. Nothing waits for it.
//!
//! | file | what it does |
//! | --- | --- |
//! | `route` | one sink: reads what has changed, writes it, commits |
//! | `refused` | alerts that a sink has refused, for a command that sends them again |
//! | `record` | an alert as a record in the form that a sink wants |
//! | `facts` | what an alert says |
//! | `columns`, `ecs`, `ocsf` | that as a row, as a document of the Elastic Common Schema, as a finding of OCSF |
//! | `attack` | tactics and techniques |

mod attack;
mod columns;
mod ecs;
pub(super) mod facts;
mod ocsf;
mod record;
mod refused;
mod route;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tracing::Instrument as _;

pub use self::refused::{note_taken, refused_again};
use self::route::AlertRoute;
use super::{assembly::Assembly, supervisor::Supervisor};
use crate::{
    config::ALERT_ROUTES,
    pipeline::{
        names::route_name,
        policy::Failure,
        shutdown::{Shutdown, ShutdownSender, shutdown},
    },
};

/// How long a batch in flight may delay a change of the configuration.
const RELOAD_MAX: Duration = Duration::from_secs(5);

/// The routes of alerts of one process.
pub struct AlertDelivery {
    ends: ShutdownSender,
    task: JoinHandle<Vec<Failure>>,
}

impl AlertDelivery {
    /// Starts with the routes of a supervisor that does not run yet; its reloads apply here too.
    pub fn begin(supervisor: &Supervisor) -> Self {
        let (ends, end) = shutdown();
        Self { ends, task: tokio::spawn(keep(supervisor.current.subscribe(), end)) }
    }

    /// Delivers what there is, and ends. Call it when the routes have ended and the sinks are still open. Returns what
    /// kept alerts from being delivered; limit its time.
    pub async fn end(self) -> Vec<Failure> {
        self.ends.request();
        self.task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "delivery of alerts stopped by a bug in ccfd: please report this");
            Vec::new()
        })
    }
}

/// A route that runs.
struct RunningAlertRoute {
    stops: ShutdownSender,
    /// Whether it delivers what there is before it ends.
    drains: Arc<AtomicBool>,
    task: JoinHandle<Option<Failure>>,
}

impl RunningAlertRoute {
    fn begin(assembly: &Arc<Assembly>, sink: &str) -> Option<Self> {
        let route = AlertRoute::new(assembly, sink)?;
        let (stops, stop) = shutdown();
        let drains = Arc::new(AtomicBool::new(false));
        let span = tracing::error_span!("route", route = route.name());
        let task = tokio::spawn(route.run(stop, drains.clone()).instrument(span));
        Some(Self { stops, drains, task })
    }

    fn stop(&self, drains: bool) {
        self.drains.store(drains, Ordering::Relaxed);
        self.stops.request();
    }

    async fn ended(self) -> Option<Failure> {
        self.task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "route of alerts ended by a bug in ccfd: please report this");
            None
        })
    }
}

/// Keeps the routes of the current configuration running. A change starts them again: their checkpoints are as they were.
async fn keep(mut current: watch::Receiver<Arc<Assembly>>, mut end: Shutdown) -> Vec<Failure> {
    loop {
        let assembly = current.borrow_and_update().clone();
        let wanted = assembly.config.alerts.sinks.iter();
        let running: BTreeMap<String, RunningAlertRoute> = wanted
            .filter_map(|sink| Some((sink.clone(), RunningAlertRoute::begin(&assembly, sink)?)))
            .collect();
        let ends = tokio::select! {
            () = end.requested() => true,
            changed = current.changed() => {
                if changed.is_err() {
                    // The routes have ended, and may have left alerts.
                    end.requested().await;
                }
                changed.is_err()
            }
        };
        running.values().for_each(|route| route.stop(ends));
        if ends {
            let mut failures = Vec::new();
            for route in running.into_values() {
                failures.extend(route.ended().await);
            }
            return failures;
        }
        for (sink, mut route) in running {
            if timeout(RELOAD_MAX, &mut route.task).await.is_err() {
                route.task.abort();
            }
            if !current.borrow().config.alerts.sinks.contains(&sink) {
                assembly.registry.remove(&route_name(ALERT_ROUTES, &sink));
            }
        }
    }
}
