use std::fs;

use ccfd::detect_db::{DetectDb, FILE_NAME, SpaceAbout, StoredSpace};
use serde_json::Value;

use crate::support::process::{Place, Simulated};

fn cases(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let ended = place.run_to(0, &[&["cases", "list", "--json"], arguments].concat());
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn shown(place: &Place, case: &str) -> Value {
    serde_json::from_str(&place.run_to(0, &["cases", "show", case, "--history", "--json"]).stdout).unwrap()
}

fn create_space(place: &Place, id: &str) {
    let mut db = DetectDb::open(&place.path("state").join(FILE_NAME), 0).unwrap();
    let space = StoredSpace { id: id.into(), name: id.into(), about: SpaceAbout::default() };
    db.create_space(&space).unwrap();
}

#[test]
fn a_space_that_does_not_exist_is_refused_with_those_that_do() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let refused = place.run_to(2, &["cases", "list", "--space", "sco"]);
    assert!(refused.stderr.contains("no space `sco`; there are: default"), "{}", refused.stderr);
    place.run_to(0, &["cases", "create", "One"]);
    create_space(&place, "soc");
    for arguments in [&["create", "Two"][..], &["list"], &["show", "1"], &["close", "1", "--as", "benign"]] {
        let refused = place.run_to(2, &[&["cases", "--space", "s\u{1b}o"], arguments].concat());
        assert!(refused.stderr.contains("there are: default, soc"), "{}", refused.stderr);
        assert!(!refused.stderr.contains('\u{1b}'), "{:?}", refused.stderr);
    }
    assert_eq!(cases(&place, &[]).len(), 1);
}

#[test]
fn a_case_is_created_worked_on_and_closed_without_a_daemon() {
    let place = Place::new("http://127.0.0.1:9/v1");
    place.run_to(
        0,
        &["cases", "create", "A leaked key", "--tag", "keys", "--severity", "high", "--by", "ann"],
    );
    create_space(&place, "soc");
    place.run_to(0, &["cases", "create", "Another", "--space", "soc"]);
    assert_eq!(cases(&place, &["--space", "soc"]).len(), 1);
    let all = cases(&place, &[]);
    assert_eq!(all.len(), 1, "the other is in another space");
    assert_eq!((&all[0]["incremental_id"], &all[0]["title"]), (&1.into(), &"A leaked key".into()));
    place.run_to(0, &["cases", "assign", "#1", "bob", "--by", "ann"]);
    place.run_to(0, &["cases", "comment", "1", "revoked it", "--by", "bob"]);
    let file = place.path("note.txt");
    fs::write(&file, "what happened").unwrap();
    place.run_to(0, &["cases", "attach", "1", "--file", file.to_str().unwrap()]);
    place.run_to(0, &["cases", "close", "1", "--as", "true-positive", "--note", "done", "--by", "bob"]);
    let case = shown(&place, "1");
    assert_eq!((&case["status"], &case["disposition"]), (&"closed".into(), &"true-positive".into()));
    assert_eq!((&case["closed_by"]["username"], &case["totalComment"]), (&"bob".into(), &3.into()));
    assert_eq!(case["assignees"][0]["uid"], "bob");
    assert!(case["userActions"].as_array().unwrap().len() >= 6);
    let text = place.run_to(0, &["cases", "show", "1", "--history"]).stdout;
    for word in ["#1 A leaked key", "closed as true-positive", "  revoked it", "note.txt", "create_case"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(cases(&place, &["--status", "open"]).is_empty());
    assert_eq!(cases(&place, &["--search", "revoked", "--assignee", "bob"]).len(), 1);
    place.run_to(0, &["cases", "reopen", "1"]);
    assert_eq!(cases(&place, &["--status", "open", "--tag", "keys", "--severity", "high"]).len(), 1);
    let table = place.run_to(0, &["cases", "list"]).stdout;
    assert!(table.contains("#1") && table.contains("A leaked key"), "{table}");
}

#[test]
fn alerts_are_attached_and_closed_with_their_case() {
    let api = Simulated::start(&["--audit-logs", "3", "--completions", "1"]);
    let place = super::alerts::judged(&api);
    let mut daemon = place.start(&["run"]);
    daemon.wait_for_log("listening");
    let alerts: Vec<Value> = super::alerts::listed(&place, &[]);
    let id = alerts[0]["id"].as_str().unwrap();
    place.run_to(0, &["cases", "create", "One"]);
    place.run_to(0, &["cases", "attach", "1", id]);
    place.run_to(0, &["cases", "attach", "1", id]);
    let case = shown(&place, "1");
    assert_eq!((&case["totalAlerts"], &case["alerts"][0]["id"]), (&1.into(), &id.into()));
    assert_eq!(case["alerts"][0]["summary"]["rule"], "any_event");
    place.run_to(0, &["cases", "close", "1", "--as", "benign", "--alerts"]);
    let closed = &super::alerts::listed(&place, &["--status", "closed"]);
    assert_eq!((closed.len(), &closed[0]["id"]), (1, &id.into()));
    assert_eq!(closed[0]["disposition"], "benign");
    assert!(place.run_to(0, &["cases", "show", "1"]).stdout.contains("any_event"));
}

#[test]
fn what_cannot_be_is_an_error_of_the_command_line() {
    let place = Place::new("http://127.0.0.1:9/v1");
    assert!(cases(&place, &[]).is_empty());
    place.run_to(0, &["cases", "list"]);
    for arguments in [&["show", "1"][..], &["comment", "1", "x"], &["reopen", "nothing"]] {
        place.run_to(2, &[&["cases"], arguments].concat());
    }
    assert!(!place.path("state").join(FILE_NAME).exists(), "only `create` makes a database");
    place.run_to(0, &["cases", "create", "One"]);
    for arguments in [
        &["create", &"x".repeat(161)][..],
        &["create", " "],
        &["comment", "1", " "],
        &["close", "1", "nonsense", "--as", "benign"],
        &["close", "1"],
        &["attach", "1", "nonsense"],
        &["attach", "1"],
        &["reopen", "1"],
        &["show", "2"],
    ] {
        place.run_to(2, &[&["cases"], arguments].concat());
    }
    assert_eq!(cases(&place, &["--status", "open"]).len(), 1, "one name is wrong, so nothing is closed");
}

#[test]
fn what_cases_say_cannot_give_orders_to_a_terminal() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}<b>\u{7}x";
    let lines = format!("{hostile}\nstatus       closed\r{hostile}");
    place.run_to(
        0,
        &[
            "cases",
            "create",
            hostile,
            "--description",
            &lines,
            "--tag",
            hostile,
            "--assignee",
            hostile,
            "--by",
            hostile,
        ],
    );
    let file = place.path(&format!("{hostile}.txt"));
    fs::write(&file, "x").unwrap();
    for arguments in [
        &["comment", "1", &lines, "--by", hostile][..],
        &["attach", "1", "--file", file.to_str().unwrap()],
        &["list"],
        &["list", "--json"],
        &["list", "--search", hostile],
        &["show", "1", "--history"],
        &["show", "1", "--history", "--json"],
        &["assign", "1", hostile, "y"],
        &["close", "1", "--as", "benign"],
    ] {
        let ended = place.run_to(0, &[&["cases"], arguments].concat());
        for text in [ended.stdout, ended.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}']), "{arguments:?}: {text:?}");
            assert!(!text.contains("\nstatus       closed\n"), "a text looks like the case: {text}");
        }
    }
    assert_eq!(cases(&place, &[])[0]["title"], hostile, "the value itself is kept");
}
