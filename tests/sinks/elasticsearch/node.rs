//! A real OpenSearch node verifies everything that a healthy node does.

use ccfd::{
    sinks::{Sink, remote::RemoteErrorKind},
    tables::Tables,
};
use serde_json::{Value, json};

use super::{batch, batch_of, event, failure, failure_of_all, sink};
use crate::support::{
    opensearch::Node,
    process::{Place, Simulated},
};

/// Keys for a sink whose audit logs go to this index of the node.
fn keys(node: &Node, index: &str) -> String {
    format!("urls = [\"{}\"]\nindex = {{ audit_logs = \"{index}\" }}", node.url())
}

/// A document of an index by its id.
fn document(node: &Node, index: &str, id: &str) -> Value {
    let found = node.documents(index).into_iter().find(|found| found["_id"] == id);
    found.unwrap_or_else(|| panic!("no document {id} in {index}"))["_source"].clone()
}

#[tokio::test]
async fn what_is_installed_maps_what_is_written_and_repeats_change_nothing() {
    let Some(node) = Node::shared() else { return };
    let sink = sink(&keys(node, "ccfd-happy"));
    let text = sink.check(&Tables::built_in().of_records()).await.unwrap().to_string();
    assert!(
        text.contains("OpenSearch 2.19")
            && text.contains("ccfd-happy: does not exist yet, and has no template"),
        "{text}"
    );
    sink.install(&Tables::built_in().of_records()).await.unwrap();
    assert!(
        sink.check(&Tables::built_in().of_records())
            .await
            .unwrap()
            .to_string()
            .contains("the first record creates it from its template")
    );

    assert_eq!(sink.write(batch(&["a", "b"])).await.unwrap().accepted, 2);
    let again = sink.write(batch(&["a", "b", "c"])).await.unwrap();
    assert_eq!((again.accepted, again.already_there), (1, 2));
    assert_eq!(node.count("ccfd-happy"), 3);
    assert!(node.documents("ccfd-happy").iter().all(|found| found["_version"] == 1));
    let mapping = node.get("/ccfd-happy/_mapping")["ccfd-happy"]["mappings"].clone();
    assert_eq!(mapping["dynamic"], "false");
    assert_eq!(document(node, "ccfd-happy", "a")["EventDetails"]["id"], "user-1");
    assert!(
        sink.check(&Tables::built_in().of_records())
            .await
            .unwrap()
            .to_string()
            .contains("ccfd-happy: an index")
    );
}

#[tokio::test]
async fn values_that_a_flat_field_refuses_are_still_delivered() {
    let Some(node) = Node::shared() else { return };
    let sink = sink(&keys(node, "ccfd-odd"));
    sink.install(&Tables::built_in().of_records()).await.unwrap();
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(40_000));
    let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    // The last one overflows the stack of a node that gets it as an object.
    let (deep, deeper, deepest) = (nested(18), nested(60), nested(5_000));
    let plain_odd = ["[1,2]", "\"text\"", "7", "true", "null", "{}", r#"{"a.b":{"c":[{"d":1},"e"]}}"#];
    let odd: Vec<&str> = plain_odd.into_iter().chain([&*long, &*deep, &*deeper, &*deepest]).collect();
    let details = r#"{"id":"user-1","data":{"role":"owner"}}"#;
    let records = odd.iter().enumerate().map(|(id, value)| event(&id.to_string()).replace(details, value));
    let actors = [
        "[1]",
        "\"text\"",
        r#"{"type":{"x":1},"session":[1]}"#,
        r#"{"session":{"user":"x","ip_address":"no address"}}"#,
    ];
    let plain = r#"{"type":"session","session":{"user":{"id":"user-2","email":"somebody@example.com"}}}"#;
    let acted =
        actors.iter().enumerate().map(|(id, actor)| event(&format!("actor-{id}")).replace(plain, actor));
    let batch = batch_of(records.chain(acted));
    let receipt = sink.write(batch.clone()).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused), (batch.records.len() as u64, vec![]));
    assert_eq!(node.count("ccfd-odd"), batch.records.len() as u64);
    for (id, value) in odd.iter().enumerate() {
        let document = document(node, "ccfd-odd", &id.to_string()).to_string();
        let as_text = Value::from(*value).to_string();
        assert!(*value == "null" || document.contains(*value) || document.contains(&as_text), "{value}");
    }
}

#[tokio::test]
async fn a_mapping_conflict_refuses_that_row_with_its_reason() {
    let Some(node) = Node::shared() else { return };
    let mapping = json!({ "mappings": { "properties": { "ActorType": { "type": "integer" } } } });
    node.put("/ccfd-conflict", &mapping);
    let records = [event("a"), event("b").replace(r#""type":"session","#, r#""type":"17","#)];
    let receipt = sink(&keys(node, "ccfd-conflict")).write(batch_of(records)).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len(), receipt.refused[0].index), (1, 1, 0));
    assert!(receipt.refused[0].reason.contains("ActorType"), "{}", receipt.refused[0].reason);
}

#[tokio::test]
async fn a_data_stream_takes_each_record_once() {
    let Some(node) = Node::shared() else { return };
    let sink = sink(&keys(node, "logs-ccfd.stream-tests"));
    sink.install(&Tables::built_in().of_records()).await.unwrap();
    assert_eq!(sink.write(batch(&["a", "b"])).await.unwrap().accepted, 2);
    assert_eq!(sink.write(batch(&["b"])).await.unwrap().already_there, 1);
    assert_eq!(node.count("logs-ccfd.stream-tests"), 2);
    let streams = node.get("/_data_stream/logs-ccfd.stream-tests");
    assert_eq!(streams["data_streams"][0]["timestamp_field"]["name"], "@timestamp");
    assert!(
        sink.check(&Tables::built_in().of_records())
            .await
            .unwrap()
            .to_string()
            .contains("logs-ccfd.stream-tests: a data stream")
    );
}

#[tokio::test]
async fn a_refresh_shows_what_is_written_at_once() {
    let Some(node) = Node::shared() else { return };
    for refresh in ["true", "\"wait_for\""] {
        let index = format!("ccfd-refresh-{}", refresh.len());
        let sink = sink(&format!("{}\nrefresh = {refresh}", keys(node, &index)));
        sink.write(batch(&["a"])).await.unwrap();
        assert_eq!(node.get(&format!("/{index}/_search"))["hits"]["total"]["value"], 1, "{refresh}");
    }
}

#[tokio::test]
async fn an_index_that_is_closed_or_blocked_rejects_nothing_and_takes_all_once_it_is_open() {
    let Some(node) = Node::shared() else { return };
    let sink = sink(&keys(node, "ccfd-shut"));
    sink.write(batch(&["a"])).await.unwrap();
    node.post("/ccfd-shut/_close", &json!({}));
    let at_fault = |kind: &RemoteErrorKind| matches!(kind, RemoteErrorKind::PlaceAtFault { .. });
    let closed = failure_of_all(&sink, batch(&["b", "c"])).await;
    assert!(at_fault(&closed) && closed.to_string().contains("index_closed_exception"), "{closed}");
    assert!(sink.check(&Tables::built_in().of_records()).await.unwrap_err().to_string().contains("closed"));
    node.post("/ccfd-shut/_open", &json!({}));
    node.put("/ccfd-shut/_settings", &json!({ "index.blocks.write": true }));
    let blocked = failure_of_all(&sink, batch(&["b", "c"])).await;
    assert!(at_fault(&blocked) && blocked.to_string().contains("cluster_block_exception"), "{blocked}");
    node.put("/ccfd-shut/_settings", &json!({ "index.blocks.write": null }));
    assert_eq!(sink.write(batch(&["b", "c"])).await.unwrap().accepted, 2);
    assert_eq!(node.count("ccfd-shut"), 3);
}

#[tokio::test]
async fn a_full_disk_waits_and_a_pipeline_that_is_not_there_rejects_nothing() {
    let Some(node) = Node::shared() else { return };
    let sink_to = |index: &str, more: &str| sink(&format!("{}\n{more}", keys(node, index)));
    let full = sink_to("ccfd-full", "");
    full.write(batch(&["a"])).await.unwrap();
    node.put("/ccfd-full/_settings", &json!({ "index.blocks.read_only_allow_delete": true }));
    let (error, left) = failure(&full, batch(&["b"])).await;
    assert!(matches!(error.kind, RemoteErrorKind::StorageFull { .. }) && left.is_none(), "{error}");
    let piped = sink_to("ccfd-piped", "pipeline = \"nowhere\"");
    let kind = failure_of_all(&piped, batch(&["a", "b"])).await;
    assert!(!matches!(kind, RemoteErrorKind::Throttled { .. }), "{kind}");
}

#[tokio::test]
async fn an_execution_time_is_in_each_document() {
    let Some(node) = Node::shared() else { return };
    let sink = sink(&format!("{}\nexecution_time_field = \"ingested\"", keys(node, "ccfd-stamped")));
    sink.write(batch(&["a"])).await.unwrap();
    assert_eq!(document(node, "ccfd-stamped", "a")["ingested"], "2026-02-13T10:52:05Z");
}

/// The whole cycle: installed, run, started again, counted.
#[test]
fn the_binary_brings_both_lists_into_a_node_once() {
    let Some(node) = Node::shared() else { return };
    let api = Simulated::start(&["--audit-logs", "3000", "--completions", "2000"]);
    let place = Place::new(&api.base_url);
    let sink = format!(
        "type = \"elasticsearch\"\nurls = [\"{}\"]\n\
         index = {{ audit_logs = \"ccfd-run-audit\", chat_completions = \"ccfd-run-chat\" }}",
        node.url()
    );
    place.replace("type = \"sqlite\"\npath = \"./tables.db\"", &sink);
    let said = place.run_to(0, &["check", "--install"]).stdout;
    assert!(said.contains("_index_template/ccfd-ccfd-run-audit: put"), "{said}");
    for _ in 0..2 {
        place.run_to(0, &["run", "--once"]);
        let counts = (node.count("ccfd-run-audit"), node.count("ccfd-run-chat"));
        assert_eq!(counts, (3000, 2000));
        place.run_to(0, &["reset-state", "--collector", "acme-audit", "--yes"]);
        place.run_to(0, &["reset-state", "--collector", "acme-chat", "--yes"]);
    }
    assert!(!place.path("state/rejects/acme-chat+local.ndjson").exists());
}
