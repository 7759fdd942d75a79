//! What is left of a check in events of a type.

use std::collections::HashSet;

use super::{judging::LOGIN, *};
use crate::detect::rules::judged_row::JudgedRow;

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
    ];
    let types =
        ["login.failed", "LOGIN.Failed", r"\u006cogin.failed", "login.succeeded", "api_key.created", "a"];
    let mut matched = 0;
    for detection in detections {
        let set = loaded(&audit_rule(detection));
        let index = set.tables.iter().find(|index| index.name == AUDIT_LOGS.name).unwrap();
        assert!(!index.always_reads(), "{detection}");
        for (kind, agent) in types.iter().flat_map(|kind| ["curl/8.5", "x"].map(|agent| (kind, agent))) {
            let json = LOGIN.replace("curl/8.5", agent).replace("login.failed", kind);
            let row = JudgedRow::of(&set.fields, &AUDIT_LOGS, "acme", json.as_bytes());
            let whole = index.detections[0].check.holds(&row);
            assert_eq!(matches_event(&set, &json), whole, "{detection}, {kind}, {agent}");
            matched += usize::from(whole);
        }
    }
    assert!((20..60).contains(&matched), "{matched}");
}

#[test]
fn types_share_a_check_once_their_own_ones_would_take_much_memory() {
    let checks = |types: usize, entries: usize| {
        let kinds: Vec<String> = (0..types).map(|number| format!("kind_{number}")).collect();
        let entry = |number| format!("k{number}: {{UserAgent|contains: 'a{number}'}}");
        let entries: Vec<String> = (0..entries).map(entry).collect();
        let (list, entries) = (kinds.join(", "), entries.join("\n"));
        let set =
            loaded(&audit_rule(&format!("t: {{EventType: [{list}]}}\n{entries}\ncondition: t and 1 of k*")));
        let index = set.tables.iter().find(|index| index.name == AUDIT_LOGS.name).unwrap();
        let of_kind = |kind: &String| {
            let candidates = index.candidates(Some(format!("{kind:?}").as_bytes()));
            index.detections(candidates).map(|(_, check)| std::ptr::from_ref(check)).collect::<Vec<_>>()
        };
        kinds.iter().flat_map(of_kind).collect::<HashSet<_>>().len()
    };
    assert_eq!(checks(30, 3), 30);
    assert_eq!(checks(200, 60), 1);
}
