//! Supervises the routes: starts them, records how each ends, stops them together, and accepts orders
//! meanwhile.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use state::Store;
use tokio::{
    sync::watch,
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::Instant,
};
use tracing::Instrument;

use super::{
    assembly::Assembly,
    backfill::{HowEnded, Window},
    control::{Order, Orders},
    notify,
    pauses::Pauses,
    routes::WantedRoute,
    secrets::Secrets,
    verification::{Scheduled, Verifications},
};
use crate::{
    config::{Config, ConfigError},
    pipeline::{
        plan::Plan,
        policy::{Action, Failure, judge},
        poll_now::PollNow,
        progress::{RouteState, RouteStatus},
        route::Ended,
        shutdown::{Shutdown, ShutdownSender, shutdown},
    },
};

/// The time between the starts of two routes. If all started at once, a thousand would each hold a page, and
/// poll at the same moments from then on.
const START_GAP: Duration = Duration::from_millis(20);
/// The longest time until the last of them starts.
const STARTS_MAX: Duration = Duration::from_secs(40);

/// The longest delay until a verification that is due begins.
const SCHEDULE_LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// How long verifications, which end at once, may delay the end of the process.
const VERIFICATIONS_END_MAX: Duration = Duration::from_secs(2);

/// Reads the configuration again from the same files.
pub type Reload = Box<dyn Fn() -> Result<Config, ConfigError> + Send>;

/// The routes of one process.
pub struct Supervisor {
    pub(super) assembly: Arc<Assembly>,
    /// The current assembly, for tasks other than routes that outlive a configuration.
    pub(super) current: watch::Sender<Arc<Assembly>>,
    pub(super) store: Store,
    pub(super) pauses: Pauses,
    pub(super) running: BTreeMap<String, Running>,
    pub(super) backfills: BTreeMap<String, Backfill>,
    pub(super) verifications: Verifications,
    pub(super) scheduled: Scheduled,
    pub(super) secrets: Secrets,
    pub(super) reload: Option<Reload>,
    tasks: JoinSet<Ended>,
    /// The route of each task.
    names: HashMap<Id, String>,
    outcome: RunOutcome,
    /// Whether something ended without which no route can continue.
    fatal: bool,
    /// Whether a route has ended for good.
    ended: bool,
}

/// A running route.
pub(super) struct Running {
    pub(super) wanted: WantedRoute,
    pub(super) poll_now: PollNow,
    stop: ShutdownSender,
    task: AbortHandle,
}

/// A backfill that was started by an order.
pub(super) struct Backfill {
    pub(super) window: Window,
    pub(super) ended: Option<HowEnded>,
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct RunOutcome {
    /// The failures of routes that did not read to their end.
    pub failures: Vec<Failure>,
    /// Whether a bug in ccfd ended a route.
    pub faulty: bool,
    /// Whether the timeout ended before everything was read.
    pub late: bool,
}

/// How the routes are to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mode {
    /// Whether each ends when it has read everything due.
    pub once: bool,
    /// The time after which all end.
    pub timeout: Option<Duration>,
    /// Whether to continue although a checkpoint was written for another source or destination.
    pub accept_change: bool,
}

impl Supervisor {
    /// Creates the configured routes without running them.
    pub fn new(assembly: Arc<Assembly>, store: Store) -> Self {
        let secrets = Secrets::of(&assembly.config, &assembly.environment);
        let pauses = Pauses::load(&assembly.config.state.dir);
        Self {
            current: watch::Sender::new(assembly.clone()),
            assembly,
            store,
            pauses,
            running: BTreeMap::new(),
            backfills: BTreeMap::new(),
            verifications: Verifications::default(),
            scheduled: Scheduled::default(),
            secrets,
            reload: None,
            tasks: JoinSet::new(),
            names: HashMap::new(),
            outcome: RunOutcome::default(),
            fatal: false,
            ended: false,
        }
    }

    /// Enables reloads of the configuration.
    pub fn reloads_by(mut self, reload: Reload) -> Self {
        self.reload = Some(reload);
        self
    }

    /// Runs the routes until shutdown, or to their end with `once`. At shutdown they get a limited time to
    /// deliver what is in flight.
    pub async fn run(mut self, mode: Mode, mut orders: Orders, mut stop: Shutdown) -> RunOutcome {
        let deadline = mode.timeout.map(|timeout| Instant::now() + timeout);
        let wanted = self.assembly.wanted(mode.once, mode.accept_change);
        self.start_unless_paused(wanted);
        notify::ready();
        let done = |supervisor: &Self| {
            let is_left = supervisor.pauses.collectors().next().is_some();
            supervisor.running.is_empty() && (mode.once || supervisor.ended && !is_left)
        };
        let mut look = tokio::time::interval(SCHEDULE_LOOK_INTERVAL);
        while !self.fatal && !done(&self) {
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => drop(self.note_end(ended)),
                order = orders.next() => self.obey(order).await,
                touched = self.secrets.changed(), if !mode.once => self.take_up_secrets(touched).await,
                _ = look.tick(), if !mode.once => self.verify_on_schedule(),
                () = until(deadline) => {
                    tracing::warn!("not everything was read in time; the next run continues");
                    self.outcome.late = true;
                    break;
                }
                () = stop.requested() => break,
            }
        }
        self.end().await;
        self.outcome
    }

    async fn end(&mut self) {
        if !self.running.is_empty() {
            tracing::info!("stopping");
        }
        notify::stopping();
        let names: Vec<String> = self.running.keys().cloned().collect();
        self.verifications.stop_all(None);
        self.stop(&names).await;
        self.verifications.end(VERIFICATIONS_END_MAX).await;
    }

    /// Starts routes slightly apart, or shows that they are paused.
    pub(super) fn start_unless_paused(&mut self, routes: Vec<WantedRoute>) {
        let gap = STARTS_MAX.checked_div(u32::try_from(routes.len()).unwrap_or(u32::MAX));
        let gap = gap.unwrap_or_default().min(START_GAP);
        for (place, wanted) in (0..).zip(routes) {
            if let Some(since) = self.pauses.since(&wanted.collector) {
                let advice = "`ccfd collectors resume` starts it";
                tracing::warn!(
                    route = wanted.checkpoint,
                    since,
                    advice,
                    "paused by an operator, not started"
                );
                self.show_paused(&wanted);
            } else {
                self.start_after(gap * place, wanted);
            }
        }
    }

    /// Starts a route. False if its collector or sink is not configured.
    pub(super) fn start(&mut self, wanted: WantedRoute) -> bool {
        self.start_after(Duration::ZERO, wanted)
    }

    fn start_after(&mut self, wait: Duration, wanted: WantedRoute) -> bool {
        let Some(route) = self.assembly.route(&self.store, wanted.clone()) else { return false };
        if self.has_checkpoint(&wanted.checkpoint) {
            route.progress.update(|status| status.has_checkpoint = true);
        }
        let (sender, mut stop) = shutdown();
        let poll_now = route.poll_now.clone();
        let span = tracing::error_span!("route", route = route.name);
        let run = async move {
            // The route itself handles a shutdown, even before it has started.
            _ = stop.or_sleep(wait).await;
            route.run(stop).await
        };
        let task = self.tasks.spawn(run.instrument(span));
        self.names.insert(task.id(), wanted.checkpoint.clone());
        self.running.insert(wanted.checkpoint.clone(), Running { wanted, poll_now, stop: sender, task });
        true
    }

    /// Shows a route that does not run as paused, with its counts.
    pub(super) fn show_paused(&self, wanted: &WantedRoute) {
        let known = self.assembly.registry.get(&wanted.checkpoint).map(|progress| progress.status());
        let Some(fresh) = self.assembly.status(wanted) else { return };
        let has_checkpoint = self.has_checkpoint(&wanted.checkpoint);
        let paused =
            RouteStatus { state: RouteState::Paused, has_checkpoint, error: None, ..known.unwrap_or(fresh) };
        self.assembly.registry.put(paused);
    }

    fn has_checkpoint(&self, name: &str) -> bool {
        self.store.contains(name).unwrap_or(false)
    }

    /// Stops routes and waits for them: what is in flight is delivered, if this takes no longer than a
    /// shutdown may.
    pub(super) async fn stop(&mut self, names: &[String]) {
        for name in names {
            if let Some(running) = self.running.get(name) {
                running.stop.request();
            }
        }
        let within = self.assembly.config.pipeline.stop_timeout;
        let drained = tokio::time::timeout(within, self.drain(names)).await;
        if drained.is_err() {
            let busy: Vec<&String> = names.iter().filter(|name| self.running.contains_key(*name)).collect();
            tracing::warn!(
                routes = busy.len(),
                "still busy, cut off: uncommitted records are read again at the next start"
            );
            for name in names {
                if let Some(running) = self.running.get(name) {
                    running.task.abort();
                }
            }
            self.drain(names).await;
        }
    }

    async fn drain(&mut self, names: &[String]) {
        let running = names.iter().filter(|name| self.running.contains_key(*name));
        let mut left: HashSet<String> = running.cloned().collect();
        while !left.is_empty() {
            match self.tasks.join_next_with_id().await {
                Some(ended) => drop(self.note_end(ended).map(|name| left.remove(&name))),
                None => return,
            }
        }
    }

    /// Returns the name of the route that ended.
    fn note_end(&mut self, ended: Result<(Id, Ended), JoinError>) -> Option<String> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let name = self.names.remove(&id)?;
        self.running.remove(&name);
        let how = match &ended {
            Ok((_, ended)) => HowEnded::from(ended),
            Err(_) => HowEnded::Stopped,
        };
        let is_backfill = self.backfills.contains_key(&name);
        if let Some(backfill) = self.backfills.get_mut(&name) {
            tracing::info!(backfill = name, how = %how, "backfill ended");
            backfill.ended = Some(how);
        }
        match ended {
            Ok((_, Ended::ReadAll | Ended::Stopped)) => {}
            Ok((_, Ended::Failed(failure))) => {
                let action = judge(&failure).action;
                self.fatal |= action == Action::Stop;
                self.ended |= action == Action::End;
                if self.fatal || !is_backfill {
                    self.outcome.failures.push(failure);
                }
            }
            Err(error) if error.is_panic() => {
                tracing::error!(%error, "route ended by a bug in ccfd, stopping: please report this");
                (self.outcome.faulty, self.fatal) = (true, true);
            }
            // Aborted.
            Err(_) => {}
        }
        Some(name)
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Pause { collector, paused, answer } => {
                _ = answer.send(self.set_paused(&collector, paused).await);
            }
            Order::Poll { collector, answer } => _ = answer.send(self.poll_now(&collector)),
            Order::Reset { wanted, answer } => _ = answer.send(self.reset(&wanted).await),
            Order::Reload { answer } => _ = answer.send(self.reload_settings().await),
            Order::Backfill { wanted, answer } => _ = answer.send(self.begin_backfill(&wanted).await),
            Order::Backfills { answer } => _ = answer.send(Ok(self.backfill_reports())),
            Order::StopBackfill { name, answer } => _ = answer.send(self.stop_backfill(&name).await),
            Order::Verify { wanted, answer } => _ = answer.send(self.begin_verification(wanted)),
            Order::Verifications { answer } => _ = answer.send(Ok(self.verifications.all())),
            Order::StopVerification { run, answer } => _ = answer.send(self.stop_verification(&run)),
        }
    }
}

impl Running {
    /// Whether it follows the list, as opposed to a backfill.
    pub(super) fn follows(&self) -> bool {
        matches!(self.wanted.plan, Plan::Follow { .. })
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
