//! A case is sent to another system with a connector, and keeps what it is called there.

mod claim;

use self::claim::PushClaim;
use crate::{
    cases::{Case, CaseError, CasePerson, CasePush, CaseStamp, PushConnector},
    connectors::{Caller, ConnectorError, Registry, RunFailure, RunOutput, parts_of_gone_incident},
    detect_db::DetectDb,
};

/// Why a case was not sent. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CasePushError {
    /// There is no such connector in its space, or it could not be run.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// There is no such case, or it cannot be sent with this connector now.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The connector or its system refused.
    #[error("The case was not sent: {0}")]
    Failed(RunFailure),
    /// What the case was there is there no more.
    #[error(
        "The case was not sent: {0}; if its incident was deleted there, `ccfd cases push --create` creates one again"
    )]
    Gone(RunFailure),
}

/// A case on its way.
#[derive(Clone, Copy)]
pub struct CaseToPush<'a> {
    /// The space of the case and the connector.
    pub space: &'a str,
    /// The id of the case.
    pub case: &'a str,
    /// The id of the connector.
    pub connector: &'a str,
    /// Who sends it.
    pub by: &'a CasePerson,
    /// Whether it is created again if it was deleted there.
    pub creates: bool,
    /// Called once if another push of the case is waited for, and not only for a moment.
    pub waits: fn(),
}

/// Sends a case, creates it there or changes it, and returns it with what it is called there. Another push of the case to the
/// same receiver is waited for: what it creates is changed then.
pub async fn push_case(
    connectors: &Registry,
    push: CaseToPush<'_>,
    caller: Caller,
) -> Result<Case, CasePushError> {
    let connector = connectors.get(push.space, push.connector).await?;
    // Two connectors may lead to one receiver, which has one incident of the case. A run without secrets asks nobody.
    let run = connectors.keyed_run(push.space, push.connector, &CasePush::incident_key(push.case)).await;
    let receiver = run.map_or_else(|_| connector.id.to_string(), |run| run.doer);
    let (database, clock) = (connectors.database(), connectors.clock().clone());
    let claim = PushClaim::take(database, clock, push, &receiver).await?;
    let pushed = tokio::select! {
        pushed = send_or_create(connectors, push, caller) => pushed,
        error = claim.lost() => Err(error.into()),
    };
    claim.end().await;
    pushed
}

async fn send_or_create(
    connectors: &Registry,
    push: CaseToPush<'_>,
    caller: Caller,
) -> Result<Case, CasePushError> {
    let mut sent = send(connectors, push, caller.clone()).await;
    // Another connector may have made another incident there since, which is changed if it is alive.
    while push.creates && matches!(sent, Err(CasePushError::Gone(_))) && forget_gone(connectors, push).await?
    {
        sent = send(connectors, push, caller.clone()).await;
    }
    sent
}

/// Forgets the incident that is there no more, and what is known of it. Returns whether something was.
async fn forget_gone(connectors: &Registry, push: CaseToPush<'_>) -> Result<bool, CasePushError> {
    let (space, case, by) = (push.space.to_owned(), push.case.to_owned(), push.connector.to_owned());
    let run = connectors.keyed_run(&space, &by, &CasePush::incident_key(&case)).await?;
    let forget = move |db: &mut DetectDb| {
        let known = db.cases(&space).pushed_with(&case, &by)?.map(|known| known.external_id);
        // An attempt that made the incident would be continued.
        let parts = parts_of_gone_incident(&db.run_parts(&run)?, known.as_deref());
        db.forget_run_parts(&run, &parts)?;
        db.cases(&space).forget_pushed(&case, &by)?;
        Ok::<_, CaseError>(known.is_some() || !parts.is_empty())
    };
    Ok(connectors.database().run(forget).await?)
}

async fn send(connectors: &Registry, push: CaseToPush<'_>, caller: Caller) -> Result<Case, CasePushError> {
    let found = connectors.get(push.space, push.connector).await?;
    let (id, name) = (found.id.to_string(), found.name);
    let with = PushConnector { id: &id, name: &name, type_id: &found.type_id };
    let database = connectors.database();
    let (of, named, by) = (push.space.to_owned(), push.case.to_owned(), id.clone());
    let read = database.run(move |db| {
        let mut cases = db.cases(&of);
        Ok::<_, CaseError>((cases.get(&named)?, cases.pushed_with(&named, &by)?))
    });
    let (case, before) = read.await?;
    let CasePush { params, key, attachments } = CasePush::of(&case, with, before.as_ref())?;
    let answer = match connectors.run(push.space, push.connector, params, caller, Some(&key)).await? {
        Ok(RunOutput::Data { data, .. }) => data,
        Ok(RunOutput::Nothing | RunOutput::Stream { .. }) => serde_json::Value::Null,
        Err(failure) if failure.is_gone => return Err(CasePushError::Gone(failure)),
        Err(failure) => return Err(CasePushError::Failed(failure)),
    };
    let external = CasePush::external(&case, with, &answer);
    let (of, by, now): (String, CasePerson, i64) =
        (push.space.to_owned(), push.by.clone(), connectors.clock().now());
    let keep = move |db: &mut DetectDb| {
        db.cases(&of).pushed(&case.id, &external, &attachments, CaseStamp { by: &by, now })
    };
    let kept = database.run(keep);
    Ok(kept.await?)
}
