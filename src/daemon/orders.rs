//! What each order does.

use super::{
    backfill::{BackfillReport, BackfillWanted, PlanError, Window, no_such_sink, plan},
    checkpoints::{self, NamedCheckpoint, ResetWanted},
    control::OrderError,
    routes::WantedRoute,
    supervisor::{Backfill, Running, Supervisor},
    verification::{Started, VerifyWanted},
};
use crate::{pipeline::progress::RouteStatus, reasons::with_reasons};

/// How many ended backfills are remembered.
const ENDED_MAX: usize = 100;

impl Supervisor {
    /// The routes of a collector that is configured.
    fn routes_of(&self, collector: &str) -> Result<Vec<WantedRoute>, OrderError> {
        if !self.assembly.config.collectors.contains_key(collector) {
            let names: Vec<&str> = self.assembly.config.collectors.keys().map(String::as_str).collect();
            let text = format!("no collector `{collector}` is configured (there are: {})", names.join(", "));
            return Err(OrderError::Usage(text));
        }
        let wanted = self.assembly.wanted(false, false);
        Ok(wanted.into_iter().filter(|wanted| wanted.collector == collector).collect())
    }

    /// The running backfills of a collector.
    fn backfills_of(&self, collector: &str) -> Vec<String> {
        let is_meant = |one: &Running| !one.follows() && one.wanted.collector == collector;
        self.running.iter().filter(|(_, one)| is_meant(one)).map(|(name, _)| name.clone()).collect()
    }

    fn ensure_not_paused(&self, collector: &str) -> Result<(), OrderError> {
        self.pauses.ensure_not_paused(collector).map_err(OrderError::Usage)
    }

    pub(super) async fn set_paused(
        &mut self,
        collector: &str,
        paused: bool,
    ) -> Result<Vec<String>, OrderError> {
        let routes = self.routes_of(collector)?;
        let names: Vec<String> = routes.iter().map(|wanted| wanted.checkpoint.clone()).collect();
        let stored = self.pauses.set(collector, paused);
        let changed =
            stored.map_err(|error| OrderError::Failed(format!("paused.json cannot be written: {error}")))?;
        match (changed, paused) {
            (false, _) => {}
            (true, true) => {
                let backfills = self.backfills_of(collector);
                self.verifications.stop_all(Some(collector));
                self.stop(&[names.as_slice(), backfills.as_slice()].concat()).await;
                routes.iter().for_each(|wanted| self.show_paused(wanted));
                tracing::warn!(collector, "paused by an operator");
                for backfill in backfills {
                    tracing::warn!(
                        backfill,
                        "stopped with its collector; once that is resumed, run the same command to continue"
                    );
                }
            }
            (true, false) => {
                tracing::info!(collector, "resumed by an operator");
                for wanted in routes {
                    self.start(wanted);
                }
            }
        }
        Ok(names)
    }

    pub(super) fn poll_now(&mut self, collector: &str) -> Result<Vec<String>, OrderError> {
        let routes = self.routes_of(collector)?;
        self.ensure_not_paused(collector)?;
        let running = routes.iter().filter_map(|wanted| self.running.get(&wanted.checkpoint));
        running.clone().for_each(|one| one.poll_now.request());
        Ok(running.map(|one| one.wanted.checkpoint.clone()).collect())
    }

    pub(super) async fn reset(&mut self, wanted: &ResetWanted) -> Result<Vec<NamedCheckpoint>, OrderError> {
        let found = checkpoints::meant_by(&self.store, wanted).await.map_err(failed)?;
        if wanted.dry_run || found.is_empty() {
            return Ok(found);
        }
        let names: Vec<String> = found.iter().map(|one| one.name.clone()).collect();
        let running = names.iter().filter_map(|name| self.running.get(name));
        let routes: Vec<WantedRoute> =
            running.filter(|one| one.follows()).map(|one| one.wanted.clone()).collect();
        self.stop(&names).await;
        let forgotten = checkpoints::reset(&self.store, &self.assembly.config, wanted).await;
        if forgotten.is_ok() {
            tracing::warn!(checkpoints = names.join(", "), "reset by an operator");
            names.iter().for_each(|name| self.assembly.registry.remove(name));
        }
        for wanted in routes {
            self.start(wanted);
        }
        for wanted in self.routes_of(&wanted.collector).unwrap_or_default() {
            if !self.running.contains_key(&wanted.checkpoint) {
                self.show_paused(&wanted);
            }
        }
        forgotten.map_err(failed)
    }

    pub(super) async fn begin_backfill(&mut self, asked: &BackfillWanted) -> Result<Window, OrderError> {
        let routes = self.routes_of(&asked.collector)?;
        if !routes.iter().any(|wanted| wanted.sink == asked.sink) {
            let sinks: Vec<String> = routes.into_iter().map(|wanted| wanted.sink).collect();
            let text = no_such_sink(&asked.collector, &asked.sink, &sinks);
            return Err(OrderError::Usage(text));
        }
        self.ensure_not_paused(&asked.collector)?;
        let name = asked.name();
        if self.running.contains_key(&name) {
            return Err(OrderError::Usage(format!("the backfill {name} is already running")));
        }
        let now = chrono::Utc::now().timestamp();
        let window = plan(&self.store, asked, now).await.map_err(|error| match error {
            PlanError::Empty(text) => OrderError::Usage(text),
            PlanError::State(error) => failed(error),
        })?;
        if let Some(text) = window.cut_short(asked) {
            tracing::warn!(backfill = window.name, "{text}");
        }
        if !window.finished {
            tracing::info!(backfill = window.name, resumed = window.resumed, "backfill started");
            self.start(window.wanted(asked));
            self.remember(window.clone());
        }
        Ok(window)
    }

    fn remember(&mut self, window: Window) {
        let ended: Vec<String> = self
            .backfills
            .iter()
            .filter(|(_, backfill)| backfill.ended.is_some())
            .map(|(name, _)| name.clone())
            .collect();
        if let (true, Some(first)) = (ended.len() >= ENDED_MAX, ended.first()) {
            self.backfills.remove(first);
            self.assembly.registry.remove(first);
        }
        self.backfills.insert(window.name.clone(), Backfill { window, ended: None });
    }

    pub(super) fn backfill_reports(&self) -> Vec<BackfillReport> {
        let report = |(name, backfill): (&String, &Backfill)| BackfillReport {
            window: backfill.window.clone(),
            status: self
                .assembly
                .registry
                .get(name)
                .map_or_else(RouteStatus::default, |shown| shown.status()),
            ended: backfill.ended.clone(),
        };
        self.backfills.iter().map(report).collect()
    }

    pub(super) fn begin_verification(&mut self, wanted: VerifyWanted) -> Result<Started, OrderError> {
        let routes = self.routes_of(&wanted.collector)?;
        if !routes.iter().any(|route| route.sink == wanted.sink) {
            let text = format!("collector `{}` has no sink `{}`", wanted.collector, wanted.sink);
            return Err(OrderError::Usage(text));
        }
        self.ensure_not_paused(&wanted.collector)?;
        let (assembly, store) = (self.assembly.clone(), self.store.clone());
        self.verifications.begin(assembly, store, wanted).map_err(OrderError::Failed)
    }

    pub(super) fn stop_verification(&self, run: &str) -> Result<(), OrderError> {
        if self.verifications.stop(run) {
            return Ok(());
        }
        Err(OrderError::Usage(format!("this daemon has not started a verification {run}")))
    }

    pub(super) async fn stop_backfill(&mut self, name: &str) -> Result<(), OrderError> {
        if !self.backfills.contains_key(name) {
            return Err(OrderError::Usage(format!("this daemon has not started a backfill {name}")));
        }
        self.stop(&[name.to_owned()]).await;
        Ok(())
    }
}

fn failed(error: state::StateError) -> OrderError {
    OrderError::Failed(with_reasons(&error))
}
