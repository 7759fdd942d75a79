//! The sink `logs_ingestion` against an Azure on loopback, behind TLS with a test authority.

mod accepted;
mod chaos;
mod checks;
mod errors;
mod identities;
mod judge;
mod kill;
mod limits;
mod refused;
mod tokens;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use bytes::Bytes;
use ccfd::{
    config::{Config, Environment, SinkSettings},
    sinks::{
        Batch, Sink, SinkError, WriteFailure,
        logs_ingestion::LogsIngestionSink,
        remote::{RemoteError, RemoteErrorKind},
    },
    tables::{AUDIT_LOGS, Table},
};
use collectors::{Clock, IdHash, Record};
use tempfile::TempDir;

use crate::support::fake_azure::{Azure, CLIENT_ID, CLIENT_SECRET, DCR, TENANT};

const AUDIT: &str = "Custom-OpenAIAuditLogs_CL";
const CHAT: &str = "Custom-OpenAIChatCompletions_CL";

/// An Azure and a sink that writes to it.
struct Rig {
    azure: Azure,
    sink: Arc<LogsIngestionSink>,
    now: Arc<AtomicI64>,
    _dir: TempDir,
}

impl Rig {
    fn new() -> Self {
        Self::with("")
    }

    /// With more keys of the sink.
    fn with(keys: &str) -> Self {
        let azure = Azure::start();
        let endpoint = azure.ingestion.server.url().to_owned();
        Self::at(azure, &endpoint, keys)
    }

    /// With the rows going elsewhere.
    fn at(azure: Azure, endpoint: &str, keys: &str) -> Self {
        let auth = format!(
            "kind = \"client_secret\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT_ID}\"\n\
             client_secret = {{ env = \"AZURE_CLIENT_SECRET\" }}"
        );
        Self::as_identity(azure, endpoint, keys, &auth, &[("AZURE_CLIENT_SECRET", CLIENT_SECRET)])
    }

    /// With other keys of `auth`, and other variables.
    fn as_identity(azure: Azure, endpoint: &str, keys: &str, auth: &str, variables: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("ccfd.toml");
        let authority = azure.entra.server.url();
        fs::write(
            &file,
            config(&azure, endpoint, keys, &format!("{auth}\nauthority_host = \"{authority}\"")),
        )
        .unwrap();
        let environment: Environment = variables.iter().copied().collect();
        let mut config = Config::load(Some(&file), &environment, &[]).unwrap();
        let Some(SinkSettings::LogsIngestion(settings)) = config.sinks.remove("sentinel") else {
            panic!("not the sink that was configured");
        };
        // Real time to begin with: that is what the library reckons the end of a token with.
        let now = Arc::new(AtomicI64::new(Clock::system().now()));
        let shared = now.clone();
        let clock = Clock::from_fn(move || shared.load(Ordering::SeqCst));
        let sink = Arc::new(LogsIngestionSink::new(*settings, environment, clock));
        Self { azure, sink, now, _dir: dir }
    }

    /// A write that works.
    async fn sink_is_warm(&self) {
        assert_eq!(self.sink.write(self.events(["warm"])).await.unwrap().accepted, 1);
    }

    fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Audit events of this moment, with these ids.
    fn events(&self, ids: impl IntoIterator<Item = impl Into<String>>) -> Batch {
        let records = ids.into_iter().map(|id| event(&id.into(), self.now(), ""));
        batch(&AUDIT_LOGS, records)
    }

    /// The ids of the audit events that arrived, in order.
    fn arrived(&self) -> Vec<String> {
        ids(&self.azure.ingestion.rows(AUDIT))
    }
}

/// The whole configuration for such a sink, with a collector that nobody asks.
fn config(azure: &Azure, endpoint: &str, keys: &str, auth: &str) -> String {
    let ca = azure.ca.path();
    format!(
        r#"
[collector.acme]
source = "audit_logs"
api_key = {{ env = "OPENAI_ADMIN_KEY" }}
sinks = ["sentinel"]

[sink.sentinel]
type = "logs_ingestion"
endpoint = "{endpoint}"
dcr_immutable_id = "{DCR}"
ca_file = "{}"
{keys}

[sink.sentinel.auth]
{auth}
"#,
        ca.display()
    )
}

fn event(id: &str, second: i64, text: &str) -> (String, i64) {
    let json = format!(
        r#"{{"object":"organization.audit_log","id":"{id}","type":"user.added","effective_at":{second},"user.added":{{"id":"user-1","data":{{"text":"{text}"}}}},"actor":{{"type":"session"}}}}"#
    );
    (json, second)
}

fn batch(table: &Arc<Table>, records: impl IntoIterator<Item = (String, i64)>) -> Batch {
    let record = |(json, second): (String, i64)| {
        Record::new(Bytes::from(json.clone()), second, IdHash::of(&json), None)
    };
    Batch {
        table: table.clone(),
        connector: "acme".into(),
        records: records.into_iter().map(record).collect(),
    }
}

/// The records at these places.
fn part(batch: &Batch, places: &[usize]) -> Batch {
    let records = places.iter().map(|&place| batch.records[place].clone()).collect();
    Batch { records, ..batch.clone() }
}

fn ids(rows: &[serde_json::Value]) -> Vec<String> {
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Text that no compression shrinks by more than a quarter.
fn noise(bytes: usize, seed: u64) -> String {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    let mut rng = StdRng::seed_from_u64(seed);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..bytes).map(|_| char::from(letters[rng.random_range(0..letters.len())])).collect()
}

fn remote(error: SinkError) -> RemoteError {
    match error {
        SinkError::Remote(error) => error,
        other => panic!("{other}"),
    }
}

/// Why a write failed of which nothing is acknowledged.
async fn failure(sink: &impl Sink, batch: Batch) -> RemoteError {
    let WriteFailure { error, partial } = sink.write(batch).await.unwrap_err();
    assert!(partial.is_none(), "{partial:?}");
    remote(error)
}

/// The kind of failure, with a name of the request in its text.
fn named(error: RemoteError) -> RemoteErrorKind {
    assert!(error.request_id.is_some(), "{error}");
    error.kind
}
