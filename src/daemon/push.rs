//! A case is sent to another system with a connector, and keeps what it is called there.

mod claim;
mod ending;

use self::claim::PushClaim;
pub use self::ending::{PUSH_END_MAX, PushEnd, PushEnder};
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
    /// The process ends.
    #[error("The push was stopped: ccfd ends. The next one looks for what has arrived.")]
    Stopped,
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
    mut end: PushEnd,
) -> Result<Case, CasePushError> {
    let connector = connectors.get(push.space, push.connector).await?;
    // Two connectors may lead to one receiver, which has one incident of the case. A run without secrets asks nobody.
    let run = connectors.keyed_run(push.space, push.connector, &CasePush::incident_key(push.case)).await;
    let receiver = run.map_or_else(|_| connector.id.to_string(), |run| run.doer);
    let (database, clock) = (connectors.database(), connectors.clock().clone());
    let claim = PushClaim::take(database, clock, push, &receiver, &mut end).await?;
    let way = PushWay { connectors, push, caller, receiver };
    let pushed = tokio::select! {
        biased;
        pushed = way.send_or_create() => pushed,
        error = claim.lost() => Err(error.into()),
        () = end.reached() => Err(CasePushError::Stopped),
    };
    claim.end().await;
    pushed
}

/// The way of a case to its receiver.
struct PushWay<'a> {
    connectors: &'a Registry,
    push: CaseToPush<'a>,
    caller: Caller,
    receiver: String,
}

impl PushWay<'_> {
    async fn send_or_create(&self) -> Result<Case, CasePushError> {
        let mut sent = self.send().await;
        // Another connector may have made another incident there since, which is changed if it is alive.
        while self.push.creates && matches!(sent, Err(CasePushError::Gone(_))) && self.forget_gone().await? {
            sent = self.send().await;
        }
        sent
    }

    /// Forgets the incident that is there no more, and what is known of it. Returns whether something was.
    async fn forget_gone(&self) -> Result<bool, CasePushError> {
        let (space, case) = (self.push.space.to_owned(), self.push.case.to_owned());
        let (by, receiver) = (self.push.connector.to_owned(), self.receiver.clone());
        let run = self.connectors.keyed_run(&space, &by, &CasePush::incident_key(&case)).await?;
        let forget = move |db: &mut DetectDb| {
            let known = db.cases(&space).pushed_with(&case, &by, &receiver)?.map(|known| known.external_id);
            // An attempt that made the incident would be continued.
            let parts = parts_of_gone_incident(&db.run_parts(&run)?, known.as_deref());
            db.forget_run_parts(&run, &parts)?;
            if let Some(known) = &known {
                db.cases(&space).forget_pushed(&case, known)?;
            }
            Ok::<_, CaseError>(known.is_some() || !parts.is_empty())
        };
        // What waits to be written would come back.
        Ok(self.connectors.run_written(forget).await?)
    }

    async fn send(&self) -> Result<Case, CasePushError> {
        let (connectors, push) = (self.connectors, self.push);
        let found = connectors.get(push.space, push.connector).await?;
        let (id, name) = (found.id.to_string(), found.name);
        let with = PushConnector { id: &id, name: &name, type_id: &found.type_id };
        let database = connectors.database();
        let (of, named, by) = (push.space.to_owned(), push.case.to_owned(), id.clone());
        let to = self.receiver.clone();
        let read = database.run(move |db| {
            let mut cases = db.cases(&of);
            Ok::<_, CaseError>((cases.get(&named)?, cases.pushed_with(&named, &by, &to)?))
        });
        let (case, before) = read.await?;
        let CasePush { params, key, attachments } = CasePush::of(&case, with, before.as_ref())?;
        let caller = self.caller.clone();
        let answer = match connectors.run(push.space, push.connector, params, caller, Some(&key)).await? {
            Ok(RunOutput::Data { data, .. }) => data,
            Ok(RunOutput::Nothing | RunOutput::Stream { .. }) => serde_json::Value::Null,
            Err(failure) if failure.is_gone => return Err(CasePushError::Gone(failure)),
            Err(failure) => return Err(CasePushError::Failed(failure)),
        };
        let external = CasePush::external(&case, with, &answer);
        let (of, by, now): (String, CasePerson, i64) =
            (push.space.to_owned(), push.by.clone(), connectors.clock().now());
        let to = self.receiver.clone();
        let keep = move |db: &mut DetectDb| {
            db.cases(&of).pushed(&case.id, &to, &external, &attachments, CaseStamp { by: &by, now })
        };
        let kept = database.run(keep);
        Ok(kept.await?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        cases::{DEFAULT_SPACE, NewCase},
        connectors::{ConnectorId, ConnectorSecrets, NewConnector},
    };

    const STAMP_AT: i64 = 1_790_000_000;

    /// Connectors with this one to an instance that nobody asks.
    async fn registry(dir: &std::path::Path, id: &str) -> Registry {
        let registry = Registry::bare(dir);
        let secrets = [("username", "ccfd"), ("password", "sekret")];
        let secrets = secrets.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect();
        let config = json!({ "apiUrl": "https://soc.service-now.com" });
        let new = NewConnector {
            id: Some(ConnectorId::parse(id).unwrap()),
            name: "Incidents".to_owned(),
            type_id: ".servicenow".to_owned(),
            config: config.as_object().unwrap().clone(),
            secrets: ConnectorSecrets(secrets),
        };
        registry.create(DEFAULT_SPACE, new).await.unwrap();
        registry
    }

    #[tokio::test]
    async fn parts_of_an_incident_that_is_gone_do_not_come_back_from_what_waits_to_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let (registry, by) = (registry(dir.path(), "sn").await, CasePerson::named("ann"));
        let new = NewCase { title: "t".into(), description: "d".into(), ..NewCase::default() };
        let stamp_by = by.clone();
        let create = move |db: &mut DetectDb| {
            let stamp = CaseStamp { by: &stamp_by, now: STAMP_AT };
            db.cases(DEFAULT_SPACE).create(&new, stamp)
        };
        let case = registry.database().run(create).await.unwrap().id;
        let run = registry.keyed_run(DEFAULT_SPACE, "sn", &CasePush::incident_key(&case)).await.unwrap();
        let parts = ["incident a1".to_owned(), "comment c h of a1 0".to_owned()];
        registry.wait_with_parts(&run, &parts);
        let push = CaseToPush {
            space: DEFAULT_SPACE,
            case: &case,
            connector: "sn",
            by: &by,
            creates: true,
            waits: || (),
        };
        let caller = Caller::Operator("ann".to_owned());
        let way = PushWay { connectors: &registry, push, caller, receiver: run.doer.clone() };
        assert!(way.forget_gone().await.unwrap());
        assert!(!way.forget_gone().await.unwrap(), "there is nothing left to forget");
        registry.settle().await;
        let left = registry.database().run(move |db| db.run_parts(&run)).await.unwrap();
        assert_eq!(left.len(), 0, "{left:?}");
    }
}
