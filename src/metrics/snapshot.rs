//! Where the numbers come from: everything that is measured, at one moment.

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
    tables::unfit_values,
};

/// Everything that is measured.
#[derive(Debug, Clone)]
pub struct MetricsSnapshot {
    /// The version of this program.
    pub version: &'static str,
    /// Values that fitted no column: table, column, number.
    pub unfit: Vec<(&'static str, &'static str, u64)>,
    /// The routes.
    pub routes: Vec<RouteMetrics>,
    /// The sinks that they write to.
    pub sinks: Vec<SinkMetrics>,
}

/// What is measured of a route.
#[derive(Debug, Clone)]
pub struct RouteMetrics {
    /// What it is doing.
    pub status: RouteStatus,
    /// What it has counted.
    pub counters: RouteCounters,
    /// The room for its pages; `None` while it never got so far.
    pub budget: Option<ByteBudget>,
    /// Bytes in the file of its rejects.
    pub rejects_bytes: u64,
    /// When, in Unix seconds.
    pub now: i64,
}

/// What is measured of a sink.
#[derive(Debug, Clone)]
pub struct SinkMetrics {
    /// Its name in the settings.
    pub name: String,
    /// Its type in the settings.
    pub type_name: &'static str,
    /// By the sink itself.
    pub counters: SinkCounters,
    /// How long writes took, by all routes together.
    writes: Histogram,
}

impl MetricsSnapshot {
    /// Looks at the routes, at the sinks that they write to, and at the files of the rejects: call it where that may block for
    /// a moment. A backfill beside the route of the same collector and sink would have the same labels, and is left out:
    /// routes that follow come first.
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
    /// What a sink has counted.
    pub fn new(name: impl Into<String>, type_name: &'static str, counters: SinkCounters) -> Self {
        Self { name: name.into(), type_name, counters, writes: Histogram::new(WRITE_BOUNDS) }
    }

    /// How long writes took that the sink acknowledged, by all routes together.
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
