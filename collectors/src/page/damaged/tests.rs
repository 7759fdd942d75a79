use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::page::{ListPage, head::TimeField};

fn record(n: usize) -> String {
    format!(
        r#"{{"id":"r-{n}","created":{},"x":{{"y":[1,{{"id":"in","z":"a \"b\" {{}}],["}}]}},"t":"line\nend"}}"#,
        1000 + n
    )
}

fn list(records: &[String], between: &str) -> String {
    format!(r#"{{"object":"list","data":[{}],"first_id":null,"has_more":true}}"#, records.join(between))
}

fn read(body: &str) -> Result<ListPage, Malformed> {
    ListPage::parse_damaged(&Bytes::copy_from_slice(body.as_bytes()), TimeField::Created)
}

fn raws(page: &ListPage) -> Vec<String> {
    page.records.iter().map(|record| String::from_utf8_lossy(&record.raw).into_owned()).collect()
}

type Damage = fn(&str) -> String;

/// Kinds of damage, each of which is done to a record.
fn damages() -> Vec<(&'static str, Damage)> {
    vec![
        ("NaN", |record| record.replace(":[1,", ":[NaN,")),
        ("Infinity", |record| record.replace(":[1,", ":[-Infinity,")),
        ("a raw line break", |record| record.replace("line\\n", "line\n")),
        ("a raw null", |record| record.replace("line\\n", "line\u{0}")),
        ("a bad escape", |record| record.replace("line\\n", "line\\x")),
        ("a stray comma", |record| record.replace(":[1,", ":[1,,")),
        ("a comma before the end", |record| record.replace("end\"}", "end\",}")),
        ("a leading zero", |record| record.replace(":[1,", ":[01,")),
        ("no value", |record| record.replace("\"line\\nend\"", "")),
        ("single quotes", |record| record.replace("\"line\\nend\"", "'line'")),
        ("a brace too many", |record| format!("{record}}}")),
        ("a brace too few", |record| record[..record.len() - 1].to_owned()),
        ("a quote too many", |record| record.replace("line\\n", "li\"ne")),
        ("a quote too few", |record| record.replace("end\"", "end")),
        ("a bracket too few", |record| record.replace("]},\"t\"", "},\"t\"")),
    ]
}

#[test]
fn one_damaged_record_leaves_all_its_neighbours_alone() {
    for (what, damage) in damages() {
        for place in 0..4 {
            for between in [",", " ,\n  "] {
                let mut records: Vec<String> = (0..4).map(record).collect();
                records[place] = damage(&records[place]);
                let body = list(&records, between);
                let parsed = ListPage::parse(&Bytes::from(body.clone()), TimeField::Created);
                assert!(parsed.is_err(), "{what} is JSON");
                let page = read(&body).unwrap_or_else(|error| panic!("{what} at {place}: {error}"));
                let broken = records.remove(place);
                assert_eq!(raws(&page), records, "{what} at {place}");
                assert_eq!(page.unusable.len(), 1, "{what} at {place}");
                assert_eq!(page.unusable[0].raw, broken, "{what} at {place}");
                assert_eq!((page.unusable[0].reason, page.has_more), (NOT_JSON, Some(true)));
                assert_eq!(page.unusable[0].near, Some(1000 + place as i64), "{what}");
            }
        }
    }
}

#[test]
fn damaged_records_next_to_each_other_are_separated() {
    let mut records: Vec<String> = (0..5).map(record).collect();
    for record in &mut records[1..5] {
        *record = record.replace(":[1,", ":[NaN,");
    }
    let page = read(&list(&records, ",")).expect("a list");
    assert_eq!(raws(&page), records[..1]);
    let broken: Vec<_> = page.unusable.iter().map(|one| one.raw.clone()).collect();
    assert_eq!(broken, records[1..]);
}

#[test]
fn a_comma_too_many_between_records_costs_no_record() {
    let records = [record(0), record(1)];
    for data in [format!("{},,{}", records[0], records[1]), format!("{} , {} , ", records[0], records[1])] {
        let page = read(&format!(r#"{{"data":[{data}],"has_more":false}}"#)).expect("a list");
        assert_eq!(raws(&page), records);
        assert_eq!(page.unusable[0].raw, ",");
    }
}

#[test]
fn every_cut_of_a_damaged_body_is_an_error() {
    for (what, damage) in damages() {
        let body = list(&[record(0), damage(&record(1)), record(2)], ",");
        for cut in 0..body.len() {
            let cut = body.get(..cut).unwrap_or_default();
            assert!(read(cut).is_err(), "{what}: {cut}");
        }
    }
}

#[test]
fn what_is_joined_from_a_cut_body_and_another_one_loses_no_sound_record() {
    let bodies = [list(&[record(0), record(1)], ","), list(&[record(2), record(3), record(4)], ",")];
    for cut in 1..bodies[0].len() {
        let joined = format!("{}{}", &bodies[0][..cut], bodies[1]);
        if let Ok(page) = read(&joined) {
            let kept: Vec<String> = raws(&page);
            for n in 2..5 {
                assert!(kept.contains(&record(n)), "record {n} is lost with {cut} bytes before it");
            }
        }
    }
}

#[test]
fn damage_outside_of_a_record_is_an_error() {
    for body in [
        r#"{"data":[{"id":"a","created":1}],"has_more":NaN}"#,
        r#"{"data":[{"id":"a","created":1}],,"has_more":true}"#,
        r#"{"data":[{"id":"a","created":1} {"id":"b","created":2}],"has_more":true}"#,
        r#"{"data":[{"id":"a","created":NaN}"#,
        "<html>",
    ] {
        assert!(read(body).is_err(), "{body}");
    }
}

proptest! {
    #[test]
    fn a_list_with_one_spoilt_record_never_shows_it_as_sound_nor_another_one_changed(
        count in 1..6_usize,
        place in 0..6_usize,
        at in 0..200_usize,
        spoil in prop_oneof![
            any::<char>().prop_map(|c| (1, c.to_string())),
            prop::sample::select(vec!["\"", "{", "}", "[", "]", ",", "\\", "\u{1}", ":", "},{", "],\""])
                .prop_map(|text| (0, text.to_owned())),
            (1..40_usize).prop_map(|taken| (taken, String::new())),
        ],
    ) {
        let mut records: Vec<String> = (0..count).map(record).collect();
        let place = place % count;
        let whole = records[place].clone();
        let at = at % whole.len();
        let end = (at + spoil.0).min(whole.len());
        let spoilt = format!("{}{}{}", &whole[..at], spoil.1, &whole[end..]);
        records[place] = spoilt.clone();
        let body = list(&records, ",");
        prop_assume!(ListPage::parse(&Bytes::from(body.clone()), TimeField::Created).is_err());
        if let Ok(page) = read(&body) {
            records.remove(place);
            let kept = raws(&page);
            // What is cut from a record may leave a sound one after it.
            let strange = kept.iter().filter(|one| !records.contains(one) && !spoilt.contains(one.as_str()));
            prop_assert_eq!(strange.count(), 0);
            prop_assert!(records.iter().all(|one| kept.contains(one)), "a sound record is lost");
            prop_assert!(!kept.contains(&spoilt) && !page.unusable.is_empty());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(body in "[\\[\\]{},:\"\\\\ ndata0-9x]{0,200}") {
        drop(read(&body));
        drop(read(&format!("{{\"data\":[{{\"id\":\"a\",{body}")));
    }
}
