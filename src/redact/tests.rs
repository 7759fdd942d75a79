use collectors::{Record, TimeField};

use super::*;
use crate::tables::AUDIT_LOGS;

const KEY: &str = "0123456789abcdef0123456789abcdef";

type Lists<'a> = &'a [(RuleAction, &'a [&'a str])];

fn redaction(lists: Lists<'_>) -> Redaction {
    let rule = |action, path: &&str| RedactionRule { path: Path::parse(path).unwrap(), action };
    let rules = lists.iter().flat_map(|(action, paths)| paths.iter().map(|path| rule(*action, path)));
    let rules = Rules::new(rules.collect(), None, &AUDIT_LOGS).unwrap();
    Redaction::new(rules, Some(Hasher::new(&KEY.into()).unwrap()))
}

fn redacted(lists: Lists<'_>, record: &str) -> String {
    let raw = redaction(lists).record(&Bytes::copy_from_slice(record.as_bytes())).unwrap();
    String::from_utf8(raw.to_vec()).unwrap()
}

fn dropped(paths: &[&str], record: &str) -> String {
    redacted(&[(RuleAction::Drop, paths)], record)
}

#[test]
fn a_member_is_dropped_with_its_comma_at_every_position() {
    let record = r#"{ "a" : 1, "b" : [ 2 ] ,"c":{"d":3} }"#;
    assert_eq!(dropped(&["a"], record), r#"{ "b" : [ 2 ] ,"c":{"d":3} }"#);
    assert_eq!(dropped(&["b"], record), r#"{ "a" : 1 ,"c":{"d":3} }"#);
    assert_eq!(dropped(&["c"], record), r#"{ "a" : 1, "b" : [ 2 ] }"#);
    assert_eq!(dropped(&["c.d"], record), r#"{ "a" : 1, "b" : [ 2 ] ,"c":{} }"#);
    assert_eq!(dropped(&["a", "b"], record), r#"{"c":{"d":3} }"#);
    assert_eq!(dropped(&["a", "c"], record), r#"{ "b" : [ 2 ] }"#);
    assert_eq!(dropped(&["b", "c"], record), r#"{ "a" : 1 }"#);
    assert_eq!(dropped(&["a", "b", "c"], record), "{ }");
}

#[test]
fn a_mask_says_nothing_of_what_it_hides() {
    let record = r#"{"a":null,"b":{"x":[1]},"c":[],"d":"\"","e":-1.5e3}"#;
    let masked = redacted(&[(RuleAction::Mask, &["a", "b", "c", "d", "e"])], record);
    assert_eq!(masked, r#"{"a":"[masked]","b":"[masked]","c":"[masked]","d":"[masked]","e":"[masked]"}"#);
}

#[test]
fn a_hash_replaces_each_element_and_leaves_null_alone() {
    let hash =
        |json: &str| String::from_utf8(Hasher::new(&KEY.into()).unwrap().quoted(json.as_bytes())).unwrap();
    let record = r#"{"a":["x",[null,{ "y" : 1 }], 2 ],"b":null,"c":[]}"#;
    let (x, y, two) = (hash("\"x\""), hash("{\"y\":1}"), hash("2"));
    assert_eq!(
        redacted(&[(RuleAction::Hash, &["a", "b", "c"])], record),
        format!(r#"{{"a":[{x},[null,{y}], {two} ],"b":null,"c":[]}}"#)
    );
}

#[test]
fn a_path_goes_through_arrays_of_any_depth_to_every_element() {
    let record =
        r#"{"choices":[{"message":{"content":"a"},"index":0},[[{"message":{"content":"b"}}]],"c",null]}"#;
    assert_eq!(
        dropped(&["choices.message.content"], record),
        r#"{"choices":[{"message":{},"index":0},[[{"message":{}}]],"c",null]}"#
    );
    let deep = format!(r#"{{"choices":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(dropped(&["choices.message"], &deep), deep);
}

#[test]
fn every_member_of_a_name_goes_however_often_and_however_it_is_written() {
    let record = r#"{"a":"secret","b":0,"\u0061":"secret","a":{"a":"secret"},"b":1}"#;
    assert_eq!(dropped(&["a"], record), r#"{"b":0,"b":1}"#);
    let twice = r#"{"actor":{"x":"secret","k":1},"actor":{"k":2,"x":"secret","\u0078":"secret"}}"#;
    assert_eq!(dropped(&["actor.x"], twice), r#"{"actor":{"k":1},"actor":{"k":2}}"#);
}

#[test]
fn what_a_path_does_not_lead_to_stays_as_it_was_received() {
    let record = "{\"id\":\"1\",\"seed\":-1971541699951901963,\r\n \"top_p\":0.10000000000000000555,\"s\":\"\\u00e9\",\"a.b\":1}";
    assert_eq!(dropped(&["a.b", "seed.x", "s.x", "nothing"], record), record);
    assert_eq!(dropped(&["\"a.b\""], record), record.replace(",\"a.b\":1", ""));
}

#[test]
fn a_payload_is_met_whatever_its_type() {
    let record = r#"{"user.added":{"id":"u","data":"secret"},"id":"1","type":"user.added","created":1,
        "effective_at":1,"object":"o","actor":{"data":1},"news":[{"data":"secret"}]}"#;
    assert_eq!(
        dropped(&["@other.data"], record),
        record.replace(r#","data":"secret""#, "").replace(r#""data":"secret""#, "")
    );
    let without = dropped(&["@other"], record);
    assert!(!without.contains("user.added\":{") && !without.contains("news"), "{without}");
    assert!(without.contains(r#""type":"user.added","created":1"#), "{without}");
}

#[test]
fn a_record_without_any_of_the_fields_is_not_copied() {
    let raw = Bytes::from_static(br#"{"id":"1","actor":{"type":"session"}}"#);
    let same = redaction(&[(RuleAction::Drop, &["choices", "actor.session"])]).record(&raw).unwrap();
    assert_eq!(same.as_ptr(), raw.as_ptr());
}

#[test]
fn a_redacted_record_still_knows_its_id() {
    let record = Record::read(
        br#"{"actor":"audit_log-1","id":"audit_log-1","effective_at":5}"#,
        TimeField::EffectiveAt,
    )
    .unwrap();
    let raw = redaction(&[(RuleAction::Drop, &["actor"])]).record(&record.raw).unwrap();
    let record = record.with_raw(raw);
    assert_eq!(record.id_text().as_deref(), Some("audit_log-1"));
    assert_eq!(record.raw, r#"{"id":"audit_log-1","effective_at":5}"#);
}

#[test]
fn what_was_redacted_before_is_not_changed_by_being_redacted_again() {
    let lists: Lists<'_> =
        &[(RuleAction::Drop, &["a"]), (RuleAction::Mask, &["b"]), (RuleAction::Hash, &["c"])];
    let raw = Bytes::from_static(br#"{"a":1,"b":2,"c":["x",{"y":1},null],"d":3}"#);
    let redaction = redaction(lists);
    let once = redaction.record(&raw).unwrap();
    assert_eq!(redaction.kept_record(&once).unwrap(), once);
    assert_eq!(redaction.kept_record(&raw).unwrap(), once, "what was kept in clear is not sent in clear");
    assert_ne!(redaction.record(&once).unwrap(), once, "a source may send what looks like a hash");
}

#[test]
fn text_that_cannot_be_decoded_hides_nothing() {
    let record = b"{\"\\ud800\":\"kept\",\"b\xff\":1,\"a\":\"secret\xff\\ud800\",\"c\":\"\\ud800\xff\"}";
    let redaction = redaction(&[(RuleAction::Drop, &["a"]), (RuleAction::Hash, &["c"])]);
    let redacted = redaction.record(&Bytes::from_static(record)).unwrap();
    assert!(redacted.starts_with(b"{\"\\ud800\":\"kept\",\"b\xff\":1,\"c\":\""));
    assert!(!redacted.windows(6).any(|bytes| bytes == b"secret"));
    assert_eq!(redacted.iter().filter(|byte| **byte == 0xff).count(), 1, "the text of c is hashed");
}

#[test]
fn what_is_no_object_is_withheld() {
    let redaction = redaction(&[(RuleAction::Drop, &["a"])]);
    for json in ["\"secret\"", "[{\"a\":\"secret\"}]", "5", "null", "", "{\"a\":\"secret", "{\"b\":1}secret"]
    {
        assert_eq!(redaction.record(&Bytes::copy_from_slice(json.as_bytes())), None, "{json}");
    }
}

#[test]
fn every_cut_and_every_change_of_a_byte_is_survived() {
    let redaction = redaction(&[
        (RuleAction::Drop, &["a", "b.c"]),
        (RuleAction::Mask, &["d"]),
        (RuleAction::Hash, &["b.e"]),
    ]);
    let json = br#"{"a":"\u00e9\"","b":[{"c":1.5,"e":[2]},"]"],"d":{"e":null},"f":-0}"#;
    for place in 0..json.len() {
        _ = redaction.record(&Bytes::from_static(&json[..place]));
        for byte in *b"\"\\{}[],: x\xff" {
            let mut changed = json.to_vec();
            changed[place] = byte;
            _ = redaction.record(&changed.into());
        }
    }
}

#[test]
fn a_value_may_be_nested_however_deep() {
    let redaction =
        redaction(&[(RuleAction::Drop, &["a"]), (RuleAction::Hash, &["b"]), (RuleAction::Mask, &["c.d.e"])]);
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let (objects, arrays) = (deep(r#"{"x":"#, "}"), deep("[", "]"));
    for value in [&objects, &arrays] {
        let record = format!(r#"{{"a":{value},"b":{value},"c":{value},"d":{value}}}"#);
        let redacted = redaction.record(&Bytes::from(record)).unwrap();
        assert!(redacted.len() > 2 * value.len() && redacted.ends_with(b"}"));
    }
}
