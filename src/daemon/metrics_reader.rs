//! Reads all measurements on demand.

use std::sync::Arc;

use super::shared::Shared;
use crate::{
    metrics::MetricsSnapshot,
    pipeline::{progress::Progress, route_registry::RouteRegistry},
};

/// Reads the counters of routes and sinks. Cheap to clone, and valid for every configuration of the process.
#[derive(Clone)]
pub struct MetricsReader {
    pub(super) registry: RouteRegistry,
    pub(super) shared: Arc<Shared>,
}

impl MetricsReader {
    /// Takes a snapshot. Blocks while it looks at the size of each route's rejects.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let mut routes = self.registry.routes();
        // Of several with the same labels the first is shown: the route, not its backfill.
        routes.sort_by_key(Progress::is_backfill);
        MetricsSnapshot::of(&routes, self.shared.sink_metrics(), chrono::Utc::now().timestamp())
    }
}
