//! Everything that is measured, read when somebody asks.

use std::sync::Arc;

use super::shared::Shared;
use crate::{
    metrics::MetricsSnapshot,
    pipeline::{progress::Progress, route_registry::RouteRegistry},
};

/// Reads what routes and sinks have counted. Cheap to clone, and good for every configuration of the process.
#[derive(Clone)]
pub struct MetricsReader {
    pub(super) registry: RouteRegistry,
    pub(super) shared: Arc<Shared>,
}

impl MetricsReader {
    /// Takes them all. Blocks for as long as it takes to look at the size of each route's rejects.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let mut routes = self.registry.routes();
        // Of those with the same labels the first one is shown: not the backfill beside the route.
        routes.sort_by_key(Progress::is_backfill);
        MetricsSnapshot::of(&routes, self.shared.sink_metrics(), chrono::Utc::now().timestamp())
    }
}
