//! All measurements at one moment.

use std::collections::HashSet;

use super::Labelled;
use crate::{
    pipeline::{
        byte_budget::ByteBudget,
        counters::{RouteCounters, WRITE_BOUNDS},
        histogram::Histogram,
        progress::{Measured, Progress, RouteStatus},
    },
    sinks::counters::SinkCounters,
    tables::{Text, unfit_values},
};

/// All measurements.
#[derive(Debug, Clone)]
pub struct MetricsSnapshot {
    /// The version of this program.
    pub version: &'static str,
    /// Values that did not fit their column: table, column, count.
    pub unfit: Vec<(Text, Text, u64)>,
    /// The routes.
    pub routes: Vec<RouteMetrics>,
    /// The sinks that they write to.
    pub sinks: Vec<SinkMetrics>,
}

/// The measurements of a route.
#[derive(Debug, Clone)]
pub struct RouteMetrics {
    /// Its status.
    pub status: RouteStatus,
    /// Its counters.
    pub counters: RouteCounters,
    /// Its byte budget; `None` if it never got that far.
    pub budget: Option<ByteBudget>,
    /// Size of its rejects file in bytes.
    pub rejects_bytes: u64,
    /// The time of the snapshot, in Unix seconds.
    pub now: i64,
}

/// The measurements of a sink.
#[derive(Debug, Clone)]
pub struct SinkMetrics {
    /// Its name in the settings.
    pub name: String,
    /// Its type in the settings.
    pub type_name: &'static str,
    /// Its own counters.
    pub counters: SinkCounters,
    /// Duration of writes, over all routes.
    writes: Histogram,
}

impl MetricsSnapshot {
    /// Reads routes, their sinks and the sizes of the rejects files; call it where that may block briefly. A
    /// backfill has the same labels as the route of its collector and sink, so it is left out if that route
    /// exists: routes come first.
    pub fn of(routes: &[Progress], mut sinks: Vec<SinkMetrics>, now: i64) -> Self {
        let mut known = HashSet::new();
        let mut snapshot = Vec::new();
        for Measured { status, counters, budget, rejects } in routes.iter().map(Progress::measured) {
            if let Some(sink) = sinks.iter_mut().find(|sink| sink.name == status.sink) {
                sink.writes.add(&counters.writes);
            }
            if known.insert((status.collector.clone(), status.sink.clone())) {
                let file = rejects.and_then(|path| path.metadata().ok());
                let rejects_bytes = file.map_or(0, |file| file.len());
                snapshot.push(RouteMetrics { status, counters, budget, rejects_bytes, now });
            }
        }
        Self { version: env!("CARGO_PKG_VERSION"), unfit: unfit_values(), routes: snapshot, sinks }
    }
}

impl SinkMetrics {
    /// The counters of a sink.
    pub fn new(name: impl Into<String>, type_name: &'static str, counters: SinkCounters) -> Self {
        Self { name: name.into(), type_name, counters, writes: Histogram::new(WRITE_BOUNDS) }
    }

    /// Duration of acknowledged writes, over all routes.
    pub fn writes(&self) -> &Histogram {
        &self.writes
    }
}

impl Labelled for MetricsSnapshot {
    const LABELS: &'static [&'static str] = &[];

    fn label_values(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl Labelled for RouteMetrics {
    const LABELS: &'static [&'static str] = &["collector", "sink", "source"];

    fn label_values(&self) -> Vec<&str> {
        vec![&self.status.collector, &self.status.sink, &self.status.source]
    }
}

impl Labelled for SinkMetrics {
    const LABELS: &'static [&'static str] = &["sink", "type"];

    fn label_values(&self) -> Vec<&str> {
        vec![&self.name, self.type_name]
    }
}
