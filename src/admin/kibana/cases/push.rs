//! A case is sent with a connector.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{CasePart, Cases};
use crate::{
    admin::kibana::{Kibana, KibanaError, call::ApiCall},
    cases::Case,
    daemon::push::{CasePushError, CaseToPush, push_case},
    detect_db::KeyScope,
};

/// Pushes at a time, with those that wait for another one. They may take a minute, and there are not many more connections.
const PUSHES_MAX: usize = 16;

/// The room for pushes: what else is asked of the daemon is to be answered meanwhile.
pub(in crate::admin::kibana) struct PushRoom(Arc<Semaphore>);

impl Default for PushRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PUSHES_MAX)))
    }
}

impl PushRoom {
    /// Room for one push, until it is dropped.
    fn take(&self) -> Result<OwnedSemaphorePermit, KibanaError> {
        self.0.clone().try_acquire_owned().map_err(|_| {
            let text = format!("{PUSHES_MAX} pushes of cases are under way; try again in a minute");
            KibanaError::new(StatusCode::TOO_MANY_REQUESTS, text)
        })
    }
}

pub(super) async fn push(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    CasePart { id, part }: CasePart,
) -> Result<Json<Case>, KibanaError> {
    let cases = Cases::to_change(kibana.clone(), &call)?;
    call.for_scope(KeyScope::Run, "execute actions")?;
    let room = kibana.push_room.take()?;
    let (caller, connectors, end) = (call.caller(), kibana.connectors.clone(), kibana.pushes.for_push());
    // A task of its own, because what was sent must be kept, also if the peer no longer waits for it.
    let sending = tokio::spawn(async move {
        let _room = room;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_push_too_many_is_refused_at_once_until_another_one_has_ended() {
        let room = PushRoom::default();
        let mut taken: Vec<_> = (0..PUSHES_MAX).map(|_| room.take().unwrap()).collect();
        let refused = room.take().unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.message.contains("16 pushes of cases"), "{}", refused.message);
        taken.pop();
        assert!(room.take().is_ok());
    }
}
