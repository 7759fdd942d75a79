//! Types of connectors, each against a fake of its receiver.

mod email;
mod email_faults;
mod faults;
mod index_cluster;
mod kept_parts;
mod pagerduty;
mod runs_delivered;
pub mod servicenow;
mod servicenow_attempts;
mod servicenow_searches;
mod slack;
mod smtp;
mod webhook;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use ccfd::{
    config::{AllowedHosts, Environment, OutgoingSettings},
    connectors::{
        Caller, Connector, ConnectorId, ConnectorSecrets, ConnectorType, RunContext, RunFailure, RunOutput,
        RunProgress, connector_type,
        index::{IndexFailure, IndexTarget, IndexWrite},
        outgoing::Outgoing,
    },
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// Long enough for a busy machine to answer on loopback, short enough to wait for.
const TIMEOUT: Duration = Duration::from_millis(700);
const RESPONSE_MAX: u64 = 64 << 10;
/// 2026-11-29T00:00:00Z
const NOW: i64 = 1_795_910_400;

/// A connector that was made as the registry makes one, and what it runs with.
struct Made {
    kind: &'static dyn ConnectorType,
    connector: Connector,
    secrets: ConnectorSecrets,
    outgoing: Outgoing,
    /// By the key of each run.
    progress: Mutex<BTreeMap<String, Arc<RunProgress>>>,
}

/// A connector that may reach this machine.
fn made(type_id: &str, config: Value, secrets: &[(&str, &str)]) -> Made {
    made_with(type_id, config, secrets, settings()).unwrap()
}

fn made_with(
    type_id: &str,
    config: Value,
    secrets: &[(&str, &str)],
    settings: OutgoingSettings,
) -> Result<Made, String> {
    let kind = connector_type(type_id).unwrap();
    let outgoing = Outgoing::new(settings, Environment::default());
    let config = kind.check_config(&object(config), &outgoing)?;
    let named = secrets.iter().map(|(name, text)| ((*name).to_owned(), (*text).into()));
    let secrets = ConnectorSecrets(named.collect());
    kind.check_secrets(&config, &secrets, &outgoing)?;
    kind.check_pair(&config, &secrets)?;
    let connector = Connector {
        id: ConnectorId::parse("my-connector").unwrap(),
        space: Some(Arc::from("default")),
        name: "My connector".to_owned(),
        type_id: type_id.into(),
        config,
        is_preconfigured: false,
        is_missing_secrets: false,
    };
    Ok(Made { kind, connector, secrets, outgoing, progress: Mutex::default() })
}

/// What may reach this machine and nothing else.
fn settings() -> OutgoingSettings {
    OutgoingSettings {
        allowed_hosts: AllowedHosts::only(["127.0.0.1"]).unwrap(),
        response_timeout: TIMEOUT,
        response_max: RESPONSE_MAX,
        ..OutgoingSettings::default()
    }
}

impl Made {
    async fn run(&self, params: Value) -> Result<Value, RunFailure> {
        self.attempt(params, None).await
    }

    /// One attempt of the run with this key.
    async fn attempt(&self, params: Value, key: Option<&str>) -> Result<Value, RunFailure> {
        let params = object(params);
        self.kind.check_params(&params).unwrap();
        let progress = match key {
            Some(key) => self
                .progress
                .lock()
                .unwrap()
                .entry(key.to_owned())
                .or_insert_with(|| Arc::new(RunProgress::forgotten()))
                .clone(),
            None => Arc::new(RunProgress::forgotten()),
        };
        let run = RunContext {
            connector: &self.connector,
            secrets: &self.secrets,
            params: &params,
            space: "default",
            caller: &Caller::Operator("test".to_owned()),
            idempotency_key: key,
            progress: &progress,
            now: now(),
            outgoing: &self.outgoing,
            index: &NoIndex,
        };
        match self.kind.execute(run).await? {
            RunOutput::Data { data, .. } => Ok(data),
            other => panic!("{other:?}"),
        }
    }

    /// The run that shows whether it works.
    async fn test(&self) -> Result<Value, RunFailure> {
        self.run(self.kind.test_params(&self.connector.config).into()).await
    }

    /// What is wrong with these parameters.
    fn refused(&self, params: Value) -> String {
        self.kind.check_params(&object(params)).unwrap_err()
    }
}

/// What is wrong with these settings or secrets.
fn not_made(type_id: &str, config: Value, secrets: &[(&str, &str)]) -> String {
    made_with(type_id, config, secrets, settings()).err().expect("an error")
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

struct NoIndex;

#[async_trait]
impl IndexTarget for NoIndex {
    async fn write(&self, write: IndexWrite<'_>) -> Result<serde_json::Value, IndexFailure> {
        panic!("{write:?}")
    }
}
