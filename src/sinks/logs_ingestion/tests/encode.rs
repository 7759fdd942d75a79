use std::io::Read;

use flate2::read::GzDecoder;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

use super::super::encode::*;
use crate::{
    sinks::samples::{NOW, batch, event},
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Column, ColumnKind, Origin},
};

const ENCODER: Encoder = Encoder { asim: false, inflated_max: 8 << 20 };

fn inflated(body: &[u8]) -> Vec<u8> {
    let mut inflated = Vec::new();
    GzDecoder::new(body).read_to_end(&mut inflated).unwrap();
    inflated
}

fn rows(call: &Call) -> Vec<Value> {
    serde_json::from_slice(&inflated(&call.body)).unwrap()
}

/// Letters that do not shrink by more than a quarter.
fn noise(bytes: usize, seed: u64) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..bytes)
        .map(|_| {
            char::from(
                b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[rng.random_range(0..64)],
            )
        })
        .collect()
}

#[test]
fn no_row_is_an_array_all_the_same() {
    assert_eq!(inflated(&nothing().unwrap()), b"[]");
}

#[test]
fn the_cap_holds_to_the_byte() {
    let batch = batch(&AUDIT_LOGS, &[event("1", NOW), event("2", NOW), event("3", NOW)]);
    let all = ENCODER.encode(&batch, 0..3, None).unwrap();
    assert_eq!((all.rows, all.first, all.end), (3, 0, 3));
    let bytes = inflated(&all.body).len();
    let exact = Encoder { inflated_max: bytes, ..ENCODER }.encode(&batch, 0..3, None).unwrap();
    assert_eq!(exact.rows, 3);
    let short = Encoder { inflated_max: bytes - 1, ..ENCODER }.encode(&batch, 0..3, None).unwrap();
    assert_eq!((short.rows, short.end, short.receipt.accepted), (2, 2, 2));
    let rest = ENCODER.encode(&batch, 2..3, None).unwrap();
    assert_eq!((rest.rows, rest.first, rest.end), (1, 2, 3));
}

#[test]
fn a_row_above_the_cap_goes_alone() {
    let batch = batch(&AUDIT_LOGS, &[event("1", NOW), event("2", NOW)]);
    let call = Encoder { inflated_max: 10, ..ENCODER }.encode(&batch, 0..2, None).unwrap();
    assert_eq!((call.rows, call.end), (1, 1));
}

#[test]
fn what_was_too_old_is_refused_in_its_place_and_not_sent() {
    let mut batch = batch(&AUDIT_LOGS, &[event("1", NOW), event("2", NOW), event("3", NOW)]);
    let mut records = batch.records.to_vec();
    records[0].second = NOW - 2;
    batch.records = records.into();
    let call = ENCODER.encode(&batch, 0..3, Some(NOW - 1)).unwrap();
    assert_eq!((call.rows, call.first, call.end), (2, 1, 3));
    assert_eq!((call.receipt.refused[0].index, call.receipt.refused[0].kind), (0, "old"));
}

#[test]
fn a_body_stays_below_the_limit_whatever_shrinks_and_whatever_does_not() {
    // Rows of any length; some shrink to nothing and some hardly at all.
    let mut rng = StdRng::seed_from_u64(7);
    for round in 0..6 {
        let record = |number: u64| {
            let text = match rng.random_ratio(round, 6) {
                true => "a".repeat(rng.random_range(0..60_000)),
                false if number.is_multiple_of(2) => noise(rng.random_range(0..60_000), number),
                false => wide_noise(rng.random_range(0..15_000), number),
            };
            format!(r#"{{"id":"{number}","service_tier":"{text}"}}"#)
        };
        let records: Vec<_> = (0..150).map(record).collect();
        let batch = batch(&CHAT_COMPLETIONS, &records);
        let (mut at, mut seen) = (0, Vec::new());
        while at < 150 {
            let call = ENCODER.encode(&batch, at..150, None).unwrap();
            assert!(call.rows > 0 && call.body.len() <= WIRE_BYTES_MAX, "{} bytes", call.body.len());
            assert!(call.end == 150 || call.body.len() > 900_000 || inflated(&call.body).len() > 7 << 20);
            seen.extend(rows(&call).iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            at = call.end;
        }
        assert_eq!(seen, (0..150).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn the_largest_row_that_there_can_be_fits_a_call() {
    let is_long = |column: &&Column| matches!(column.kind, ColumnKind::String | ColumnKind::Dynamic);
    let columns =
        CHAT_COMPLETIONS.stream.iter().filter(is_long).filter(|column| column.from != Origin::Connector);
    let member =
        |(seed, column): (usize, &Column)| format!("\"{}\":\"{}\"", column.name, noise(70_000, seed as u64));
    let members: Vec<_> = columns.enumerate().map(member).collect();
    let batch = batch(&CHAT_COMPLETIONS, &[format!("{{{}}}", members.join(","))]);
    let call = ENCODER.encode(&batch, 0..1, None).unwrap();
    assert_eq!((call.rows, call.receipt.cut.len()), (1, 1));
    assert!(call.body.len() < WIRE_BYTES_MAX && call.body.len() > 500_000, "{} bytes", call.body.len());
}

/// Letters of four bytes from all over Unicode: no byte of them is one of those that are short to write.
fn wide_noise(letters: usize, seed: u64) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..letters).map(|_| char::from_u32(rng.random_range(0x20000..0x2a000)).unwrap_or('x')).collect()
}

#[test]
fn what_the_asim_rule_packs_into_one_column_fits_into_it() {
    let (large, text) = (noise(60_000, 1), noise(50_000, 2));
    let completion = format!(
        r#"{{"id":"c","created":{NOW},"service_tier":"default","tools":[{{"a":"{large}"}}],"metadata":{{"b":"{text}"}},"response_format":{{"c":"{large}"}},"input_user":"u"}}"#
    );
    let batch = batch(&CHAT_COMPLETIONS, &[completion]);
    let row = |asim| {
        let call = Encoder { asim, ..ENCODER }.encode(&batch, 0..1, None).unwrap();
        (rows(&call).remove(0), call.receipt.cut)
    };
    let packed = ["service_tier", "tools", "metadata", "response_format", "input_user"];
    let (own, cut) = row(false);
    assert!(packed.iter().all(|name| own[*name].to_string().len() > 2) && cut.is_empty());
    let (asim, cut) = row(true);
    let bytes: usize = packed.iter().map(|name| asim[*name].to_string().len()).sum();
    assert!(bytes < 64_000, "{bytes}");
    assert_eq!((&asim["metadata"]["b"], &asim["input_user"]), (&Value::from(text), &Value::from("u")));
    assert!(asim["tools"]["ccfd_cut"].is_string() && asim["response_format"]["ccfd_cut"].is_string());
    assert_eq!(cut.len(), 1, "reported once for the record");
}

#[test]
fn a_call_tells_its_size_before_it_was_compressed() {
    let batch = batch(&AUDIT_LOGS, &[event("1", NOW), event("2", NOW)]);
    let call = ENCODER.encode(&batch, 0..2, None).unwrap();
    assert_eq!(call.inflated, inflated(&call.body).len());
}
