use bytes::Bytes;

use super::super::encode::*;
use crate::{
    sinks::samples::{NOW, batch, event},
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS},
};

fn documents(stamped: Option<&str>) -> Documents {
    let events: Vec<_> = ["a", "b", "c"].iter().map(|id| event(id, NOW)).collect();
    Documents::of(&batch(&AUDIT_LOGS, &events), stamped, false)
}

fn json(body: &Bytes) -> serde_json::Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn a_request_holds_the_documents_that_it_is_asked_for() {
    let body = json(&documents(None).body(&[0, 2]));
    let ids: Vec<_> =
        body["params"]["documents"].as_array().unwrap().iter().map(|document| &document["Id"]).collect();
    assert_eq!(ids, ["a", "c"]);
}

#[test]
fn the_time_of_the_record_is_given_where_the_connector_does_not_stamp_its_own() {
    let first = |stamped| json(&documents(stamped).body(&[0]))["params"]["documents"][0].clone();
    for stamped in [None, Some("ingested")] {
        assert_eq!(first(stamped)["@timestamp"], "2026-02-13T10:52:05Z");
        assert_eq!(first(stamped)["TimeGenerated"], first(stamped)["@timestamp"]);
    }
    assert_eq!(first(Some("@timestamp")).get("@timestamp"), None);
}

#[test]
fn requests_are_cut_by_number_and_by_size() {
    let documents = documents(None);
    let fitting = |documents_max, body_max| documents.fitting(&[0, 1, 2], documents_max, body_max);
    assert_eq!((fitting(2, 1 << 20), fitting(500, 1 << 20)), (2, 3));
    let two = documents.body(&[0, 1]).len() + 1;
    assert_eq!((fitting(500, two), fitting(500, two - 2)), (2, 1));
}

#[test]
fn a_document_larger_than_a_request_goes_alone() {
    assert_eq!(documents(None).fitting(&[0, 1, 2], 500, 10), 1);
}

#[test]
fn a_number_that_javascript_would_change_is_sent_as_text_in_columns_and_in_objects() {
    let record = r#"{"id":"a","type":"x.y","effective_at":1,"x.y":{"n":[9007199254740993]}}"#.to_owned();
    let completion = r#"{"id":"c","created":1,"seed":-9007199254740993}"#.to_owned();
    let first = |table, record| {
        let documents = Documents::of(&batch(table, &[record]), None, true);
        json(&documents.body(&[0]))["params"]["documents"][0].clone()
    };
    let (event, completion) = (first(&AUDIT_LOGS, record.clone()), first(&CHAT_COMPLETIONS, completion));
    assert_eq!(event["EventDetails"]["n"][0], "9007199254740993");
    assert_eq!(completion["Seed"], "-9007199254740993");
    assert_eq!(event["event.original"], record.as_str());
}

#[test]
fn what_a_flat_field_would_refuse_is_put_beside() {
    let record = r#"{"id":"a","type":"x.y","effective_at":1,"x.y":[1]}"#.to_owned();
    let documents = Documents::of(&batch(&AUDIT_LOGS, &[record]), None, false);
    let body = json(&documents.body(&[0]));
    assert_eq!(body["params"]["documents"][0]["EventDetailsUnindexed"], serde_json::json!([1]));
}
