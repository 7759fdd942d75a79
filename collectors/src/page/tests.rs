use super::*;

fn parse(body: &str) -> Result<ListPage, Malformed> {
    ListPage::parse(&Bytes::copy_from_slice(body.as_bytes()), TimeField::Created)
}

#[test]
fn a_record_is_the_very_bytes_that_were_received() {
    let page =
        parse(r#"{"data":[ {"id" : "a", "created": 5,"x":[1, 2]} ,{"created":6,"id":"b"}],"has_more":true}"#)
            .expect("a list");
    assert_eq!(page.records[0].raw, r#"{"id" : "a", "created": 5,"x":[1, 2]}"#);
    assert_eq!(page.records[0].second, 5);
    assert_eq!(page.records[1].id, IdHash::of("b"));
    assert_eq!(page.has_more, Some(true));
}

#[test]
fn the_text_of_an_id_is_read_with_and_without_escapes() {
    let page = parse(r#"{"data":[{"x":"id","id":"chatcmpl-1","created":5},{"id":"a\u0062","created":6}]}"#)
        .expect("a list");
    assert_eq!(page.records[0].id_text().as_deref(), Some("chatcmpl-1"));
    assert_eq!(page.records[1].id_text().as_deref(), Some("ab"));
    assert_eq!(page.records[1].id, IdHash::of("ab"));
}

#[test]
fn keys_of_the_envelope_may_come_in_any_order_and_be_null() {
    let page = parse(r#"{"has_more":false,"first_id":null,"data":null,"last_id":null,"new":{"a":[]}}"#)
        .expect("a list");
    assert!(page.records.is_empty());
    assert_eq!(page.has_more, Some(false));
}

#[test]
fn records_without_usable_id_or_time_leave_their_neighbours_alone() {
    let body = r#"{"data":[{"id":"a","created":1},{"id":7,"created":1},{"id":"c"},{"id":"d","created":"9"},
        {"id":"","created":1},{"id":"e","created":-1},5,null,[],"x",{"id":"z","created":2.0}]}"#;
    let page = parse(body).expect("a list");
    assert_eq!(page.records.len(), 2);
    assert_eq!(page.unusable.len(), 9);
    assert_eq!(page.unusable[0].reason, "no usable id");
    assert_eq!(page.unusable[5].reason, "not an object");
}

#[test]
fn text_that_is_not_utf8_spoils_only_its_own_record() {
    let mut body = br#"{"data":[{"id":"a","created":1,"x":""#.to_vec();
    body.push(0xff);
    body.extend_from_slice(br#""},{"id":"b","created":1}],"has_more":false}"#);
    let page = ListPage::parse(&Bytes::from(body), TimeField::Created).expect("a list");
    assert_eq!(page.unusable[0].reason, "not UTF-8");
    assert_eq!(page.records[0].id, IdHash::of("b"));
}

#[test]
fn a_record_that_cannot_be_decoded_spoils_only_itself() {
    let odd = [
        r#"{"id":"\ud800","created":1}"#,
        r#"{"id":"a","created":1e999}"#,
        r#"{"\ud800":0,"id":"a","created":1}"#,
    ];
    for odd in odd {
        let page = parse(&format!(r#"{{"data":[{odd},{{"id":"b","created":2}}]}}"#)).expect("a list");
        assert_eq!(page.unusable.len(), 1, "{odd}");
        assert_eq!(page.unusable[0].raw, odd);
        assert_eq!(page.records[0].id, IdHash::of("b"));
    }
}

#[test]
fn a_record_with_an_unknown_field_is_marked() {
    let odd = |record: &str| {
        let page = parse(&format!(r#"{{"data":[{record}]}}"#)).expect("a list");
        page.records[0].odd
    };
    assert!(!odd(r#"{"id":"a","type":"user.added","user.added":{},"created":1,"actor":null}"#));
    assert!(!odd(r#"{"id":"a","user.added":{},"type":"user.added","created":1,"top_p":1}"#));
    assert!(odd(r#"{"id":"a","type":"user.added","user.deleted":{},"created":1}"#));
    assert!(odd(r#"{"id":"a","type":"user.added","user.added":{},"created":1,"news":1}"#));
    assert!(odd(r#"{"id":"a","created":1,"news":1}"#));
}

#[test]
fn each_list_dates_a_record_by_its_own_field_whatever_else_it_carries() {
    let second = |fields: &str, time| {
        let body = Bytes::from(format!(r#"{{"data":[{{"id":"a",{fields}}}]}}"#));
        let page = ListPage::parse(&body, time).expect("a list");
        page.records.first().map(|record| (record.second, record.odd))
    };
    for fields in [r#""created":1,"effective_at":2"#, r#""effective_at":2,"created":1"#] {
        assert_eq!(second(fields, TimeField::Created), Some((1, true)), "{fields}");
        assert_eq!(second(fields, TimeField::EffectiveAt), Some((2, true)), "{fields}");
    }
    assert_eq!(second(r#""created":1"#, TimeField::EffectiveAt), None);
    assert_eq!(second(r#""effective_at":1"#, TimeField::Created), None);
    assert_eq!(second(r#""created":1,"effective_at":null"#, TimeField::Created), Some((1, true)));
}

#[test]
fn of_a_name_that_comes_twice_the_last_value_counts() {
    let page = parse(
        r#"{"data":[{"id":"a","created":1,"id":"b","created":2},{"id":"a","created":1,"created":"x"}]}"#,
    )
    .expect("a list");
    assert_eq!((page.records[0].second, page.records[0].id), (2, IdHash::of("b")));
    assert_eq!((page.records.len(), page.unusable[0].reason), (1, "no usable time"));
}

#[test]
fn an_id_that_no_checkpoint_can_hold_spoils_only_its_own_record() {
    let page = parse(&format!(
        r#"{{"data":[{{"id":"{}","created":1}},{{"id":"{}","created":1}}]}}"#,
        "x".repeat(ID_BYTES_MAX),
        "x".repeat(ID_BYTES_MAX + 1)
    ))
    .expect("a list");
    assert_eq!(page.records.len(), 1);
    assert_eq!(page.unusable[0].reason, "an id of more than 512 bytes");
}

#[test]
fn a_record_is_read_alone_as_it_is_in_a_page() {
    let read = |raw: &[u8]| Record::read(raw, TimeField::Created);
    let record = read(br#"{"id":"a","created":5,"x":1}"#).expect("a record");
    assert_eq!((record.raw.as_ref(), record.second), (br#"{"id":"a","created":5,"x":1}"#.as_slice(), 5));
    assert_eq!(read(br#"{"id":"a"}"#).err(), Some("no usable time"));
    assert!(read(br#""text""#).is_err());
    assert!(read(b"{").is_err());
}

#[test]
fn a_record_may_be_nested_however_deep() {
    let deep = format!("{}1{}", r#"{"a":["#.repeat(100_000), "]}".repeat(100_000));
    let record = format!(r#"{{"x":{deep},"id":"\u0061","created":5,"type":"x","actor":{deep}}}"#);
    let page = parse(&format!(r#"{{"odd":{deep},"data":[{record}],"has_more":false}}"#)).expect("a list");
    assert_eq!(page.records[0].id_text().as_deref(), Some("a"));
    assert_eq!(Record::read(record.as_bytes(), TimeField::Created).expect("a record").second, 5);
}

#[test]
fn several_documents_in_one_body_are_one_page() {
    let page = parse("{\"data\":[{\"id\":\"a\",\"created\":1}],\"has_more\":true}\n{\"data\":[{\"id\":\"b\",\"created\":2}],\"has_more\":false}\n")
        .expect("two lists");
    assert_eq!(page.records.len(), 2);
    assert_eq!(page.has_more, Some(true));
}

#[test]
fn every_cut_of_a_body_is_an_error_that_names_a_place_in_it() {
    let body = r#"{"object":"list","data":[{"id":"a","created":1,"n":[1,{"b":"c"}]}],"first_id":null,"has_more":false}"#;
    for cut in 0..body.len() {
        let error = parse(&body[..cut]).expect_err("a cut body");
        assert!(error.offset <= cut, "{error} in {cut} bytes");
    }
}

#[test]
fn garbage_after_the_document_is_reported_by_its_offset() {
    let body = "{\"data\":[]}<html>";
    assert_eq!(parse(body).expect_err("garbage").offset, 11);
}

#[test]
fn a_document_without_data_is_not_a_list() {
    assert_eq!(parse(r#"{"error":{}}"#).expect_err("no list").reason, "the document has no `data`");
}
