//! `elasticsearch`: against a fake for what a healthy node will not do, against a real node for everything else.

mod addresses;
mod blame;
mod chaos;
mod firewall;
mod happy;
mod killed;
mod node;
mod places;
mod refusals;
mod requests;
mod setup;
mod sizes;

use std::fs;

use bytes::Bytes;
use ccfd::{
    config::{Config, ElasticsearchSettings, Environment, SinkSettings},
    sinks::{
        Batch, Sink, SinkError,
        elasticsearch::ElasticsearchSink,
        remote::{RemoteError, RemoteErrorKind},
    },
    tables::AUDIT_LOGS,
};
use collectors::{Clock, IdHash, Record};

/// 2026-02-13T10:52:05Z.
const NOW: i64 = 1_770_979_925;
const INDEX: &str = "openai-audit-logs";
const KEY: &str = "dGVzdDprZXk=";

/// A sink with these keys of its section; `ES_KEY` holds the key.
fn sink(keys: &str) -> ElasticsearchSink {
    ElasticsearchSink::new(settings(keys), environment(), Clock::from_fn(|| NOW))
}

fn environment() -> Environment {
    [("ES_KEY", KEY)].into_iter().collect()
}

/// The settings of a sink with these keys.
fn settings(keys: &str) -> ElasticsearchSettings {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ccfd.toml");
    let text = format!(
        "[collector.acme]\nsource = \"audit_logs\"\napi_key = {{ env = \"A\" }}\nsinks = [\"es\"]\n\
         [sink.es]\ntype = \"elasticsearch\"\n{keys}\n"
    );
    fs::write(&file, text).unwrap();
    let mut config = Config::load(Some(&file), &Environment::default(), &[]).unwrap();
    match config.sinks.remove("es").unwrap() {
        SinkSettings::Elasticsearch(settings) => settings,
        other => panic!("{other:?}"),
    }
}

/// A sink for the cluster at this address.
fn sink_at(url: &str) -> ElasticsearchSink {
    sink(&format!("urls = [\"{url}\"]"))
}

fn event(id: &str) -> String {
    format!(
        r#"{{"object":"organization.audit_log","id":"{id}","type":"user.added","effective_at":{NOW},"user.added":{{"id":"user-1","data":{{"role":"owner"}}}},"actor":{{"type":"session","session":{{"user":{{"id":"user-2","email":"somebody@example.com"}}}}}}}}"#
    )
}

fn batch_of(records: impl IntoIterator<Item = String>) -> Batch {
    let record = |text: String| Record::new(Bytes::from(text.clone()), NOW, IdHash::of(&text), None);
    Batch {
        table: AUDIT_LOGS.clone(),
        connector: "acme".into(),
        records: records.into_iter().map(record).collect(),
    }
}

/// Audit events with these ids.
fn batch(ids: &[&str]) -> Batch {
    batch_of(ids.iter().map(|id| event(id)))
}

/// What is left of a batch when only the records at these places are written again.
fn rest(batch: &Batch, places: &[usize]) -> Batch {
    Batch { records: places.iter().map(|place| batch.records[*place].clone()).collect(), ..batch.clone() }
}

/// How a write failed, and the places of what is to be written again, if something else was acknowledged.
async fn failure(sink: &ElasticsearchSink, batch: Batch) -> (RemoteError, Option<Vec<usize>>) {
    let failed = sink.write(batch).await.unwrap_err();
    let SinkError::Remote(error) = failed.error else { panic!("{:?}", failed.error) };
    (error, failed.partial.map(|partial| partial.left))
}

/// As [`failure`], where nothing was acknowledged.
async fn failure_of_all(sink: &ElasticsearchSink, batch: Batch) -> RemoteErrorKind {
    let (error, left) = failure(sink, batch).await;
    assert_eq!(left, None, "{error}");
    error.kind
}
