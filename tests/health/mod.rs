//! Health rows: when they are written, what they contain, and that nothing waits for them.

mod delivery;
mod rows;

use std::{sync::Arc, time::Duration};

use ccfd::{
    daemon::health::{HealthTarget, keep},
    pipeline::{
        backoff::RetryDelays,
        progress::{Progress, RouteState, RouteStatus, ShownError},
        route_registry::RouteRegistry,
        shutdown::{ShutdownSender, shutdown},
        stage::Stage,
    },
};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::{sink::SpySink, time::World};

const HOUR: u64 = 3_600;

/// Routes without anything behind them, and the rows that are made of what they show.
struct Bench {
    world: World,
    registry: RouteRegistry,
    sink: Arc<SpySink>,
    stops: ShutdownSender,
    ends: ShutdownSender,
    task: JoinHandle<()>,
}

impl Bench {
    /// Rows each hour; with `once` one, at the end.
    fn begin(once: bool) -> Self {
        let (world, registry, sink) =
            (World::new(), RouteRegistry::default(), Arc::new(SpySink::new("health")));
        sink.keep_records();
        let (stops, stop) = shutdown();
        let (ends, end) = shutdown();
        let target = {
            let sink = sink.clone();
            move || {
                Some(HealthTarget {
                    sink: sink.clone(),
                    retry: RetryDelays::default(),
                    interval: Duration::from_secs(HOUR),
                })
            }
        };
        let task = tokio::spawn(keep(registry.clone(), world.right_clock(), target, once, stop, end));
        Self { world, registry, sink, stops, ends, task }
    }

    fn daemon() -> Self {
        Self::begin(false)
    }

    /// A route that has not done anything yet.
    fn route(&self, name: &str) -> Progress {
        let (collector, sink) = name.split_once('/').unwrap();
        self.registry.put(RouteStatus {
            route: name.to_owned(),
            collector: collector.to_owned(),
            source: "audit_logs".to_owned(),
            sink: sink.to_owned(),
            sink_type: "sqlite".to_owned(),
            table: "OpenAIAuditLogs_CL".to_owned(),
            ..RouteStatus::default()
        })
    }

    /// A route that has read a page.
    fn live(&self, name: &str) -> Progress {
        let route = self.route(name);
        route.update(|status| status.state = RouteState::Live);
        route.mended(Stage::Reading);
        route
    }

    fn fails(&self, route: &Progress, state: RouteState) {
        let at = self.world.now();
        let [reason, text, advice] = ["unauthorized", "401", "provide a new key"].map(str::to_owned);
        let cause = reason.clone();
        route.failed(Stage::Reading, state, ShownError { at, since: at, reason, text, advice }, cause);
    }

    /// What was delivered, in the order in which it was made.
    fn rows(&self) -> Vec<Value> {
        let records = self.sink.seen().records.unwrap();
        let mut rows: Vec<Value> =
            records.values().map(|record| serde_json::from_slice(record).unwrap()).collect();
        rows.sort_by_key(|row| (row["at"].as_i64(), row["route"].to_string()));
        rows
    }

    /// The status of each row.
    fn statuses(&self) -> Vec<String> {
        self.rows().iter().map(|row| row["status"].as_str().unwrap().to_owned()).collect()
    }

    /// A stop as by SIGTERM, after which the routes have ended.
    async fn stop(self) -> (Vec<Value>, Vec<String>) {
        self.stops.request();
        self.end().await
    }

    /// The routes have ended by themselves.
    async fn end(mut self) -> (Vec<Value>, Vec<String>) {
        self.ends.request();
        (&mut self.task).await.unwrap();
        (self.rows(), self.statuses())
    }
}
