//! A real node behind the fake: what the connector would write is written with `_bulk`, as the connector does.

use std::fmt::Write as _;

use ccfd::{
    deploy::elastic::{Product, TargetShape, installs},
    sinks::{Batch, Sink, kibana_index::KibanaIndexSink},
    tables::AUDIT_LOGS,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{NAME, batch, batch_of, failed, sink_at};
use crate::support::{
    fake::{Fake, Reply, Request},
    http,
    opensearch::Node,
};

/// A Kibana with one connector, to this index of the node.
fn kibana(node: &'static Node, index: &'static str) -> Fake {
    Fake::plain(move |request| {
        if request.path.ends_with("/connectors") {
            let connector = json!({
                "id": "c", "name": NAME, "connector_type_id": ".index",
                "config": { "index": index, "refresh": false, "executionTimeField": "@timestamp" },
            });
            return Reply::json(200, &json!([connector]));
        }
        Reply::json(200, &execute(node, index, request))
    })
}

fn sink(kibana: &Fake, index: &str) -> KibanaIndexSink {
    sink_at(kibana.url(), &format!("index = {{ audit_logs = \"{index}\" }}"))
}

fn execute(node: &Node, index: &str, request: &Request) -> Value {
    let mut lines = String::new();
    for document in request.json()["params"]["documents"].as_array().unwrap() {
        let mut document = document.clone();
        document["@timestamp"] = json!("2026-02-13T10:52:05.123Z");
        writeln!(lines, "{}\n{document}", json!({ "index": { "op_type": "create" } })).unwrap();
    }
    let url = format!("{}/{index}/_bulk", node.url());
    let ndjson = [("content-type", "application/x-ndjson")];
    let (status, data) = http::send(Method::POST, &url, &ndjson, lines.into_bytes());
    assert_eq!(status, 200, "{data}");
    if data["errors"] == false {
        return json!({ "status": "ok", "connector_id": "c", "data": data });
    }
    let items = data["items"].as_array().unwrap().iter();
    let errors: Vec<&Value> = items.filter_map(|item| item["create"].get("error")).collect();
    let join =
        |of: &[&Value]| of.iter().filter_map(|error| error["reason"].as_str()).collect::<Vec<_>>().join(";");
    let causes: Vec<&Value> = errors.iter().filter_map(|error| error.get("caused_by")).collect();
    let causes = if causes.is_empty() { String::new() } else { format!(" ({})", join(&causes)) };
    json!({
        "status": "error", "connector_id": "c", "message": "error indexing documents",
        "service_message": join(&errors) + &causes, "errorSource": "user",
    })
}

#[tokio::test]
async fn with_the_template_repeats_are_harmless() {
    let Some(node) = Node::shared() else { return };
    let index = "kibana-index-repeats";
    for install in installs(Product::OpenSearch, TargetShape::KibanaIndex, &[(&AUDIT_LOGS, index)]) {
        node.put(&format!("/{}", install.path), &install.body);
    }
    let kibana = kibana(node, index);
    let sink = sink(&kibana, index);
    let ids: Vec<String> = (0..50).map(|number| format!("audit_log-{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(sink.write(batch(&ids[..30])).await.unwrap().accepted, 30);
    let receipt = sink.write(batch(&ids)).await.unwrap();
    assert_eq!((receipt.accepted, receipt.already_there), (20, 30));
    let found = node.documents(index);
    assert!(found.len() == 50 && found.iter().all(|found| found["_id"] == found["_source"]["Id"]));
}

#[tokio::test]
async fn what_a_node_says_of_a_document_refuses_that_document_alone() {
    let Some(node) = Node::shared() else { return };
    let index = "kibana-index-refuses";
    let ids = json!({ "processors": [{ "set": { "field": "_id", "value": "{{{Id}}}" } }] });
    node.put(&format!("/_ingest/pipeline/{index}"), &ids);
    let settings = json!({ "default_pipeline": index });
    // Nobody's template would have it so: a number where there is a word.
    let mappings = json!({ "properties": { "EventType": { "type": "long" } } });
    node.put(&format!("/{index}"), &json!({ "settings": settings, "mappings": mappings }));
    let numbers = batch_of(&AUDIT_LOGS, &["a", "b", "c", "d"], "7").records;
    let words = batch(&["e"]).records;
    let records = numbers.iter().chain(words.iter()).cloned().collect();
    let kibana = kibana(node, index);
    let receipt = sink(&kibana, index).write(Batch { records, ..batch(&["e"]) }).await.unwrap();
    let refused: Vec<_> = receipt.refused.iter().map(|refused| (refused.index, refused.kind)).collect();
    assert_eq!((refused, node.count(index)), (vec![(4, "refused")], 4));
    assert!(receipt.refused[0].reason.contains("failed to parse field [EventType]"));
}

#[tokio::test]
async fn an_index_that_was_closed_or_blocked_parks_until_it_is_mended() {
    let Some(node) = Node::shared() else { return };
    let index = "kibana-index-closed";
    node.put(&format!("/{index}"), &json!({}));
    let kibana = kibana(node, index);
    let sink = sink(&kibana, index);
    let block =
        |blocked: bool| node.put(&format!("/{index}/_settings"), &json!({ "index.blocks.write": blocked }));
    node.post(&format!("/{index}/_close"), &json!({}));
    let closed = failed(sink.write(batch(&["a", "b"])).await.unwrap_err()).to_string();
    node.post(&format!("/{index}/_open"), &json!({}));
    block(true);
    let blocked = failed(sink.write(batch(&["a", "b"])).await.unwrap_err()).to_string();
    block(false);
    assert!(
        closed.ends_with("accepts no rows: index_closed") && blocked.ends_with(": index_blocked"),
        "{closed} {blocked}"
    );
    assert_eq!(sink.write(batch(&["a", "b"])).await.unwrap().accepted, 2);
}
