//! Health rows for each route (`[health_table]`), written to a sink in addition to the records. Records never
//! wait for them: they have no checkpoint, and rows that their sink does not take are kept in limited memory.

mod outbox;
mod row;
mod status;
mod watch;

use std::{sync::Arc, time::Duration};

use collectors::Clock;
use tokio::task::JoinHandle;

use self::{outbox::Outbox, watch::HealthWatch};
use super::{assembly::Assembly, supervisor::Supervisor};
use crate::{
    pipeline::{
        backoff::RetryDelays,
        route_registry::RouteRegistry,
        shutdown::{Shutdown, ShutdownSender, shutdown},
    },
    sinks::Sink,
};

/// The longest delay until a change of a route is noticed.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How long the last rows may delay the end of the process.
const END_MAX: Duration = Duration::from_secs(5);

/// Destination and interval of the rows.
pub struct HealthTarget {
    /// The destination.
    pub sink: Arc<dyn Sink>,
    /// How long its failures wait.
    pub retry: RetryDelays,
    /// Time between two rows of a route that does not change.
    pub interval: Duration,
}

/// The health rows of one process, written by a separate task.
pub struct Health {
    ends: ShutdownSender,
    task: JoinHandle<()>,
}

impl Health {
    /// Starts with the routes of a supervisor that does not run yet; its reloads apply here too. With `once`
    /// each route gets one row, at the end.
    pub fn begin(supervisor: &Supervisor, once: bool, stop: Shutdown) -> Self {
        let current = supervisor.current.subscribe();
        let (registry, clock) = (supervisor.assembly.registry.clone(), supervisor.assembly.clock.clone());
        let target = move || {
            let assembly = current.borrow().clone();
            assembly.health_target()
        };
        let (ends, end) = shutdown();
        Self { ends, task: tokio::spawn(keep(registry, clock, target, once, stop, end)) }
    }

    /// Writes the last rows, for a limited time. Call it when the routes have ended and the sinks are still
    /// open.
    pub async fn end(self) {
        self.ends.request();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "health rows stopped by a bug in ccfd: please report this");
        }
    }
}

impl Assembly {
    fn health_target(&self) -> Option<HealthTarget> {
        let settings = self.config.health_table.as_ref()?;
        let (sink, retry) = (self.sink(&settings.sink)?, self.retry(&settings.sink));
        Some(HealthTarget { sink, retry, interval: settings.interval })
    }
}

/// Writes rows until shutdown, and the last ones when the routes have ended. `target` is called each time,
/// because a reload may change it; without a target there are no rows.
pub async fn keep(
    registry: RouteRegistry,
    clock: Clock,
    target: impl Fn() -> Option<HealthTarget> + Send,
    once: bool,
    mut stop: Shutdown,
    mut end: Shutdown,
) {
    let mut watch = HealthWatch::new(clock.now());
    let outbox = Outbox::default();
    let looking = async {
        loop {
            let mut pause = LOOK_INTERVAL;
            if let Some(HealthTarget { interval, .. }) = target() {
                let rows = watch.look(&registry, clock.now(), interval);
                if !once {
                    outbox.put(rows, watch.routes());
                    pause = pause.min(watch::until_next(clock.now(), interval));
                }
            }
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        // Checked before a look that is due at the same time: what a route shows while it stops is no change
        // of health.
        biased;
        () = stop.requested() => {}
        () = end.requested() => {}
        () = looking => {}
        () = outbox.deliver(&target) => {}
    }
    end.requested().await;
    if target().is_none() {
        return;
    }
    outbox.put(watch.last(&registry, clock.now(), stop.is_requested()), watch.routes());
    // On an error as on a timeout, only the number of rows left matters.
    _ = tokio::time::timeout(END_MAX, outbox.drain(&target)).await;
    let rows = outbox.len();
    if rows > 0 {
        tracing::warn!(rows, "health rows lost: their sink did not accept them before the stop");
    }
}
