//! A case is sent to another system with a connector, and keeps what it is called there.

mod claim;
mod ending;

use self::claim::PushClaim;
pub use self::ending::{PUSH_END_MAX, PushEnd, PushEnder};
use crate::{
    cases::{Case, CaseError, CasePerson, CasePush, CaseStamp, PushConnector},
    connectors::{
        Caller, ConnectorError, CreationMark, Registry, RunFailure, RunOutput, parts_of_gone_incident,
    },
    detect_db::{DetectDb, KeyedRun},
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
    let (receiver, claim) = claimed(connectors, push, &mut end).await?;
    let way = PushWay { connectors, push, caller, receiver, creation: CreationMark::default() };
    let pushed = tokio::select! {
        biased;
        pushed = way.send_or_create() => pushed,
        error = claim.lost() => Err(error.into()),
        () = end.reached() => Err(CasePushError::Stopped),
    };
    match way.creation.since() {
        Some(asked_at) => claim.hold(asked_at, connectors.response_timeout()).await,
        None => claim.end().await,
    }
    pushed
}

/// Who gets the case, and the right to send it there.
async fn claimed(
    connectors: &Registry,
    push: CaseToPush<'_>,
    end: &mut PushEnd,
) -> Result<(String, PushClaim), CasePushError> {
    let mut receiver = receiver_of(connectors, push).await?;
    loop {
        let (database, clock) = (connectors.database(), connectors.clock().clone());
        let claim = PushClaim::take(database, clock, push, &receiver, end).await?;
        let now = receiver_of(connectors, push).await;
        if now.as_ref().is_ok_and(|now| *now == receiver) {
            return Ok((receiver, claim));
        }
        // Its connector got another address while this push waited, or was deleted.
        claim.end().await;
        receiver = now?;
    }
}

/// Where the connector leads. Two may lead to one receiver, which has one incident of the case.
async fn receiver_of(connectors: &Registry, push: CaseToPush<'_>) -> Result<String, ConnectorError> {
    let connector = connectors.get(push.space, push.connector).await?;
    // A run without secrets asks nobody.
    let run = connectors.keyed_run(push.space, push.connector, &CasePush::incident_key(push.case)).await;
    Ok(run.map_or_else(|_| connector.id.to_string(), |run| run.doer))
}

/// The way of a case to its receiver.
struct PushWay<'a> {
    connectors: &'a Registry,
    push: CaseToPush<'a>,
    caller: Caller,
    receiver: String,
    /// Whether the case may still be created there.
    creation: CreationMark,
}

/// A case that was sent.
struct PushedCase {
    case: Case,
    /// Whether all of it was: one run does not take more comments.
    is_whole: bool,
}

impl PushWay<'_> {
    async fn send_or_create(&self) -> Result<Case, CasePushError> {
        let mut takes_earlier = true;
        loop {
            match self.send(takes_earlier).await {
                Ok(PushedCase { case, is_whole: true }) => return Ok(case),
                Ok(PushedCase { is_whole: false, .. }) => {}
                // Another connector may have made another incident there since, which is changed if it is alive.
                Err(CasePushError::Gone(failure)) if self.push.creates => {
                    if !self.forget_gone(&mut takes_earlier).await? {
                        return Err(CasePushError::Gone(failure));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Forgets the incident that is there no more, and what is known of it. Returns whether something was. What is known from
    /// where the connector led before remains, for those that still lead there, and is not taken any more.
    async fn forget_gone(&self, takes_earlier: &mut bool) -> Result<bool, CasePushError> {
        let (space, case) = (self.push.space.to_owned(), self.push.case.to_owned());
        let (by, receiver) = (self.push.connector.to_owned(), self.receiver.clone());
        let run = self.run().await?;
        let takes = *takes_earlier;
        let forget = move |db: &mut DetectDb| {
            let known = db.cases(&space).pushed_with(&case, &by, &receiver)?;
            let known = known.filter(|known| takes || !known.is_earlier);
            let is_earlier = known.as_ref().is_some_and(|known| known.is_earlier);
            let id = known.as_ref().map(|known| known.external_id.as_str());
            // An attempt that made the incident would be continued.
            let parts = parts_of_gone_incident(&db.run_parts(&run)?, id);
            db.forget_run_parts(&run, &parts)?;
            if let Some(id) = id.filter(|_| !is_earlier) {
                db.cases(&space).forget_pushed(&case, &receiver, id)?;
            }
            Ok::<_, CaseError>((known.is_some() || !parts.is_empty(), is_earlier))
        };
        // What waits to be written would come back.
        let (is_forgotten, is_earlier) = self.connectors.run_written(forget).await?;
        *takes_earlier &= !is_earlier;
        Ok(is_forgotten)
    }

    /// The run that makes the incident and changes it.
    async fn run(&self) -> Result<KeyedRun, ConnectorError> {
        let (space, connector) = (self.push.space, self.push.connector);
        self.connectors.keyed_run(space, connector, &CasePush::incident_key(self.push.case)).await
    }

    /// Sends as much of the case as one run takes.
    async fn send(&self, takes_earlier: bool) -> Result<PushedCase, CasePushError> {
        let (connectors, push) = (self.connectors, self.push);
        // It is that of another receiver, which another push may send the case to.
        if receiver_of(connectors, push).await? != self.receiver {
            let text = "its connector got another address while the case was sent; push again";
            return Err(CaseError::Conflict(text.to_owned()).into());
        }
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
        let before = before.filter(|before| takes_earlier || !before.is_earlier);
        let CasePush { params, key, attachments, is_whole } = CasePush::of(&case, with, before.as_ref())?;
        // A receiver of webhooks creates the case with the whole run, and an instance with a part of it.
        let creates_all = &*found.type_id == ".webhook" && before.is_none();
        if creates_all {
            self.creation.asked();
        }
        let (caller, creation) = (self.caller.clone(), &self.creation);
        let run = connectors.run_marked(push.space, push.connector, params, caller, &key, creation).await;
        if creates_all {
            self.creation.answered();
        }
        let answer = match run? {
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
        let case = database.run(keep).await?;
        Ok(PushedCase { case, is_whole })
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
        let creation = CreationMark::default();
        let way = PushWay { connectors: &registry, push, caller, receiver: run.doer.clone(), creation };
        assert!(way.forget_gone(&mut true).await.unwrap());
        assert!(!way.forget_gone(&mut true).await.unwrap(), "there is nothing left to forget");
        registry.settle().await;
        let left = registry.database().run(move |db| db.run_parts(&run)).await.unwrap();
        assert_eq!(left.len(), 0, "{left:?}");
    }
}
