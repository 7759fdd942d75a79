//! What is left of a check in events of a type.

use super::{judging::LOGIN, *};
use crate::detect::rules::{judged_row::JudgedRow, type_plan::TypePlans};

#[test]
fn an_event_matches_by_what_is_left_of_the_check_for_its_type_as_it_does_by_all_of_it() {
    let detections = [
        "t: {EventType: [login.failed, api_key.created], UserAgent|contains: curl}\ncondition: t",
        "t: {EventType|cased: LOGIN.Failed}\ncondition: t",
        "t: {EventType: login.failed}\nc: {EventType|cased: LOGIN.Failed}\ncondition: t and not c",
        "t: {EventType: [login.failed, login.succeeded]}\nn: {EventType: login.failed}\ncondition: t and not n",
        "t: {EventType: login.failed}\na: {UserAgent|contains: curl}\ncondition: t and not (a or not t)",
        "t: {EventType: login.failed}\nn: {EventType: api_key.created, UserAgent|contains: curl}\ncondition: t or n",
        "t: {EventType: login.failed}\ns: {EventType|startswith: login}\ne: {EventType|contains: other}\ncondition: t and s and not e",
        "t: {EventType|re: 'f.iled'}\nn: {EventType: login.failed}\ncondition: t and n",
        "t: {EventType|endswith: ed}\na: {UserAgent|contains: curl}\ncondition: t and not a",
        "t: {EventType|exists: false}\na: {UserAgent|contains: curl}\ncondition: t or a",
        "t: {EventType: null}\nl: {EventType|gt: 6}\na: {UserAgent: x}\ncondition: (t or l) and a",
        "t: {EventType|fieldref: UserAgent}\ncondition: t",
        "a: {UserAgent|fieldref|contains: EventType}\nl: {EventType|startswith: l}\ncondition: a and not l",
        "a: {UserAgent|contains: curl}\nt: {EventType: x*x}\nu: {EventType|re: '^x+$'}\ncondition: a and (t or u)",
    ];
    let long = format!("{:?}", "x".repeat(300));
    let mut types = vec![
        r#""login.failed""#,
        r#""LOGIN.Failed""#,
        r#""\u006cogin.failed""#,
        r#""login.succeeded""#,
        r#""api_key.created""#,
        r#""a""#,
        r#""\ud800""#,
        "7",
        "null",
        r#"{"login.failed":1}"#,
        &long,
    ];
    let more: Vec<String> = (0..40).map(|number| format!("\"x{number}x\"")).collect();
    types.extend(more.iter().map(String::as_str));
    let events: Vec<Record> = ["curl/8.5", "x", "a", "curl/8.5", "x3x and x39x"]
        .iter()
        .flat_map(|agent| types.iter().map(move |kind| (agent, kind)))
        .map(|(agent, kind)| {
            record(
                &LOGIN
                    .replace("curl/8.5", agent)
                    .replace("\"type\":\"login.failed\"", &format!("\"type\":{kind}")),
            )
        })
        .collect();
    for detection in detections {
        let set = loaded(&audit_rule(detection));
        let index = set.tables.iter().find(|index| index.name == AUDIT_LOGS.name).unwrap();
        let mut judge = set.judging(&AUDIT_LOGS, "acme");
        let mut matched = 0;
        for event in &events {
            let row = JudgedRow::of(&set.fields, &AUDIT_LOGS, "acme", &event.raw);
            let whole = index.detections[0].check.holds(&row);
            let mut matches = Matches::default();
            judge.judge(event, &mut matches);
            assert_eq!(matches.len() == 1, whole, "{detection}, {}", String::from_utf8_lossy(&event.raw));
            matched += usize::from(whole);
        }
        assert!((1..events.len()).contains(&matched), "{detection}: {matched}");
    }
}

#[test]
fn all_of_a_check_remains_where_what_is_left_would_take_much_memory() {
    let entries: String = (0..199)
        .map(|number| format!("k{number}: {{UserAgent|contains: 'a{number}', Actor|contains: ann}}\n"))
        .collect();
    let set =
        loaded(&audit_rule(&format!("t: {{EventType|startswith: kind}}\n{entries}condition: t and 1 of k*")));
    let events: Vec<Record> = (0..32)
        .map(|number| {
            record(&LOGIN.replace("login.failed", &format!("kind_{number}")).replace("curl/8.5", "a7"))
        })
        .collect();
    let mut judge = set.judging(&AUDIT_LOGS, "acme");
    for event in events.iter().chain(&events) {
        let mut matches = Matches::default();
        judge.judge(event, &mut matches);
        assert_eq!(matches.len(), 1);
    }
    // 399 entries each, of 10,000.
    assert_eq!(planned(&set, &events), 25);
}

/// Of how many records there is a plan when they come for the second time.
fn planned(set: &RuleSet, events: &[Record]) -> usize {
    let index = set.tables.iter().find(|index| index.name == AUDIT_LOGS.name).unwrap();
    let mut plans = TypePlans::default();
    let mut have_plan = Vec::new();
    for event in events.iter().chain(events) {
        let row = JudgedRow::of(&set.fields, &AUDIT_LOGS, "acme", &event.raw);
        let kind = row.json(index.type_column().unwrap()).unwrap();
        have_plan.push(plans.of(index, kind, &row).is_some());
    }
    let (first, second) = have_plan.split_at(events.len());
    assert!(!first.contains(&true), "of one record there is none");
    second.iter().filter(|has_plan| **has_plan).count()
}

#[test]
fn a_type_has_a_plan_from_its_second_record_on_if_it_is_short_and_among_the_first() {
    let set = loaded(&audit_rule("t: {EventType|startswith: k}\ncondition: t"));
    let of_length = |length: usize| record(&LOGIN.replace("login.failed", &"k".repeat(length - 2)));
    assert_eq!(planned(&set, &[of_length(256)]), 1);
    assert_eq!(planned(&set, &[of_length(257)]), 0);
    let of_number = |number: usize| record(&LOGIN.replace("login.failed", &format!("kind_{number}")));
    let types: Vec<Record> = (0..40).map(of_number).collect();
    assert_eq!(planned(&set, &types), 32);
}

#[test]
fn the_type_is_a_field_that_records_have_also_where_it_excludes_them() {
    let set =
        loaded(&audit_rule("t: {EventType|endswith: .deleted, UserAgent|contains: curl}\ncondition: t"));
    let (with, without) =
        (record(LOGIN), record(&LOGIN.replace("\"type\":\"login.failed\"", "\"type\":null")));
    let absent = |events: &[&Record]| {
        let mut judge = set.judging(&AUDIT_LOGS, "acme");
        events.iter().for_each(|event| judge.judge(event, &mut Matches::default()));
        let found = set.take_presence();
        let of_type = found.iter().find(|found| &*found.field == "EventType").unwrap();
        (of_type.is_seen, of_type.absent)
    };
    assert_eq!(absent(&[&with, &with, &with]), (true, 0));
    assert_eq!(absent(&[&with, &with, &without, &without, &with, &without]), (true, 1));
    assert_eq!(absent(&[&without, &without]), (false, 2));
}
