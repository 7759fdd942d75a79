//! Runs that are due.

use std::{collections::BTreeSet, sync::Arc};

use collectors::Record;
use tokio::sync::watch;

use super::record::record;
use crate::{
    config::{Config, RUN_ROUTES, SinkSettings},
    daemon::{assembly::Assembly, delivery::RowFeed},
    detect_db::{DeliveryCheckpoint, DeliveryPlace, DetectDb, DueRun},
    pipeline::policy::{Failure, judge},
    sinks::SinkError,
    tables::{CONNECTOR_RUNS, Table},
};

/// Runs per write: one has some hundred bytes.
const BATCH_RUNS: u32 = 1_000;

/// Runs for one sink: every sink gets their columns.
#[derive(Clone, Copy, Debug)]
pub struct ConnectorRunFeed;

impl RowFeed for ConnectorRunFeed {
    type Row = DueRun;

    const ROUTES: &'static str = RUN_ROUTES;

    fn table() -> Arc<Table> {
        CONNECTOR_RUNS.clone()
    }

    fn sinks(config: &Config) -> &[String] {
        &config.connectors.run_sinks
    }

    fn of(_settings: &SinkSettings) -> Self {
        Self
    }

    /// Nobody waits for a run: it is enough to look now and then.
    fn changes(_assembly: &Assembly) -> Option<watch::Receiver<()>> {
        None
    }

    fn due(
        db: &DetectDb,
        _route: &str,
        checkpoint: &DeliveryCheckpoint,
    ) -> Result<Vec<Self::Row>, SinkError> {
        db.due_runs(checkpoint, BATCH_RUNS)
    }

    fn count_due(db: &DetectDb, place: &DeliveryPlace) -> Result<u64, SinkError> {
        db.count_due_runs(place)
    }

    fn commit(
        db: &mut DetectDb,
        (route, destination): (&str, &str),
        runs: &[Self::Row],
        _refused: &BTreeSet<usize>,
        _now: i64,
    ) -> Result<(), SinkError> {
        db.commit_runs(route, destination, runs)
    }

    fn record(self, due: &Self::Row, _now: i64) -> serde_json::Result<Record> {
        record(due)
    }

    fn log_delivered(runs: u64) {
        tracing::info!(runs, "delivered runs of connectors");
    }

    fn log_refused(runs: u64) {
        let advice = "see `ccfd rejects list`";
        tracing::error!(runs, advice, "runs of connectors rejected");
    }

    fn log_left(failure: &Failure) {
        let advice = judge(failure).advice;
        tracing::warn!(error = %failure, advice, "runs of connectors are left to deliver: the next start continues");
    }
}
