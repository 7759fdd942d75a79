//! `/api/cases`: cases, as Kibana serves them. Only shapes are here; what is done, `cases` does.
//!
//! | file | what it has |
//! | --- | --- |
//! | `requests`, `query` | bodies and queries |
//! | `whole` | cases: created, found, changed, deleted |
//! | `attached` | comments and alerts |
//! | `files` | files |
//! | `history` | what was done to a case |
//! | `configure` | configurations, and the connectors that cases can be sent with |
//! | `push` | a case is sent with a connector |
//! | `error` | what is refused |

mod attached;
mod configure;
mod error;
mod files;
mod history;
mod push;
mod query;
mod requests;
mod whole;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Path},
    http::{StatusCode, request::Parts},
    routing::{get, patch, post},
};
use collectors::Clock;
use serde::Deserialize;

pub(super) use self::push::PushRoom;
use super::{Kibana, KibanaError, call::ApiCall};
use crate::{
    cases::{CaseError, CasePerson, CaseStamp, CaseStore},
    detect_db::KeyScope,
};

pub(super) fn routes() -> Router<Arc<Kibana>> {
    Router::new()
        .route("/api/cases", post(whole::create).patch(whole::update).delete(whole::delete))
        .route("/api/cases/_find", get(whole::find))
        .route("/api/cases/status", get(whole::counts))
        .route("/api/cases/tags", get(whole::tags))
        .route("/api/cases/reporters", get(whole::reporters))
        .route("/api/cases/configure", get(configure::list).post(configure::create))
        .route("/api/cases/configure/{id}", patch(configure::update))
        .route("/api/cases/configure/connectors/_find", get(configure::connectors))
        .route("/api/cases/alerts/{id}", get(attached::cases_of_alert))
        .route("/api/cases/{id}", get(whole::read))
        .route("/api/cases/{id}/alerts", get(attached::alerts))
        .route(
            "/api/cases/{id}/comments",
            get(attached::list).post(attached::add).patch(attached::edit).delete(attached::delete_all),
        )
        .route("/api/cases/{id}/comments/_find", get(attached::find))
        .route("/api/cases/{id}/comments/{part}", get(attached::read).delete(attached::delete))
        .route("/api/cases/{id}/user_actions", get(history::list))
        .route("/api/cases/{id}/user_actions/_find", get(history::find))
        .route("/api/cases/{id}/files", post(files::add))
        .route("/api/cases/{id}/files/{part}", get(files::read))
        .route("/api/cases/{id}/connector/{part}/_push", post(push::push))
}

/// Cases of a space, for one call.
struct Cases {
    kibana: Arc<Kibana>,
    space: Arc<str>,
    by: CasePerson,
}

impl Cases {
    /// For someone who reads them.
    fn to_read(kibana: Arc<Kibana>, call: &ApiCall) -> Result<Self, KibanaError> {
        Self::of(kibana, call, KeyScope::Read, "get cases")
    }

    /// For someone who changes them.
    fn to_change(kibana: Arc<Kibana>, call: &ApiCall) -> Result<Self, KibanaError> {
        Self::of(kibana, call, KeyScope::Manage, "update cases")
    }

    fn of(kibana: Arc<Kibana>, call: &ApiCall, scope: KeyScope, what: &str) -> Result<Self, KibanaError> {
        let space = call.for_scope(scope, what)?;
        Ok(Self { kibana, space, by: CasePerson::named(call.by()) })
    }

    /// Does something with them.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut CaseStore<'_>, CaseStamp<'_>) -> Result<T, CaseError> + Send + 'static,
    ) -> Result<T, KibanaError> {
        let (space, by, now) = (self.space.clone(), self.by.clone(), Clock::system().now());
        let done =
            self.kibana.database.run(move |db| work(&mut db.cases(&space), CaseStamp { by: &by, now }));
        done.await.map_err(KibanaError::from)
    }
}

/// The ids in a path: of a case, and of what belongs to it.
#[derive(Deserialize)]
struct CasePart {
    id: String,
    part: String,
}

impl<S: Sync + Send> FromRequestParts<S> for CasePart {
    type Rejection = KibanaError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, KibanaError> {
        // Percent-encoded bytes that are no text are refused in the envelope of all errors.
        let read = Path::from_request_parts(parts, state).await;
        read.map(|Path(part)| part).map_err(|_| KibanaError::bare(StatusCode::BAD_REQUEST))
    }
}
