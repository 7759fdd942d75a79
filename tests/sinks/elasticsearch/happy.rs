//! What a healthy cluster receives.

use std::fs;

use ccfd::{
    sinks::{Batch, Sink},
    tables::HEALTH,
};
use serde_json::json;

use super::{INDEX, KEY, batch, batch_of, failure_of_all, sink, sink_at};
use crate::support::{fake::Reply, fake_elastic::Elastic};

#[tokio::test]
async fn a_batch_is_one_compressed_request_of_documents_under_their_own_ids() {
    let elastic = Elastic::plain();
    let receipt = sink_at(elastic.server.url()).write(batch(&["a", "b"])).await.unwrap();
    assert_eq!((receipt.accepted, receipt.already_there, receipt.refused.len()), (2, 0, 0));

    let requests = elastic.server.requests_to("_bulk");
    let [request] = &requests[..] else { panic!("{} requests", requests.len()) };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/openai-audit-logs/_bulk"));
    assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    let documents = elastic.documents(INDEX);
    assert_eq!(documents.keys().collect::<Vec<_>>(), ["a", "b"]);
    let document = &documents["a"];
    assert_eq!(document["EventDetails"], json!({ "id": "user-1", "data": { "role": "owner" } }));
    assert_eq!(
        (&document["ConnectorName"], &document["@timestamp"]),
        (&json!("acme"), &json!("2026-02-13T10:52:05Z"))
    );
}

#[tokio::test]
async fn a_row_of_health_is_a_document_under_its_own_id() {
    let elastic = Elastic::plain();
    let row = r#"{"id":"r-1","at":7,"route":"acme/es","status":"Success","details":{"Delivered":3}}"#;
    let rows = Batch { table: HEALTH.clone(), ..batch_of([row.to_owned()]) };
    assert_eq!(sink_at(elastic.server.url()).write(rows).await.unwrap().accepted, 1);
    let document = &elastic.documents("openai-collector-health")["r-1"];
    assert_eq!(
        (&document["RecordId"], &document["SentinelResourceId"], &document["ExtendedProperties"]),
        (&json!("r-1"), &json!("acme/es"), &json!({ "Delivered": 3 }))
    );
}

#[tokio::test]
async fn a_batch_that_is_written_again_changes_nothing() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    sink.write(batch(&["a", "b"])).await.unwrap();
    let before = elastic.documents(INDEX);
    let receipt = sink.write(batch(&["a", "b", "c"])).await.unwrap();
    assert_eq!((receipt.accepted, receipt.already_there), (1, 2));
    assert_eq!(before["a"], elastic.documents(INDEX)["a"]);
}

#[tokio::test]
async fn a_batch_that_outgrows_a_request_becomes_several() {
    let elastic = Elastic::plain();
    let sink = sink(&format!("urls = [\"{}\"]\nbulk_bytes_max = \"64KiB\"", elastic.server.url()));
    let ids: Vec<String> = (0..500).map(|number| format!("audit_log-{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(sink.write(batch(&ids)).await.unwrap().accepted, 500);
    let requests = elastic.server.requests_to("_bulk");
    assert!(requests.len() > 2, "{}", requests.len());
    assert!(requests.iter().all(|request| request.content().unwrap().len() <= 64 << 10));
    assert_eq!(elastic.documents(INDEX).len(), 500);
}

#[tokio::test]
async fn the_settings_of_a_request_stand_in_its_query() {
    let elastic = Elastic::plain();
    let keys = "refresh = \"wait_for\"\npipeline = \"geo ip\"\nop_type = \"index\"\ngzip = false";
    let sink = sink(&format!("urls = [\"{}\"]\n{keys}", elastic.server.url()));
    sink.write(batch(&["a"])).await.unwrap();
    let again = sink.write(batch(&["a"])).await.unwrap();
    assert_eq!((again.accepted, again.already_there), (0, 1), "it was replaced");
    let request = &elastic.server.requests_to("_bulk")[0];
    assert_eq!(request.query_field("refresh").as_deref(), Some("wait_for"));
    assert_eq!(request.query_field("pipeline").as_deref(), Some("geo ip"));
    assert_eq!(request.header("content-encoding"), None);
    assert!(request.body.starts_with(b"{\"index\":{\"_id\":\"a\"}}\n"));
}

#[tokio::test]
async fn errors_are_asked_not_to_repeat_content_where_that_is_known() {
    let elastic = Elastic::plain();
    let withheld =
        |place: usize| elastic.server.requests_to("_bulk")[place].query_field("include_source_on_error");
    sink_at(elastic.server.url()).write(batch(&["a"])).await.unwrap();
    assert_eq!(withheld(0).as_deref(), Some("false"));
    let opensearch = json!({ "version": { "number": "3.1.0", "distribution": "opensearch" } });
    for greeting in [Reply::json(200, &opensearch), Reply::status(403)] {
        elastic.server.script([greeting.into()]);
        sink_at(elastic.server.url()).write(batch(&["b"])).await.unwrap();
    }
    assert_eq!([withheld(1), withheld(2)], [None, None]);
}

#[tokio::test]
async fn the_sender_is_named_by_a_key_or_a_password() {
    let elastic = Elastic::plain();
    elastic.require(&format!("ApiKey {KEY}"));
    let with = |auth: &str| sink(&format!("urls = [\"{}\"]\nauth = {auth}", elastic.server.url()));
    with(r#"{ api_key = { env = "ES_KEY" } }"#).write(batch(&["a"])).await.unwrap();
    elastic.require("Basic Y2NmZDpkR1Z6ZERwclpYaz0=");
    let basic = with(r#"{ basic = { user = "ccfd", password = { env = "ES_KEY" } } }"#);
    basic.write(batch(&["b"])).await.unwrap();
    // "ccfd:Pfad zur Tür " in UTF-8.
    elastic.require("Basic Y2NmZDpQZmFkIHp1ciBUw7xyIA==");
    let password = tempfile::NamedTempFile::new().unwrap();
    fs::write(password.path(), "Pfad zur Tür \n").unwrap();
    let place = password.path().display();
    let of_people = with(&format!(r#"{{ basic = {{ user = "ccfd", password = {{ file = "{place}" }} }} }}"#));
    of_people.write(batch(&["c"])).await.unwrap();
    let missing = failure_of_all(&with(r#"{ api_key = { env = "NO_KEY" } }"#), batch(&["c"])).await;
    assert!(missing.to_string().contains("NO_KEY is not set"), "{missing}");
}
