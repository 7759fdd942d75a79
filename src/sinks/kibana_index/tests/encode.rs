use std::sync::Arc;

use bytes::Bytes;

use super::super::encode::*;
use crate::{
    sinks::samples::{NOW, batch, event},
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Column, ColumnKind, Origin, Table, unfit_values},
};

fn documents(stamped: Option<&str>) -> Documents {
    let events: Vec<_> = ["a", "b", "c"].iter().map(|id| event(id, NOW)).collect();
    Documents::of(&batch(&AUDIT_LOGS, &events), stamped, false)
}

const ANY: usize = usize::MAX;

/// The body of one request with the documents at these places.
fn body(mut documents: Documents, places: &[usize]) -> Bytes {
    let request = documents.request(places, ANY, ANY);
    assert_eq!(request.documents, places.len());
    request.body
}

fn json(body: &Bytes) -> serde_json::Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn a_request_holds_the_documents_that_it_is_asked_for() {
    let body = json(&body(documents(None), &[0, 2]));
    let ids: Vec<_> =
        body["params"]["documents"].as_array().unwrap().iter().map(|document| &document["Id"]).collect();
    assert_eq!(ids, ["a", "c"]);
}

#[test]
fn the_time_of_the_record_is_given_where_the_connector_does_not_stamp_its_own() {
    let first = |stamped| json(&body(documents(stamped), &[0]))["params"]["documents"][0].clone();
    for stamped in [None, Some("ingested")] {
        assert_eq!(first(stamped)["@timestamp"], "2026-02-13T10:52:05Z");
        assert_eq!(first(stamped)["TimeGenerated"], first(stamped)["@timestamp"]);
    }
    assert_eq!(first(Some("@timestamp")).get("@timestamp"), None);
}

#[test]
fn requests_are_cut_by_number_and_by_size() {
    let fitting = |documents_max, body_max| {
        let request = documents(None).request(&[0, 1, 2], documents_max, body_max);
        assert_eq!(json(&request.body)["params"]["documents"].as_array().unwrap().len(), request.documents);
        request.documents
    };
    assert_eq!((fitting(2, 1 << 20), fitting(500, 1 << 20)), (2, 3));
    let two = body(documents(None), &[0, 1]).len();
    assert_eq!((fitting(500, two), fitting(500, two - 1)), (2, 1));
}

#[test]
fn a_document_larger_than_a_request_goes_alone() {
    assert_eq!(documents(None).request(&[0, 1, 2], 500, 10).documents, 1);
}

#[test]
fn a_number_that_javascript_would_change_is_sent_as_text_in_columns_and_in_objects() {
    let record = r#"{"id":"a","type":"x.y","effective_at":1,"x.y":{"n":[9007199254740993]}}"#.to_owned();
    let completion = r#"{"id":"c","created":1,"seed":-9007199254740993}"#.to_owned();
    let first = |table, record| {
        let documents = Documents::of(&batch(table, &[record]), None, true);
        json(&body(documents, &[0]))["params"]["documents"][0].clone()
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
    let body = json(&body(documents, &[0]));
    assert_eq!(body["params"]["documents"][0]["EventDetailsUnindexed"], serde_json::json!([1]));
}

#[test]
fn a_request_without_documents_is_one() {
    assert_eq!(json(&nothing()), serde_json::json!({"params": {"documents": []}}));
}

#[test]
fn what_is_odd_in_a_record_is_counted_once_however_often_it_is_encoded() {
    let columns = vec![Column::new("Id", ColumnKind::Long, Origin::Field("id".into()), "Its id")];
    let table = Arc::new(Table::new("OddOnce_CL", "Id", columns));
    let records = ["a", "b", "c"].map(|id| format!(r#"{{"id":"{id}"}}"#));
    let mut documents = Documents::of(&batch(&table, &records), None, false);
    // The second of them does not fit, and is encoded once more.
    assert_eq!(documents.request(&[0, 1, 2], ANY, 10).documents, 1);
    assert_eq!(documents.request(&[1, 2], ANY, ANY).documents, 2);
    documents.request(&[0, 1, 2], ANY, ANY);
    let unfit = unfit_values().into_iter().find(|(table, ..)| &**table == "OddOnce_CL");
    assert_eq!(unfit.map(|(_, _, count)| count), Some(3));
}
