use reqwest::Method;
use serde_json::json;

use crate::support::{http, opensearch::Node};

#[test]
fn what_is_written_is_counted() {
    let Some(node) = Node::shared() else { return };
    node.put("/judge-counted/_doc/a", &json!({ "x": 1 }));
    node.put("/judge-counted/_create/b", &json!({ "x": 2 }));
    assert_eq!(node.count("judge-counted"), 2);
    let documents = node.documents("judge-counted");
    assert!(documents.iter().any(|found| found["_id"] == "b" && found["_source"] == json!({ "x": 2 })));
    node.delete("/judge-counted");
    assert!(
        node.get("/_cat/indices/judge-*?format=json&h=index").to_string().find("judge-counted").is_none()
    );
}

#[test]
fn an_ingest_pipeline_sets_the_id() {
    let Some(node) = Node::shared() else { return };
    let set = json!({ "processors": [{ "set": { "field": "_id", "value": "{{{Id}}}" } }] });
    node.put("/_ingest/pipeline/judge-id", &set);
    node.put("/judge-piped", &json!({ "settings": { "default_pipeline": "judge-id" } }));
    node.put("/judge-piped/_doc/other", &json!({ "Id": "audit_log-1" }));
    assert_eq!(node.count("judge-piped"), 1);
    assert_eq!(node.documents("judge-piped")[0]["_id"], "audit_log-1");
}

#[test]
fn a_bulk_request_says_which_of_its_documents_is_there_already() {
    let Some(node) = Node::shared() else { return };
    let lines = b"{\"create\":{\"_id\":\"a\"}}\n{}\n{\"create\":{\"_id\":\"a\"}}\n{}\n".to_vec();
    let url = format!("{}/judge-bulk/_bulk", node.url());
    let ndjson = ("content-type", "application/x-ndjson");
    let (status, answer) = http::send(Method::POST, &url, &[ndjson], lines);
    assert_eq!((status, &answer["items"][1]["create"]["status"]), (200, &json!(409)));
}

/// What Kibana's index connector meets when its index has such a pipeline, and what the fake of it says.
#[test]
fn a_repeat_without_an_id_is_a_conflict_behind_a_pipeline_that_sets_one() {
    let Some(node) = Node::shared() else { return };
    let set = json!({ "processors": [{ "set": { "field": "_id", "value": "{{{Id}}}" } }] });
    node.put("/_ingest/pipeline/judge-repeat", &set);
    node.put("/judge-repeat", &json!({ "settings": { "default_pipeline": "judge-repeat" } }));
    let url = format!("{}/judge-repeat/_bulk", node.url());
    let lines = || b"{\"index\":{\"op_type\":\"create\"}}\n{\"Id\":\"a\"}\n".to_vec();
    let send = || http::send(Method::POST, &url, &[("content-type", "application/x-ndjson")], lines()).1;
    assert_eq!(send()["items"][0]["create"]["status"], 201);
    let item = &send()["items"][0]["create"];
    let reason = "[a]: version conflict, document already exists (current version [1])";
    assert_eq!((&item["status"], &item["error"]["reason"]), (&json!(409), &json!(reason)));
}

#[test]
fn the_node_costs_cpu_time() {
    let Some(node) = Node::shared() else { return };
    assert!(node.cpu_seconds() > 0.1);
}
