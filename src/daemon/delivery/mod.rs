//! Delivers rows of `detect.db` to the sinks that the settings name, in one route for each: it follows what comes and changes
//! there, and keeps its checkpoint there. Nothing waits for it. What it delivers is a [`RowFeed`]: alerts, or runs of connectors.

mod route;
#[cfg(test)]
mod tests;
mod uncommitted;

use std::{collections::BTreeSet, sync::Arc};

use collectors::Record;
use futures::future::join_all;
use tokio::sync::watch;
use tracing::Instrument as _;

use self::route::RowRoute;
pub(super) use self::uncommitted::{UncommittedDeliveries, UncommittedDelivery};
use super::{
    assembly::Assembly,
    background::{BackgroundWork, WorkEnd},
    supervisor::Supervisor,
};
use crate::{
    config::{Config, SinkSettings},
    detect_db::{DeliveryCheckpoint, DeliveryPlace, DetectDb},
    pipeline::policy::Failure,
    sinks::SinkError,
    tables::Table,
};

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

/// Begins the routes of a feed. At the end they deliver what there is: end them when the routes of records have ended and the
/// sinks are still open.
pub fn begin<F: RowFeed>(supervisor: &Supervisor) -> BackgroundWork {
    BackgroundWork::begin(F::ROUTES, supervisor, |assembly| WholeAssembly(assembly.clone()), deliver::<F>)
}

/// Any change of the configuration begins the routes again: their checkpoints are as they were.
struct WholeAssembly(Arc<Assembly>);

impl PartialEq for WholeAssembly {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Runs the routes of one configuration. Returns what kept rows from being delivered.
async fn deliver<F: RowFeed>(current: watch::Receiver<Arc<Assembly>>, end: WorkEnd) -> Vec<Failure> {
    let assembly = current.borrow().clone();
    let sinks = F::sinks(&assembly.config);
    // Those of an earlier configuration.
    for shown in assembly.registry.statuses() {
        if shown.source == F::ROUTES && !sinks.contains(&shown.sink) {
            assembly.registry.remove(&shown.route);
        }
    }
    let routes = sinks.iter().filter_map(|sink| RowRoute::<F>::new(&assembly, sink));
    let running = routes.map(|route| {
        let span = tracing::error_span!("route", route = route.name());
        route.run(end.stop.clone(), end.drains.clone()).instrument(span)
    });
    join_all(running).await.into_iter().flatten().collect()
}
