//! Pages without changes: health, readiness, status.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use state::Store;
use tokio::sync::Semaphore;

use super::metrics::{CONTENT_TYPE, render};
use crate::{
    connectors::Registry,
    daemon::{
        MetricsReader,
        control::{Control, OrderError},
        push::PushEnder,
    },
    detect_db::DetectThread,
    pipeline::{
        progress::{RouteState, RouteStatus},
        route_registry::RouteRegistry,
        status_file::StatusFile,
        tap::Tap,
    },
};

/// What the pages are made from.
#[derive(Clone)]
pub struct Daemon {
    /// Its routes.
    pub registry: RouteRegistry,
    /// Its checkpoints.
    pub store: Store,
    /// Receives its orders.
    pub control: Control,
    /// Its metrics.
    pub metrics: MetricsReader,
    /// Shows its records.
    pub tap: Tap,
    /// Its connectors.
    pub connectors: Arc<Registry>,
    /// Ends its pushes of cases.
    pub pushes: Arc<PushEnder>,
    /// Its spaces and API keys.
    pub database: Arc<DetectThread>,
}

/// Whether all routes do their work.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Readiness {
    ready: bool,
    /// Routes without a checkpoint or a poll so far.
    waiting: Vec<String>,
    /// Routes that wait for an operator.
    parked: Vec<String>,
    /// Routes that an operator has paused.
    paused: Vec<String>,
}

/// An error with its reason.
pub(super) fn refusal(status: StatusCode, text: impl Into<String>) -> (StatusCode, Json<serde_json::Value>) {
    (status, Json(json!({ "error": text.into() })))
}

/// What is at this address, for somebody who opened it in a browser.
pub(super) const HERE: &str = "this is the admin interface of ccfd: /healthz, /readyz, /metrics, /api/v1/status; `ccfd status` shows the same";

/// The root has no page of its own.
pub(super) async fn root() -> Json<serde_json::Value> {
    Json(json!({ "here": HERE }))
}

/// Only whether the process answers, so that nothing that a restart cannot fix causes a restart.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// How many pages of metrics are built concurrently: each looks at the rejects files, on a disk that may
/// hang.
const SCRAPES_MAX: usize = 2;

static SCRAPES: Semaphore = Semaphore::const_new(SCRAPES_MAX);

pub(super) async fn readyz(State(daemon): State<Arc<Daemon>>) -> Response {
    let readiness = Readiness::of(&daemon.registry.statuses());
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

pub(super) async fn status(State(daemon): State<Arc<Daemon>>) -> Json<StatusFile> {
    Json(StatusFile::of(&daemon.registry))
}

pub(super) async fn metrics(State(daemon): State<Arc<Daemon>>) -> Response {
    let metrics = daemon.metrics.clone();
    let place = SCRAPES.acquire().await;
    let rendered = tokio::task::spawn_blocking(move || {
        // Released when the page is done, even if the caller no longer waits.
        let _place = place;
        render(&metrics.snapshot())
    });
    match rendered.await {
        Ok(Ok(page)) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response(),
        Ok(Err(error)) => refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl Readiness {
    fn of(routes: &[RouteStatus]) -> Self {
        let names = |wanted: &dyn Fn(&RouteStatus) -> bool| {
            routes.iter().filter(|route| wanted(route)).map(|route| route.route.clone()).collect::<Vec<_>>()
        };
        let waiting = names(&|route| {
            !route.has_checkpoint && route.last_read.is_none() && route.state != RouteState::Paused
        });
        Self {
            ready: waiting.is_empty(),
            waiting,
            parked: names(&|route| route.state == RouteState::Parked),
            paused: names(&|route| route.state == RouteState::Paused),
        }
    }
}

impl IntoResponse for OrderError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Usage(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        refusal(status, self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(name: &str, state: RouteState, has_checkpoint: bool) -> RouteStatus {
        RouteStatus { route: name.to_owned(), state, has_checkpoint, ..RouteStatus::default() }
    }

    #[test]
    fn it_is_ready_once_every_route_has_a_checkpoint_or_has_polled() {
        let new = route("a/x", RouteState::Starting, false);
        let readiness = Readiness::of(&[new, route("b/x", RouteState::Live, true)]);
        assert!(!readiness.ready);
        assert_eq!(readiness.waiting, ["a/x"]);
        let parked = route("a/x", RouteState::Parked, true);
        let paused = route("c/x", RouteState::Paused, false);
        let readiness = Readiness::of(&[parked, paused]);
        assert!(readiness.ready, "neither is mended by sending the traffic elsewhere");
        assert_eq!(
            (readiness.parked.as_slice(), readiness.paused.as_slice()),
            (&["a/x".to_owned()][..], &["c/x".to_owned()][..])
        );
    }
}
