//! Rows that say how each route is doing (`[health_table]`), shipped to a sink beside the records. Nothing waits for them: they
//! have no checkpoint, and what their sink does not take is kept in bounded memory.

mod outbox;
mod row;
mod status;
mod watch;

use std::{sync::Arc, time::Duration};

use collectors::Clock;
use tokio::task::JoinHandle;

use self::{outbox::Outbox, watch::Watch};
use super::{assembly::Assembly, supervisor::Supervisor};
use crate::{
    pipeline::{
        route_registry::RouteRegistry,
        shutdown::{Shutdown, ShutdownSender, shutdown},
    },
    sinks::Sink,
};

/// How late a change of a route is seen.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How long the last rows may keep the process from ending.
const END_MAX: Duration = Duration::from_secs(5);

/// Where rows go, and how often.
pub struct Target {
    /// The destination.
    pub sink: Arc<dyn Sink>,
    /// Time between two rows of a route that does not change.
    pub interval: Duration,
}

/// The rows of one process, made in a task of their own.
pub struct Health {
    ends: ShutdownSender,
    task: JoinHandle<()>,
}

impl Health {
    /// Begins, with the routes of a supervisor that does not run yet; what it reloads holds here, too. With `once` each route has
    /// one row, at the end.
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

    /// Writes the last rows, for a bounded time. Call it once the routes have ended, while the sinks are open.
    pub async fn end(self) {
        self.ends.request();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "health rows stopped by a bug in ccfd: please report this");
        }
    }
}

impl Assembly {
    fn health_target(&self) -> Option<Target> {
        let settings = self.config.health_table.as_ref()?;
        Some(Target { sink: self.sink(&settings.sink)?, interval: settings.interval })
    }
}

/// Makes rows and ships them until the stop; at the end, which comes once the routes have ended, the last ones. `target` is asked
/// each time, for it may change; without one there are no rows.
pub async fn keep(
    registry: RouteRegistry,
    clock: Clock,
    target: impl Fn() -> Option<Target> + Send,
    once: bool,
    mut stop: Shutdown,
    mut end: Shutdown,
) {
    let mut watch = Watch::new(clock.now());
    let outbox = Outbox::default();
    let looking = async {
        loop {
            let mut pause = LOOK_INTERVAL;
            if let Some(Target { interval, .. }) = target() {
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
        // Before a look that is due just then: what a route shows while it is being stopped is no news.
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
    // Whether it was the sink or the time, what is left is what counts.
    _ = tokio::time::timeout(END_MAX, outbox.drain(&target)).await;
    let rows = outbox.len();
    if rows > 0 {
        tracing::warn!(rows, "health rows lost: their sink did not accept them before the stop");
    }
}
