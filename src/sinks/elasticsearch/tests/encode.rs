use std::{io::Read as _, ops::Range};

use bytes::Bytes;
use collectors::{IdHash, Record};
use flate2::read::GzDecoder;
use serde_json::Value;

use super::super::encode::*;
use crate::{
    config::OpType,
    sinks::{
        Batch,
        samples::{NOW, event},
    },
    tables::AUDIT_LOGS,
};

const PLAIN: Form = Form { op_type: OpType::Create, gzip: false, original: false, stamp: None };

/// A batch of audit events with these ids.
fn batch(ids: &[&str]) -> Batch {
    let record = |id: &&str| {
        let raw = Bytes::from(event("ID", NOW).replace("\"ID\"", &Value::from(*id).to_string()));
        Record::new(raw, NOW, IdHash::of(id), None)
    };
    Batch { table: AUDIT_LOGS.clone(), connector: "acme".into(), records: ids.iter().map(record).collect() }
}

fn encoded(form: &Form, batch: &Batch, range: Range<usize>, bytes_max: usize) -> Bulk {
    encode(form, batch, &admit(&batch.records).0, range, None, bytes_max, Vec::new()).unwrap()
}

/// The lines of a body that is not compressed.
fn lines(bulk: &Bulk) -> Vec<Value> {
    assert!(bulk.body.ends_with(b"\n"));
    bulk.body[..]
        .trim_ascii_end()
        .split(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn a_record_becomes_an_action_with_its_id_and_a_document_without_nulls() {
    let bulk = encoded(&PLAIN, &batch(&["audit_log-1"]), 0..1, usize::MAX);
    let lines = lines(&bulk);
    assert_eq!(lines[0], serde_json::json!({ "create": { "_id": "audit_log-1" } }));
    let document = lines[1].as_object().unwrap();
    assert_eq!((&document["Id"], &document["ConnectorName"]), (&"audit_log-1".into(), &"acme".into()));
    assert_eq!(document["@timestamp"], "2026-02-13T10:52:05Z");
    assert_eq!(document["@timestamp"], document["TimeGenerated"]);
    assert!(document.values().all(|value| !value.is_null()) && !document.contains_key("Project"));
    assert_eq!(lines.len(), 2);
}

#[test]
fn an_id_is_escaped_as_json_wants_it() {
    let odd = "a\"\\\n\u{1}ü";
    let bulk = encoded(&PLAIN, &batch(&[odd]), 0..1, usize::MAX);
    assert_eq!(lines(&bulk)[0]["create"]["_id"], odd);
}

#[test]
fn an_id_that_the_cluster_would_refuse_is_refused_alone() {
    let (long, longest) = ("x".repeat(513), "y".repeat(512));
    let (rows, refused) = admit(&batch(&["a", &long, &longest, ""]).records);
    assert_eq!(rows, [0, 2]);
    let reported: Vec<_> = refused.iter().map(|one| (one.index, one.kind)).collect();
    assert_eq!(reported, [(1, "unusable_id"), (3, "unusable_id")]);
    assert!(refused[0].reason.contains("513 bytes"));
}

#[test]
fn a_request_ends_before_it_is_too_large_and_holds_a_row_in_any_case() {
    let batch = batch(&["a", "b", "c"]);
    let all = encoded(&PLAIN, &batch, 0..3, usize::MAX);
    assert_eq!((all.rows.clone(), all.bytes), (0..3, all.body.len()));
    assert_eq!(encoded(&PLAIN, &batch, 0..3, all.bytes).rows, 0..3);
    assert_eq!(encoded(&PLAIN, &batch, 0..3, all.bytes - 1).rows, 0..2);
    assert_eq!(encoded(&PLAIN, &batch, 1..3, 1).rows, 1..2);
}

#[test]
fn a_compressed_body_holds_the_same_and_counts_what_it_was() {
    let batch = batch(&["a", "b"]);
    let plain = encoded(&PLAIN, &batch, 0..2, usize::MAX);
    let packed = encoded(&Form { gzip: true, ..PLAIN }, &batch, 0..2, usize::MAX);
    let mut inflated = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut inflated).unwrap();
    assert_eq!((&inflated[..], packed.bytes), (&plain.body[..], plain.bytes));
}

#[test]
fn documents_are_stamped_in_a_field_of_their_own_or_in_place_of_their_time() {
    let stamped = |field: &str| {
        let form = Form { stamp: Some((field.to_owned(), NOW + 60)), ..PLAIN };
        lines(&encoded(&form, &batch(&["a"]), 0..1, usize::MAX)).remove(1)
    };
    let document = stamped("event.ingested");
    assert_eq!(document["event.ingested"], "2026-02-13T10:53:05Z");
    assert_eq!(document["@timestamp"], "2026-02-13T10:52:05Z");
    assert_eq!(stamped("@timestamp")["@timestamp"], "2026-02-13T10:53:05Z");
}

#[test]
fn the_operation_is_the_one_that_is_set() {
    let form = Form { op_type: OpType::Index, ..PLAIN };
    assert_eq!(lines(&encoded(&form, &batch(&["a"]), 0..1, usize::MAX))[0]["index"]["_id"], "a");
}

#[test]
fn the_record_as_received_is_a_member_where_that_is_wanted() {
    let batch = batch(&["a"]);
    let document = lines(&encoded(&Form { original: true, ..PLAIN }, &batch, 0..1, usize::MAX)).remove(1);
    let raw = std::str::from_utf8(&batch.records[0].raw).unwrap();
    assert_eq!((&document["event.original"], &document["Id"]), (&Value::from(raw), &Value::from("a")));
}

#[test]
fn a_buffer_that_is_too_small_does_not_double() {
    // Everything about these records is longer as a document than they are.
    let ids: Vec<String> = (0..2_000).map(|number| format!("audit_log-{number}")).collect();
    let batch = batch(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    for form in [PLAIN, Form { original: true, ..PLAIN }] {
        let rows = admit(&batch.records).0;
        let buffer = Vec::with_capacity(estimate(&form, &batch, &rows) / 2);
        let bulk = encode(&form, &batch, &rows, 0..2_000, None, usize::MAX, buffer).unwrap();
        let capacity = Vec::from(bulk.body.try_into_mut().unwrap()).capacity();
        assert!(capacity < bulk.bytes * 5 / 4, "{capacity} for {}", bulk.bytes);
    }
}
