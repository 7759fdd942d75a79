//! The connector to OpenAI, against the simulator and against servers that misbehave.

mod answers;
mod hostile;
mod judged;
mod over_http;
mod streams;
mod upstream;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ccfd::{
    connectors::{
        Caller, Connector, ConnectorId, ConnectorSecrets, RunContext, RunFailure, RunOutput, RunProgress,
        StreamEnd, TokenUsage, connector_type,
        index::{IndexFailure, IndexTarget, IndexWrite},
        outgoing::Outgoing,
    },
    simulator::{Simulator, SimulatorOptions, serve},
};
use chrono::DateTime;
use collectors::Clock;
use futures::{StreamExt as _, stream::BoxStream};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::support::background::Background;

/// What is asked in most tests.
const QUESTION: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
const KEY: &str = "sk-proj-verysecret";

/// A connector that may reach this machine.
struct Advisor {
    connector: Connector,
    secrets: ConnectorSecrets,
    outgoing: Outgoing,
}

/// An answer that is passed on.
struct Passed {
    content_type: String,
    bytes: BoxStream<'static, std::io::Result<Bytes>>,
    end: oneshot::Receiver<StreamEnd>,
}

impl Advisor {
    fn of(config: &Value) -> Self {
        Self::through(config, Outgoing::only_to(&["127.0.0.1"]))
    }

    /// The default model, at this address.
    fn at(url: &str) -> Self {
        Self::of(&json!({ "apiProvider": "OpenAI", "apiUrl": url }))
    }

    fn through(config: &Value, outgoing: Outgoing) -> Self {
        let kind = connector_type(".gen-ai").unwrap();
        let config = kind.check_config(config.as_object().unwrap(), &outgoing).unwrap();
        let secrets = ConnectorSecrets([("apiKey".to_owned(), KEY.into())].into());
        kind.check_secrets(&config, &secrets, &outgoing).unwrap();
        let connector = Connector {
            id: ConnectorId::parse("advice").unwrap(),
            space: Some(Arc::from("default")),
            name: "Advice".to_owned(),
            type_id: ".gen-ai".into(),
            config,
            is_preconfigured: false,
            is_missing_secrets: false,
        };
        Self { connector, secrets, outgoing }
    }

    async fn execute(&self, action: &str, given: Value) -> Result<RunOutput, RunFailure> {
        let params = json!({ "subAction": action, "subActionParams": given });
        let params = params.as_object().unwrap();
        self.execute_params(params).await
    }

    async fn execute_params(&self, params: &Map<String, Value>) -> Result<RunOutput, RunFailure> {
        let kind = connector_type(".gen-ai").unwrap();
        kind.check_params(params).unwrap();
        let run = RunContext {
            connector: &self.connector,
            secrets: &self.secrets,
            params,
            space: "default",
            caller: &Caller::Operator("ann".to_owned()),
            idempotency_key: None,
            progress: &RunProgress::forgotten(),
            now: DateTime::UNIX_EPOCH,
            outgoing: &self.outgoing,
            index: &NoIndex,
        };
        kind.execute(run).await
    }

    async fn answer(&self, action: &str, given: Value) -> Result<(Value, TokenUsage), RunFailure> {
        match self.execute(action, given).await? {
            RunOutput::Data { data, usage } => Ok((data, usage.unwrap_or_default())),
            other => panic!("{other:?}"),
        }
    }

    async fn stream(&self, body: &str) -> Result<Passed, RunFailure> {
        match self.execute("stream", json!({ "body": body, "stream": true })).await? {
            RunOutput::Stream { content_type, bytes, end } => {
                Ok(Passed { content_type, bytes, end: end.unwrap() })
            }
            other => panic!("{other:?}"),
        }
    }

    /// The reason of a run that fails.
    async fn reason(&self, body: &str) -> RunFailure {
        self.answer("run", json!({ "body": body })).await.map(drop).expect_err("a failure")
    }
}

impl Passed {
    /// All that arrives, whether it was cut, and what is known in the end.
    async fn read_to_end(self) -> (Vec<u8>, bool, StreamEnd) {
        let pieces: Vec<_> = self.bytes.collect().await;
        let is_cut = pieces.iter().any(Result::is_err);
        let bytes = pieces.into_iter().flatten().flat_map(|piece| piece.to_vec()).collect();
        (bytes, is_cut, self.end.await.unwrap())
    }
}

/// A question to a model of the simulator that has this name.
fn question(model: &str) -> String {
    QUESTION.replacen('{', &format!("{{\"model\":\"{model}\","), 1)
}

/// The simulator on a socket, and the address of its chats.
fn simulated() -> (Background, String) {
    let simulator = Simulator::new(SimulatorOptions::default(), Clock::system()).unwrap();
    let background = Background::serve(|listener| async move {
        serve(listener, simulator, std::future::pending()).await.unwrap();
        unreachable!("it serves until the test ends")
    });
    let url = format!("http://{}/v1/chat/completions", background.address);
    (background, url)
}

struct NoIndex;

#[async_trait]
impl IndexTarget for NoIndex {
    async fn write(&self, write: IndexWrite<'_>) -> Result<serde_json::Value, IndexFailure> {
        panic!("{write:?}")
    }
}
