//! Kibana's HTTP API for connectors, cases and spaces, so that scripts written for Kibana work unchanged. Only shapes,
//! statuses and texts are here; what is done, `connectors`, `cases` and `detect_db` do.
//!
//! | file | what it has |
//! | --- | --- |
//! | `call` | who calls, in which space; a handler gets the space only by naming the scope that it needs |
//! | `json`, `fields` | bodies and their fields, and what is said of wrong ones |
//! | `error` | the envelope of every error |
//! | `connectors`, `connector_shape` | create, read, list, update, delete; the types |
//! | `execute` | a run, and what came of it |
//! | `oauth` | the two pages that end an authorization by OAuth |
//! | `spaces`, `space_shape` | spaces |
//! | `usage` | tokens that models used: ccfd's own, with the same guard |
//! | `cases` | cases |
//!
//! Each path is there a second time below `/s/{space}`. An area adds its routes in [`areas`].

mod call;
mod cases;
mod connector_shape;
mod connectors;
mod error;
mod execute;
mod fields;
mod json;
mod oauth;
mod space_shape;
mod spaces;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Path},
    http::{StatusCode, request::Parts},
    middleware::from_fn_with_state,
    routing::any,
};
use serde::Deserialize;

use self::{cases::PushRoom, error::KibanaError};
use super::{body::BodyMemory, guard::Guard};
use crate::{connectors::Registry, daemon::push::PushEnder, detect_db::DetectThread};

/// What the handlers work with.
pub(super) struct Kibana {
    connectors: Arc<Registry>,
    pushes: Arc<PushEnder>,
    push_room: PushRoom,
    database: Arc<DetectThread>,
    guard: Arc<Guard>,
    memory: BodyMemory,
}

impl Kibana {
    async fn has_space(&self, id: &str) -> Result<bool, KibanaError> {
        let id = id.to_owned();
        self.database.run(move |db| Ok::<_, KibanaError>(db.space(&id)?.is_some())).await
    }
}

/// All routes, for those whom the guard and the API keys let in.
pub(super) fn router<S>(
    connectors: Arc<Registry>,
    pushes: Arc<PushEnder>,
    database: Arc<DetectThread>,
    guard: Arc<Guard>,
) -> Router<S> {
    let (push_room, memory) = (PushRoom::default(), BodyMemory::shared());
    let kibana = Arc::new(Kibana { connectors, pushes, push_room, database, guard, memory });
    Router::new()
        .merge(areas())
        .nest("/s/{space}", areas())
        .route("/s/{space}", any(unknown))
        .route("/s/{space}/{*rest}", any(unknown))
        .method_not_allowed_fallback(not_allowed)
        .route_layer(from_fn_with_state(kibana.clone(), call::let_in))
        .with_state(kibana)
}

/// The routes of every area, and what is below their paths without being a route.
fn areas() -> Router<Arc<Kibana>> {
    Router::new()
        .merge(connectors::routes())
        .merge(spaces::routes())
        .merge(usage::routes())
        .merge(cases::routes())
        .route("/api/actions/{*rest}", any(unknown))
        .route("/internal/actions/{*rest}", any(unknown))
        .route("/api/spaces/{*rest}", any(unknown))
        .route("/api/cases/{id}/{*rest}", any(unknown))
}

async fn unknown() -> KibanaError {
    KibanaError::not_found()
}

async fn not_allowed() -> KibanaError {
    KibanaError::bare(StatusCode::METHOD_NOT_ALLOWED)
}

/// The id in a path.
struct PathId(String);

#[derive(Deserialize)]
struct NamedInPath {
    id: String,
}

impl<S: Sync + Send> FromRequestParts<S> for PathId {
    type Rejection = KibanaError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, KibanaError> {
        match Path::<NamedInPath>::from_request_parts(parts, state).await {
            Ok(Path(NamedInPath { id })) => Ok(Self(id)),
            // Percent-encoded bytes that are no text.
            Err(_) => Err(KibanaError::bare(StatusCode::BAD_REQUEST)),
        }
    }
}
