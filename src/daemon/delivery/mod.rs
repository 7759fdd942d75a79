//! Delivers rows of `detect.db` to the sinks that the settings name, in one route for each: it follows what comes and changes
//! there, and keeps its checkpoint there. Nothing waits for it. What it delivers is a [`RowFeed`]: alerts, or runs of connectors.

mod route;

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use collectors::Record;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tracing::Instrument as _;

use self::route::RowRoute;
use super::{assembly::Assembly, supervisor::Supervisor};
use crate::{
    config::{Config, SinkSettings},
    detect_db::{DeliveryCheckpoint, DeliveryPlace, DetectDb},
    pipeline::{
        names::route_name,
        policy::Failure,
        shutdown::{Shutdown, ShutdownSender, shutdown},
    },
    sinks::SinkError,
    tables::Table,
};

/// How long a batch in flight may delay a change of the configuration.
const RELOAD_MAX: Duration = Duration::from_secs(5);

/// Rows of the database that are delivered, in the form that one sink wants.
pub trait RowFeed: Copy + Send + Sync + 'static {
    /// A row that is due.
    type Row: Send + Sync + 'static;

    /// What the names of its routes begin with, where those of records have the name of a collector.
    const ROUTES: &'static str;

    /// The table of the rows.
    fn table() -> Arc<Table>;

    /// The sinks that get them.
    fn sinks(config: &Config) -> &[String];

    /// For a sink with these settings.
    fn of(settings: &SinkSettings) -> Self;

    /// The changes that this process makes, if they can be followed.
    fn changes(assembly: &Assembly) -> Option<watch::Receiver<()>>;

    /// The rows behind a checkpoint, in their order: those of one write.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    fn due(db: &DetectDb, route: &str, checkpoint: &DeliveryCheckpoint) -> Result<Vec<Self::Row>, SinkError>;

    /// How many rows are behind a place.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    fn count_due(db: &DetectDb, place: &DeliveryPlace) -> Result<u64, SinkError>;

    /// Commits that these rows are delivered by a route to its destination. Those at the refused places are in the rejects.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    fn commit(
        db: &mut DetectDb,
        route_and_destination: (&str, &str),
        rows: &[Self::Row],
        refused: &BTreeSet<usize>,
        now: i64,
    ) -> Result<(), SinkError>;

    /// A row as a record; an error if JSON cannot express it, for which no case is known.
    ///
    /// # Errors
    ///
    /// Then.
    fn record(self, row: &Self::Row, now: i64) -> serde_json::Result<Record>;

    /// Logs that so many rows are delivered.
    fn log_delivered(rows: u64);

    /// Logs that the sink refused so many of them.
    fn log_refused(rows: u64);

    /// Logs that rows are left at the end, and why.
    fn log_left(failure: &Failure);
}

/// The routes of one feed in one process.
pub struct RowDelivery<F> {
    ends: ShutdownSender,
    task: JoinHandle<Vec<Failure>>,
    feed: PhantomData<F>,
}

impl<F: RowFeed> RowDelivery<F> {
    /// Starts with the routes of a supervisor that does not run yet; its reloads apply here too.
    pub fn begin(supervisor: &Supervisor) -> Self {
        let (ends, end) = shutdown();
        let task = tokio::spawn(keep::<F>(supervisor.current.subscribe(), end));
        Self { ends, task, feed: PhantomData }
    }

    /// Delivers what there is, and ends. Call it when the routes have ended and the sinks are still open. Returns what
    /// kept rows from being delivered; limit its time.
    pub async fn end(self) -> Vec<Failure> {
        self.ends.request();
        self.task.await.unwrap_or_else(|error| {
            tracing::error!(%error, rows = F::ROUTES, "delivery of rows stopped by a bug in ccfd: please report this");
            Vec::new()
        })
    }
}

/// A route that runs.
struct RunningRowRoute {
    stops: ShutdownSender,
    /// Whether it delivers what there is before it ends.
    drains: Arc<AtomicBool>,
    task: JoinHandle<Option<Failure>>,
}

impl RunningRowRoute {
    fn begin<F: RowFeed>(assembly: &Arc<Assembly>, sink: &str) -> Option<Self> {
        let route = RowRoute::<F>::new(assembly, sink)?;
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
            tracing::error!(%error, "route of rows ended by a bug in ccfd: please report this");
            None
        })
    }
}

/// Keeps the routes of the current configuration running. A change starts them again: their checkpoints are as they were.
async fn keep<F: RowFeed>(mut current: watch::Receiver<Arc<Assembly>>, mut end: Shutdown) -> Vec<Failure> {
    loop {
        let assembly = current.borrow_and_update().clone();
        let wanted = F::sinks(&assembly.config).iter();
        let running: BTreeMap<String, RunningRowRoute> = wanted
            .filter_map(|sink| Some((sink.clone(), RunningRowRoute::begin::<F>(&assembly, sink)?)))
            .collect();
        let ends = tokio::select! {
            () = end.requested() => true,
            changed = current.changed() => {
                if changed.is_err() {
                    // The routes have ended, and may have left rows.
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
            if !F::sinks(&current.borrow().config).contains(&sink) {
                assembly.registry.remove(&route_name(F::ROUTES, &sink));
            }
        }
    }
}
