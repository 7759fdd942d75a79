//! Connectors that do what a test says.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    connectors::{
        Caller, Connector, ConnectorError, ConnectorId, ConnectorSecrets, ReadyConnector, Retry, RunFailure,
        RunOutput, TokenUsage, connector_type,
    },
    daemon::actions::attempt::RunsConnectors,
};

/// What a connector does when it is run.
#[derive(Clone, Debug)]
pub(super) enum Does {
    Succeeds,
    Answers(Value),
    Fails(Retry),
    Refuses(&'static str),
    Hangs,
    IsMissing,
    LosesItsSecret,
    /// This, after so long.
    After(Duration, Box<Self>),
}

/// A run as the connector saw it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SeenRun {
    pub(super) connector: String,
    pub(super) key: String,
    pub(super) params: Map<String, Value>,
    /// Seconds since the test began.
    pub(super) at: u64,
}

/// Connectors that do what a test says, one thing a run; after the last they succeed.
pub(super) struct Played {
    pub(super) does: Mutex<BTreeMap<String, VecDeque<Does>>>,
    pub(super) seen: Mutex<Vec<SeenRun>>,
    pub(super) type_id: Mutex<&'static str>,
    /// Their settings.
    pub(super) config: Mutex<Map<String, Value>>,
    /// Whether nobody has made them.
    pub(super) absent: AtomicBool,
    /// Whether their secrets cannot be read.
    pub(super) secretless: AtomicBool,
    pub(super) begun: Instant,
}

impl Played {
    pub(super) fn keys(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.key.clone()).collect()
    }

    pub(super) fn times(&self) -> Vec<u64> {
        self.seen.lock().unwrap().iter().map(|seen| seen.at).collect()
    }

    fn next(&self, connector: &str) -> Does {
        let mut does = self.does.lock().unwrap();
        does.get_mut(connector).and_then(VecDeque::pop_front).unwrap_or(Does::Succeeds)
    }
}

#[async_trait]
impl RunsConnectors for Played {
    async fn ready(&self, _: &str, connector: &str) -> Result<ReadyConnector, ConnectorError> {
        if self.absent.load(Ordering::SeqCst) {
            return Err(ConnectorError::NotFound(connector.to_owned()));
        }
        if self.secretless.load(Ordering::SeqCst) {
            return Err(ConnectorError::Secrets("`secrets.hmacKey`: no such file".to_owned()));
        }
        let type_id = *self.type_id.lock().unwrap();
        let connector = Connector {
            id: ConnectorId::parse(connector).unwrap(),
            space: None,
            name: connector.to_owned(),
            type_id: type_id.into(),
            config: self.config.lock().unwrap().clone(),
            is_preconfigured: true,
            is_missing_secrets: false,
        };
        let kind = connector_type(type_id).unwrap();
        Ok(ReadyConnector::new(connector, kind, &ConnectorSecrets::default()))
    }

    async fn run(
        &self,
        _: &str,
        connector: &str,
        params: Map<String, Value>,
        caller: Caller,
        key: &str,
    ) -> Result<Result<RunOutput, RunFailure>, ConnectorError> {
        assert_eq!(caller, Caller::Rule("created".to_owned()));
        let at = self.begun.elapsed().as_secs();
        let seen = SeenRun { connector: connector.to_owned(), key: key.to_owned(), params, at };
        self.seen.lock().unwrap().push(seen);
        let does = self.next(connector);
        if let Does::After(wait, does) = does {
            sleep(wait).await;
            return self.answer(connector, *does);
        }
        if matches!(does, Does::Hangs) {
            std::future::pending::<()>().await;
        }
        self.answer(connector, does)
    }
}

impl Played {
    fn answer(&self, connector: &str, does: Does) -> Result<Result<RunOutput, RunFailure>, ConnectorError> {
        match does {
            Does::Succeeds => Ok(Ok(RunOutput::data(json!({ "status": "ok" })))),
            Does::Answers(data) => {
                let usage =
                    TokenUsage { model: Some("a-model".to_owned()), total: Some(7), ..TokenUsage::default() };
                Ok(Ok(RunOutput::Data { data, usage: Some(usage) }))
            }
            Does::Fails(retry) => {
                Ok(Err(RunFailure::returned("it failed", Some("said so".to_owned()), retry)))
            }
            Does::Refuses(text) => Ok(Err(RunFailure::returned(text, None, Retry::No))),
            Does::Hangs | Does::After(..) => panic!("no answer"),
            Does::IsMissing => Err(ConnectorError::NotFound(connector.to_owned())),
            Does::LosesItsSecret => {
                self.secretless.store(true, Ordering::SeqCst);
                Ok(Err(RunFailure::returned("no secrets are defined", None, Retry::No)))
            }
        }
    }
}
