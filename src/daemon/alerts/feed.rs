//! Alerts that are due.

use std::{collections::BTreeSet, sync::Arc};

use collectors::Record;
use tokio::sync::watch;

use super::record::{AlertForm, record};
use crate::{
    config::{ALERT_ROUTES, Config, SinkSettings},
    daemon::{assembly::Assembly, delivery::RowFeed},
    detect_db::{DeliveryCheckpoint, DeliveryPlace, DetectDb, DueAlert},
    pipeline::policy::{Failure, judge},
    sinks::SinkError,
    tables::{ALERTS, Table},
};

/// Alerts per write: one has some ten thousand bytes at most.
const BATCH_ALERTS: u32 = 200;

/// Alerts for one sink.
#[derive(Clone, Copy, Debug)]
pub struct AlertFeed(AlertForm);

impl RowFeed for AlertFeed {
    type Row = DueAlert;

    const ROUTES: &'static str = ALERT_ROUTES;

    fn table() -> Arc<Table> {
        ALERTS.clone()
    }

    fn sinks(config: &Config) -> &[String] {
        &config.alerts.sinks
    }

    fn of(settings: &SinkSettings) -> Self {
        Self(AlertForm::of(settings))
    }

    /// Those of the sink that judges.
    fn changes(assembly: &Assembly) -> Option<watch::Receiver<()>> {
        let judges = |(name, settings): (&String, &SinkSettings)| match settings {
            SinkSettings::Detect(_) => assembly.sink(name)?.alert_changes(),
            SinkSettings::Sqlite(_)
            | SinkSettings::Ndjson(_)
            | SinkSettings::Elasticsearch(_)
            | SinkSettings::KibanaIndex(_)
            | SinkSettings::LogsIngestion(_) => None,
        };
        assembly.config.sinks.iter().find_map(judges)
    }

    fn due(db: &DetectDb, route: &str, checkpoint: &DeliveryCheckpoint) -> Result<Vec<Self::Row>, SinkError> {
        db.due_alerts(route, checkpoint, BATCH_ALERTS)
    }

    fn count_due(db: &DetectDb, place: &DeliveryPlace) -> Result<u64, SinkError> {
        db.count_due_alerts(place)
    }

    fn commit(
        db: &mut DetectDb,
        (route, destination): (&str, &str),
        alerts: &[Self::Row],
        refused: &BTreeSet<usize>,
        now: i64,
    ) -> Result<(), SinkError> {
        db.commit_alerts(route, destination, alerts, refused, now)
    }

    fn record(self, due: &Self::Row, now: i64) -> serde_json::Result<Record> {
        record(due, self.0, now)
    }

    fn log_delivered(alerts: u64) {
        tracing::info!(alerts, "delivered alerts");
    }

    fn log_refused(alerts: u64) {
        let advice = "see `ccfd rejects list`";
        tracing::error!(alerts, advice, "alerts rejected");
    }

    fn log_left(failure: &Failure) {
        let advice = judge(failure).advice;
        tracing::warn!(error = %failure, advice, "alerts are left to deliver: the next start continues");
    }
}
