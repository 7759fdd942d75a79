use std::{fs, sync::Arc};

use ccfd::detect_db::{DetectDb, FILE_NAME};
use serde_json::Value;

use crate::{
    detect::rules::{Event, detection, matches_of},
    support::process::{Place, Simulated},
};

const RULE: &str = "
title: An event
logsource:
    product: openai
    service: audit
detection:
    selection:
        EventType|exists: true
    condition: selection
level: low
";

/// A directory in which records were judged.
pub fn judged(api: &Simulated) -> Place {
    let place = Place::new(&api.base_url);
    place.replace("type = \"sqlite\"\npath = \"./tables.db\"\n", "type = \"detect\"\nrules = [\"rules\"]\n");
    fs::create_dir(place.path("rules")).unwrap();
    place.write("rules/any_event.yml", RULE);
    place.run_to(0, &["run", "--once"]);
    place
}

pub fn listed(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let ended = place.run_to(0, &[&["alerts", "list", "--json"], arguments].concat());
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn alerts_are_listed_acknowledged_and_closed_without_a_daemon() {
    let api = Simulated::start(&["--audit-logs", "12", "--completions", "3"]);
    let place = judged(&api);
    let all = listed(&place, &[]);
    assert_eq!(all.len(), 12);
    let first = &all[0];
    assert_eq!(
        (&first["rule"], &first["level"], &first["status"]),
        (&"any_event".into(), &"low".into(), &"open".into())
    );
    assert_eq!(first["event_count"], 1);
    assert_eq!(first["record_ids"].as_array().unwrap().len(), 1);
    assert!(first["group"].is_object() && first["merged_into"].is_null() && first["historical"].is_boolean());
    for time in ["first_event_at", "last_event_at", "created_at"] {
        assert!(first[time].as_str().unwrap().ends_with('Z'), "{time}");
    }
    let id = first["id"].as_str().unwrap();
    place.run_to(0, &["alerts", "ack", id, "--by", "ann"]);
    assert_eq!(listed(&place, &["--status", "acknowledged"])[0]["judged_by"], "ann");
    place.run_to(0, &["alerts", "close", id, "--as", "false-positive", "--by", "bob", "--note", "a test"]);
    let closed = &listed(&place, &["--status", "closed"])[0];
    assert_eq!((&closed["id"], &closed["disposition"]), (&first["id"], &"false-positive".into()));
    assert_eq!((&closed["judged_by"], &closed["note"]), (&"bob".into(), &"a test".into()));
    assert_eq!(listed(&place, &["--status", "open", "--limit", "3"]).len(), 3);
    let shown = place.run_to(0, &["alerts", "show", id]).stdout;
    for word in [id, "any_event (An event)", "closed as false-positive by bob"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let other = listed(&place, &["--status", "open", "--limit", "1"])[0]["id"].as_str().unwrap().to_owned();
    place.run_to(2, &["alerts", "close", &other, "nonsense", "--as", "benign"]);
    assert_eq!(listed(&place, &["--status", "closed"]).len(), 1, "one name is wrong, so nothing is closed");
    place.run_to(2, &["alerts", "show", "nonsense"]);
    let said = place.run_to(0, &["alerts", "list", "--json", "--rule", "any_evnt"]);
    assert!(said.stdout.is_empty() && said.stderr.contains("did you mean `any_event`?"), "{}", said.stderr);
    place.run_to(2, &["alerts", "close", id]);
}

#[test]
fn a_reload_refuses_broken_rules_and_the_daemon_keeps_those_that_it_has() {
    let api = Simulated::start(&["--audit-logs", "12", "--completions", "3"]);
    let place = judged(&api);
    let mut daemon = place.start(&["run"]);
    daemon.wait_for_log("listening");
    place.write("rules/any_event.yml", &RULE.replace("EventType", "EventTypo"));
    let ended = place.run_to(2, &["reload"]);
    assert!(
        ended.stderr.contains("any_event.yml:8") && ended.stderr.contains("EventTypo"),
        "{}",
        ended.stderr
    );
    place.write("rules/any_event.yml", RULE);
    place.run_to(0, &["reload"]);
    let id = listed(&place, &[])[0]["id"].as_str().unwrap().to_owned();
    place.run_to(0, &["alerts", "close", &id, "--as", "benign"]);
    assert_eq!(listed(&place, &["--status", "closed"]).len(), 1, "beside the daemon");
}

#[test]
fn a_place_where_nothing_was_judged_has_no_alerts() {
    let place = Place::new("http://127.0.0.1:9/v1");
    assert!(listed(&place, &[]).is_empty());
    assert!(place.run_to(0, &["alerts", "list"]).stdout.is_empty());
    place.run_to(2, &["alerts", "ack", "nonsense"]);
    assert!(!place.path("state").join(FILE_NAME).exists(), "a command makes no database");
}

#[test]
fn what_records_say_cannot_give_orders_to_a_terminal() {
    let place = Place::new("http://127.0.0.1:9/v1");
    fs::create_dir_all(place.path("state")).unwrap();
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}<b>\u{7}";
    let rules =
        vec![ccfd::detect::model::Rule { group_by: vec!["user".into()], ..detection("created", true) }];
    let event = Event {
        id: format!("id{hostile}"),
        at: 100,
        user: Some(hostile.to_owned()),
        value: 1.0,
        matches: vec![0],
    };
    let mut db = DetectDb::open(&place.path("state").join(FILE_NAME), 0).unwrap();
    db.adopt(Arc::from(rules.clone()), 0).unwrap();
    db.store("OpenAIAuditLogs_CL", "acme", &matches_of(&rules, &event), 10, 100).unwrap();
    drop(db);
    let id = listed(&place, &[])[0]["id"].as_str().unwrap().to_owned();
    for arguments in [
        &["alerts", "list"][..],
        &["alerts", "list", "--json"],
        &["alerts", "show", &id],
        &["alerts", "show", &id, "--json"],
        &["alerts", "ack", &id, "--by", hostile],
    ] {
        let ended = place.run_to(0, arguments);
        for text in [ended.stdout, ended.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}']), "{arguments:?}: {text:?}");
        }
    }
    assert_eq!(listed(&place, &[])[0]["group"]["user"], hostile, "the value itself is kept");
}
