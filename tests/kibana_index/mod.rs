//! The sink `kibana_index` against a fake Kibana, the client of others, a real node behind it, and kills.

mod cases;
mod chaos;
mod check;
mod connectors;
mod edited;
mod judge;
mod kill;
mod node;
mod refused;
mod sizes;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use bytes::Bytes;
use ccfd::{
    config::{Config, Environment, KibanaIndexSettings, SinkSettings},
    pipeline::policy::{Action, Failure, judge as judged},
    sinks::{
        Batch, SinkError, WriteFailure,
        kibana_index::KibanaIndexSink,
        remote::{RemoteError, RemoteErrorKind},
    },
    tables::{AUDIT_LOGS, Table},
};
use collectors::{IdHash, Record};
use serde_json::{Value, json};

use crate::support::fake_kibana::{AUTHORIZATION, Kibana};

/// Where audit events go by default.
const INDEX: &str = "openai-audit-logs";
/// What the settings call their connector by default.
const NAME: &str = "OpenAI audit logs";
const SECOND: i64 = 1_770_979_925;

/// The settings with these keys beside the address and an API key.
fn settings(url: &str, keys: &str) -> KibanaIndexSettings {
    settings_with(url, &format!("auth = {{ api_key = {{ env = \"KIBANA_API_KEY\" }} }}\n{keys}"))
}

fn settings_with(url: &str, keys: &str) -> KibanaIndexSettings {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ccfd.toml");
    let text = format!(
        "[collector.a]\nsource = \"audit_logs\"\napi_key = {{ env = \"K\" }}\nsinks = [\"kibana\"]\n\
         [sink.kibana]\ntype = \"kibana_index\"\nurl = \"{url}\"\n{keys}\n"
    );
    fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), &Environment::default(), &[]).unwrap();
    match config.sinks["kibana"].clone() {
        SinkSettings::KibanaIndex(settings) => settings,
        other => panic!("{other:?}"),
    }
}

/// A sink on its own: another one is another start of ccfd.
fn sink(kibana: &Kibana, keys: &str) -> KibanaIndexSink {
    sink_at(kibana.server.url(), keys)
}

fn sink_at(url: &str, keys: &str) -> KibanaIndexSink {
    KibanaIndexSink::new(settings(url, keys), [("KIBANA_API_KEY", api_key())].into_iter().collect())
}

fn api_key() -> &'static str {
    AUTHORIZATION.strip_prefix("ApiKey ").unwrap()
}

/// A secret in a file that only its owner reads.
fn write_secret(path: &Path, secret: &str) {
    fs::write(path, secret).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Audit events with these ids.
fn batch(ids: &[&str]) -> Batch {
    batch_of(&AUDIT_LOGS, ids, "role.created")
}

fn batch_of(table: &Arc<Table>, ids: &[&str], event_type: &str) -> Batch {
    let record = |id: &&str| {
        let raw = json!({ "id": id, "type": event_type, "effective_at": SECOND, "created": SECOND });
        Record::new(Bytes::from(raw.to_string()), SECOND, IdHash::of(id), None)
    };
    Batch { table: table.clone(), connector: "acme".into(), records: ids.iter().map(record).collect() }
}

/// The ids of the documents of an index, in the order of their arrival.
fn ids(kibana: &Kibana, index: &str) -> Vec<String> {
    kibana.documents(index).iter().map(|document| document["Id"].as_str().unwrap().to_owned()).collect()
}

/// How often each of these ids is in the index.
fn times(kibana: &Kibana, wanted: &[&str]) -> Vec<usize> {
    let ids = ids(kibana, INDEX);
    wanted.iter().map(|wanted| ids.iter().filter(|id| id == wanted).count()).collect()
}

fn runs(kibana: &Kibana) -> usize {
    kibana.server.requests_to("_execute").len()
}

fn kind(error: SinkError) -> RemoteErrorKind {
    match error {
        SinkError::Remote(RemoteError { kind, .. }) => kind,
        other => panic!("{other}"),
    }
}

/// What went wrong, where nothing of the batch was acknowledged.
fn failed(failed: WriteFailure) -> RemoteErrorKind {
    assert!(failed.partial.is_none(), "{failed:?}");
    kind(failed.error)
}

/// What the route does about it.
fn action(kind: RemoteErrorKind) -> Action {
    let error = kind.of(ccfd::sinks::remote::Service::Kibana);
    judged(&Failure::Sink(error.into())).action
}

/// Makes a connector without ccfd.
fn make_connector(kibana: &Kibana, name: &str, config: &Value) -> String {
    let body = json!({ "name": name, "connector_type_id": ".index", "config": config });
    let url = format!("{}/api/actions/connector", kibana.server.url());
    let headers = [("authorization", AUTHORIZATION), ("kbn-xsrf", "true")];
    let (status, made) =
        crate::support::http::send(reqwest::Method::POST, &url, &headers, body.to_string().into_bytes());
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}
