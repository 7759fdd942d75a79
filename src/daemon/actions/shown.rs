//! One action, as `status` and metrics show it.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{attempt::RunsConnectors, fit::fits, outcome::Attempted, worker::LaneKey};
use crate::{
    config::{ACTION_ROUTES, ActionDoes, ActionSettings},
    connectors::gen_ai,
    detect_db::DueAction,
    pipeline::{
        backoff::Delays,
        names::route_name,
        policy::{ActionFailure, ActionFailureKind, Failure},
        progress::{Progress, RouteStatus},
        retry::{mended, report_and_delay},
        route_registry::RouteRegistry,
        stage::Stage,
    },
    tables::ALERTS,
};

/// One action, and what is shown of it.
pub(super) struct ShownAction {
    pub(super) settings: Arc<ActionSettings>,
    pub(super) progress: Progress,
    /// What kept it from being done, the last time.
    pub(super) failing: Option<ActionFailure>,
    /// When it was given slots, the last time.
    pub(super) turn: u64,
    /// Nothing of it begins before, whatever others of its connector do.
    paused: Option<Instant>,
}

impl ShownAction {
    /// Shows an action.
    pub(super) fn new(settings: &ActionSettings, registry: &RouteRegistry) -> Self {
        let name = settings.outbox.name.to_string();
        let status = RouteStatus {
            route: route_name(ACTION_ROUTES, &name),
            collector: ACTION_ROUTES.to_owned(),
            source: ACTION_ROUTES.to_owned(),
            sink: name,
            sink_type: settings.connector().to_owned(),
            table: ALERTS.name.to_string(),
            has_checkpoint: true,
            ..RouteStatus::default()
        };
        Self {
            settings: Arc::new(settings.clone()),
            progress: registry.put(status),
            failing: None,
            turn: 0,
            paused: None,
        }
    }

    /// The lane of its connector.
    pub(super) fn lane(&self) -> LaneKey {
        (self.settings.space.clone(), self.settings.connector().to_owned())
    }

    /// Nothing of it begins for this long.
    pub(super) fn pause(&mut self, wait: Duration) {
        self.paused = Some(Instant::now() + wait);
    }

    /// Whether nothing of it may begin.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some_and(|until| Instant::now() < until)
    }

    /// It works. Returns whether it was paused since it last did.
    pub(super) fn worked(&mut self) -> bool {
        self.failing = None;
        self.paused.take().is_some()
    }

    /// Shows whether its connector is missing or cannot run, and whether the parameters fit it. Returns whether it can run.
    pub(super) async fn look(&mut self, connectors: &dyn RunsConnectors) -> bool {
        let ActionDoes::Run { connector, params, .. } = &self.settings.does else { return false };
        let found = match connectors.ready(&self.settings.space, connector).await {
            // A model gets no templates.
            Ok(ready) if &*ready.connector.type_id == gen_ai::TYPE_ID => Ok(()),
            Ok(ready) => fits(params, &ready),
            Err(error) => Err(error.into()),
        };
        let was_lasting =
            self.failing.as_ref().is_some_and(|failing| failing.kind == ActionFailureKind::Lasting);
        let can_run = found.is_ok();
        match found {
            Err(Attempted::Again(failure, _)) => {
                self.failing = Some(failure.clone());
                _ = report_and_delay(&Failure::Action(failure), &mut Delays::default(), &self.progress);
            }
            Ok(_) if was_lasting => {
                _ = self.worked();
                mended(Stage::Writing, &self.progress);
            }
            Ok(_)
            | Err(
                Attempted::Done(_) | Attempted::Rest(_) | Attempted::Failed(_) | Attempted::NotBefore(..),
            ) => {}
        }
        can_run
    }

    /// Logs and counts what failed for good.
    pub(super) fn failed(&self, due: &DueAction, text: &str) {
        let name = &*self.settings.outbox.name;
        let advice = "see `ccfd alerts actions list`; once its cause is gone, `ccfd alerts actions retry`";
        tracing::error!(action = name, alert = due.alert_id, error = text, advice, "action failed");
        self.progress.count(|counters| {
            counters.fetched += 1;
            *counters.rejected.entry("action_failed").or_default() += 1;
        });
    }
}
