//! A case is sent with a connector.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::{CasePart, Cases};
use crate::{
    admin::kibana::{Kibana, KibanaError, call::ApiCall},
    cases::Case,
    daemon::push::{CasePushError, CaseToPush, push_case},
    detect_db::KeyScope,
};

pub(super) async fn push(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    CasePart { id, part }: CasePart,
) -> Result<Json<Case>, KibanaError> {
    let cases = Cases::to_change(kibana.clone(), &call)?;
    call.for_scope(KeyScope::Run, "execute actions")?;
    let (caller, connectors, end) = (call.caller(), kibana.connectors.clone(), kibana.pushes.for_push());
    // A task of its own, because what was sent must be kept, also if the peer no longer waits for it.
    let sending = tokio::spawn(async move {
        let (case, connector) = (id.as_str(), part.as_str());
        let (space, by) = (&cases.space, &cases.by);
        let push = CaseToPush { space, case, connector, by, creates: false, waits: || () };
        push_case(&connectors, push, caller, end).await
    });
    let sent = sending.await.map_err(|error| KibanaError::internal(&error))?;
    Ok(Json(sent?))
}

impl From<CasePushError> for KibanaError {
    fn from(error: CasePushError) -> Self {
        let message = error.to_string();
        match error {
            CasePushError::Connector(error) => error.into(),
            CasePushError::Case(error) => error.into(),
            CasePushError::Failed(_) | CasePushError::Gone(_) => {
                Self::new(StatusCode::FAILED_DEPENDENCY, message)
            }
            CasePushError::Stopped => Self::new(StatusCode::SERVICE_UNAVAILABLE, message),
        }
    }
}
