//! The public client kibana-py and the sink, each with what the other made.

use std::fs;

use ccfd::{sinks::Sink, tables::Tables};
use serde_json::Value;
use tempfile::TempDir;

use super::{INDEX, NAME, api_key, batch, ids, sink};
use crate::support::{fake_kibana::Kibana, python::Python};

const SPACE: &str = "soc";

fn ask(python: &Python, kibana: &Kibana, command: &[&str]) -> Value {
    python.run("kibana.py", &[&[kibana.server.url(), api_key(), SPACE], command].concat())
}

#[tokio::test]
async fn what_kibana_py_makes_is_found_and_run() {
    let Some(python) = Python::shared() else { return };
    let kibana = Kibana::plain();
    kibana.add_space(SPACE);
    let made = ask(python, &kibana, &["create", NAME, INDEX]);
    let sink = sink(&kibana, "space = \"soc\"");
    let found = sink.check(&Tables::built_in().of_records()).await.unwrap().to_string();
    assert!(found.contains(made["id"].as_str().unwrap()), "{found}");
    sink.write(batch(&["a"])).await.unwrap();
    assert_eq!((kibana.connectors(SPACE).len(), ids(&kibana, INDEX)), (1, vec!["a".to_owned()]));
}

#[tokio::test]
async fn what_the_sink_makes_kibana_py_lists_reads_and_runs() {
    let Some(python) = Python::shared() else { return };
    let (kibana, dir) = (Kibana::plain(), TempDir::new().unwrap());
    kibana.add_space(SPACE);
    sink(&kibana, "space = \"soc\"").write(batch(&["a"])).await.unwrap();
    let listed = ask(python, &kibana, &["list"]);
    let id = listed[0]["id"].as_str().unwrap();
    let read = ask(python, &kibana, &["get", id]);
    assert_eq!((&read["name"], &read["config"]["index"]), (&Value::from(NAME), &Value::from(INDEX)));
    // The very documents that the sink sent, sent by the client.
    let sent = kibana.server.requests_to("_execute")[0].json()["params"]["documents"].to_string();
    let file = dir.path().join("documents.json");
    fs::write(&file, sent).unwrap();
    assert_eq!(ask(python, &kibana, &["execute", id, file.to_str().unwrap()])["status"], "ok");
    let [ours, theirs] = &kibana.documents(INDEX)[..] else { panic!("two documents") };
    let plain = |document: &Value| {
        let mut document = document.clone();
        document.as_object_mut().unwrap().remove("@timestamp");
        document
    };
    assert_eq!(plain(ours), plain(theirs));
    assert_eq!(ask(python, &kibana, &["delete", id]), Value::Null);
}
