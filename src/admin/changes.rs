//! Requests that need the token: changes, and data that only an operator may see.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};

use super::pages::{Daemon, refusal};
use crate::{
    daemon::{
        backfill::{BackfillReport, BackfillWanted, Window},
        checkpoints::{NamedCheckpoint, ResetWanted},
        control::{OrderError, Reloaded},
        export::{Export, export},
        verification::{Started, VerificationStatus, VerifyWanted},
    },
    reasons::with_reasons,
};

/// The routes that an order concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// Their names.
    pub routes: Vec<String>,
}

/// The name of a backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillName {
    /// Its checkpoint's name.
    pub name: String,
}

/// The name of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunName {
    /// Its run.
    pub run: String,
}

type JsonAnswer<T> = Result<Json<T>, OrderError>;

pub(super) async fn pause(
    State(daemon): State<Arc<Daemon>>,
    Path(collector): Path<String>,
) -> JsonAnswer<Routes> {
    Ok(Json(Routes { routes: daemon.control.pause(&collector).await? }))
}

pub(super) async fn resume(
    State(daemon): State<Arc<Daemon>>,
    Path(collector): Path<String>,
) -> JsonAnswer<Routes> {
    Ok(Json(Routes { routes: daemon.control.resume(&collector).await? }))
}

pub(super) async fn poll(
    State(daemon): State<Arc<Daemon>>,
    Path(collector): Path<String>,
) -> JsonAnswer<Routes> {
    Ok(Json(Routes { routes: daemon.control.poll(&collector).await? }))
}

pub(super) async fn reset(
    State(daemon): State<Arc<Daemon>>,
    Json(wanted): Json<ResetWanted>,
) -> JsonAnswer<Vec<NamedCheckpoint>> {
    Ok(Json(daemon.control.reset(wanted).await?))
}

pub(super) async fn reload(State(daemon): State<Arc<Daemon>>) -> JsonAnswer<Reloaded> {
    Ok(Json(daemon.control.reload().await?))
}

pub(super) async fn backfill(
    State(daemon): State<Arc<Daemon>>,
    Json(wanted): Json<BackfillWanted>,
) -> JsonAnswer<Window> {
    Ok(Json(daemon.control.backfill(wanted).await?))
}

pub(super) async fn backfills(State(daemon): State<Arc<Daemon>>) -> JsonAnswer<Vec<BackfillReport>> {
    Ok(Json(daemon.control.backfills().await?))
}

pub(super) async fn stop_backfill(
    State(daemon): State<Arc<Daemon>>,
    Json(wanted): Json<BackfillName>,
) -> JsonAnswer<()> {
    Ok(Json(daemon.control.stop_backfill(&wanted.name).await?))
}

pub(super) async fn verify(
    State(daemon): State<Arc<Daemon>>,
    Json(wanted): Json<VerifyWanted>,
) -> JsonAnswer<Started> {
    Ok(Json(daemon.control.verify(wanted).await?))
}

pub(super) async fn verifications(State(daemon): State<Arc<Daemon>>) -> JsonAnswer<Vec<VerificationStatus>> {
    Ok(Json(daemon.control.verifications().await?))
}

pub(super) async fn stop_verification(
    State(daemon): State<Arc<Daemon>>,
    Json(wanted): Json<RunName>,
) -> JsonAnswer<()> {
    Ok(Json(daemon.control.stop_verification(&wanted.run).await?))
}

pub(super) async fn checkpoints(State(daemon): State<Arc<Daemon>>) -> Response {
    match export(&daemon.store).await {
        Ok(export) => Json::<Export>(export).into_response(),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, with_reasons(&error)).into_response(),
    }
}
