//! A case is sent to another system with a connector, and keeps what it is called there.

use crate::{
    cases::{Case, CaseError, CasePerson, CasePush, CaseStamp, PushConnector},
    connectors::{Caller, ConnectorError, Registry, RunFailure, RunOutput},
    detect_db::DetectDb,
};

/// Why a case was not sent. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CasePushError {
    /// There is no such connector in its space, or it could not be run.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// There is no such case, or it cannot be sent with this connector.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The connector or its system refused.
    #[error("The case was not sent: {0}")]
    Failed(RunFailure),
}

/// Sends a case, creates it there or changes it, and returns it with what it is called there.
pub async fn push_case(
    connectors: &Registry,
    space: &str,
    case: &str,
    connector: &str,
    caller: Caller,
    stamp: CaseStamp<'_>,
) -> Result<Case, CasePushError> {
    let found = connectors.get(space, connector).await?;
    let (id, name) = (found.id.to_string(), found.name);
    let with = PushConnector { id: &id, name: &name, type_id: &found.type_id };
    let database = connectors.database();
    let (of, named, by) = (space.to_owned(), case.to_owned(), id.clone());
    let read = database.run(move |db| {
        let mut cases = db.cases(&of);
        Ok::<_, CaseError>((cases.get(&named)?, cases.pushed_with(&named, &by)?))
    });
    let (case, before) = read.await?;
    let CasePush { params, key, attachments } = CasePush::of(&case, with, before.as_ref())?;
    let answer = match connectors.run(space, connector, params, caller, Some(&key)).await? {
        Ok(RunOutput::Data { data, .. }) => data,
        Ok(RunOutput::Nothing | RunOutput::Stream { .. }) => serde_json::Value::Null,
        Err(failure) => return Err(CasePushError::Failed(failure)),
    };
    let external = CasePush::external(&case, with, &answer);
    let (of, by, now): (String, CasePerson, i64) = (space.to_owned(), stamp.by.clone(), stamp.now);
    let keep = move |db: &mut DetectDb| {
        db.cases(&of).pushed(&case.id, &external, &attachments, CaseStamp { by: &by, now })
    };
    let kept = database.run(keep);
    Ok(kept.await?)
}
