//! Builds routes from the settings.

use std::{sync::Arc, time::Duration};

use collectors::Timing;
use state::Store;

use super::assembly::Assembly;
use crate::{
    config::Start,
    pipeline::{
        batcher::BatchLimits,
        messages::MessageLimits,
        names::route_name,
        plan::{Begin, Plan},
        policy::Failure,
        poll_now::PollNow,
        progress::RouteStatus,
        rejects::{Bounds, Rejects},
        route::Route,
    },
};

/// A route to run.
#[derive(Debug, Clone)]
pub struct WantedRoute {
    /// The collector's name.
    pub collector: String,
    /// The sink's name.
    pub sink: String,
    /// The checkpoint's name.
    pub checkpoint: String,
    /// How far to read.
    pub plan: Plan,
    /// Whether to continue although the checkpoint was written for another source or destination.
    pub accept_change: bool,
}

impl Assembly {
    /// Every configured route.
    pub fn wanted(&self, once: bool, accept_change: bool) -> Vec<WantedRoute> {
        let routes = self.config.collectors.iter().flat_map(|(collector, settings)| {
            settings.sinks.iter().map(move |sink| WantedRoute {
                collector: collector.clone(),
                sink: sink.clone(),
                checkpoint: route_name(collector, sink),
                plan: Plan::Follow { begin: begin(&settings.start), once },
                accept_change,
            })
        });
        routes.collect()
    }

    /// The status of a route before it runs. `None` if its collector or sink is not configured.
    pub fn status(&self, wanted: &WantedRoute) -> Option<RouteStatus> {
        let settings = self.config.collectors.get(&wanted.collector)?;
        let sink = self.config.sinks.get(&wanted.sink)?;
        Some(RouteStatus {
            route: wanted.checkpoint.clone(),
            collector: wanted.collector.clone(),
            source: settings.source.name().to_owned(),
            sink: wanted.sink.clone(),
            sink_type: sink.type_name().to_owned(),
            table: Self::table(settings).name.to_string(),
            verified: self.verified(&wanted.checkpoint),
            ..RouteStatus::default()
        })
    }

    /// The limits of each route's rejects and of its copies of cut records.
    pub fn rejects_bounds(&self) -> Bounds {
        let pipeline = &self.config.pipeline;
        Bounds { rejects_max: pipeline.rejects_max, cut_max: pipeline.cut_max }
    }

    /// Builds a route without running it. `None` if its collector or sink is not configured.
    pub fn route(self: &Arc<Self>, store: &Store, wanted: WantedRoute) -> Option<Route> {
        // Shared by all closures that need the settings later: there may be a thousand routes.
        let settings = Arc::new(self.config.collectors.get(&wanted.collector)?.clone());
        let sink = self.sink(&wanted.sink)?;
        let (source, tenant_walk) = Self::source(&settings);
        let table = Self::table(&settings);
        let progress = self.registry.put(self.status(&wanted)?);
        let pipeline = &self.config.pipeline;
        let bytes_in_flight = usize::try_from(pipeline.bytes_in_flight).unwrap_or(usize::MAX);
        let rejects = {
            let (dir, name) = (self.config.state.dir.clone(), wanted.checkpoint.clone());
            let (clock, bounds) = (self.clock.clone(), self.rejects_bounds());
            move || Rejects::open(&dir, &name, bounds, clock.clone()).map_err(Failure::from)
        };
        let client = {
            let (assembly, settings) = (self.clone(), settings.clone());
            move || assembly.client(&settings)
        };
        let redaction = {
            let (assembly, settings) = (self.clone(), settings.clone());
            move || assembly.redaction(&settings)
        };
        let checkpoint = {
            let (store, name) = (store.clone(), wanted.checkpoint.clone());
            move || store.cursor(&name)
        };
        Some(Route {
            name: wanted.checkpoint,
            collector: wanted.collector,
            filters: source.digest(),
            source,
            timing: Timing {
                poll_interval: settings.poll_interval,
                sweep_interval: settings.sweep_interval,
                overlap: settings.overlap,
                dedup_ids_max: settings.dedup_ids_max,
            },
            tenant_walk,
            plan: wanted.plan,
            messages: settings.messages.map(|messages| MessageLimits {
                bytes_max: usize::try_from(messages.bytes_max).unwrap_or(usize::MAX),
                include_images: messages.include_images,
            }),
            client: Box::new(client),
            redaction: Box::new(redaction),
            base_url: settings.base_url.to_string(),
            table,
            sink,
            retry: self.retry(&wanted.sink),
            store: Box::new(checkpoint),
            rejects: Arc::new(rejects),
            gathering: BatchLimits {
                batch_wait: pipeline.batch_wait,
                commit_interval: pipeline.commit_interval,
                batch_bytes_max: bytes_in_flight,
            },
            bytes_in_flight,
            progress,
            poll_now: PollNow::default(),
            tap: self.tap.clone(),
            accept_change: wanted.accept_change,
        })
    }
}

/// The second at which a collector begins without a checkpoint.
fn begin(start: &Start) -> Begin {
    match start {
        Start::LookBack(back) => Begin::LookBack(seconds(*back)),
        Start::All => Begin::At(0),
        Start::At(time) => Begin::At(time.timestamp().max(0)),
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
