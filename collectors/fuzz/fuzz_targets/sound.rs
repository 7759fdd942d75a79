//! What must hold of any bytes as the body of a list.
//!
//! The parser never panics; an error has an offset in the body; each record is a slice of the body, a JSON
//! object, and has the id and the time that serde_json finds in it. The same holds when damaged records are
//! skipped, and a body without damage then gives the same records.

use std::collections::BTreeMap;

use bytes::Bytes;
use collectors::{IdHash, LAST_SECOND, ListPage, Record, TimeField};
use serde_json::{Value, value::RawValue};

/// Parses a body in every way, and panics if something does not hold.
pub fn assert_holds(body: &[u8]) {
    let body = Bytes::copy_from_slice(body);
    for time in [TimeField::EffectiveAt, TimeField::Created] {
        let whole = ListPage::parse(&body, time);
        let damaged = ListPage::parse_damaged(&body, time);
        if let (Ok(whole), Ok(damaged)) = (&whole, &damaged) {
            assert_eq!(whole.records.len(), damaged.records.len());
        }
        assert!(whole.is_err() || damaged.is_ok());
        for parsed in [whole, damaged] {
            match parsed {
                Ok(page) => assert_sound(&body, &page, time),
                Err(malformed) => assert!(malformed.offset <= body.len(), "{malformed}"),
            }
        }
    }
}

fn assert_sound(body: &Bytes, page: &ListPage, time: TimeField) {
    for record in &page.records {
        assert_inside(body, &record.raw);
        assert_agrees(record, time);
    }
    for unusable in &page.unusable {
        assert_inside(body, &unusable.raw);
    }
}

/// A record is a slice of the body, never a copy of something else.
fn assert_inside(body: &Bytes, raw: &Bytes) {
    let (whole, part) = (body.as_ptr_range(), raw.as_ptr_range());
    assert!(whole.start <= part.start && part.end <= whole.end && !raw.is_empty());
}

/// Values stay raw: a record may be nested deeper than serde_json would follow.
fn assert_agrees(record: &Record, time: TimeField) {
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_slice(&record.raw).expect("a record is a JSON object");
    let id = members.get("id").and_then(|id| scalar(id));
    let id = id.as_ref().and_then(Value::as_str).filter(|id| !id.is_empty());
    assert_eq!(id.map(IdHash::of), Some(record.id));

    let second = members.get(time.name()).and_then(|time| second(time));
    assert_eq!(second, Some(record.second));
    assert!((0..=LAST_SECOND).contains(&record.second));
}

fn scalar(raw: &RawValue) -> Option<Value> {
    let nested = raw.get().starts_with(['[', '{']);
    (!nested).then(|| serde_json::from_str(raw.get()).expect("a raw value is JSON"))
}

/// A fraction of a second is cut off.
fn second(raw: &RawValue) -> Option<i64> {
    let time = scalar(raw)?;
    time.as_i64().or_else(|| time.as_f64().map(|time| time.floor() as i64))
}
