use std::fs;

use serde_json::{Value, json};

use crate::support::process::Place;

const FILE: &str = "state/rejects/acme-audit+local.ndjson";

/// A line of the file, as the daemon writes it.
fn line(side: &str, kind: &str, record: &Value) -> String {
    let line = json!({
        "time": "2026-02-13T10:52:05Z", "route": "acme-audit/local", "connector": "acme-audit",
        "table": "OpenAIAuditLogs_CL", "side": side, "kind": kind, "reason": "secret words in the reason",
        "record": record,
    });
    format!("{line}\n")
}

fn event(id: &str) -> Value {
    json!({ "id": id, "type": "user.added", "effective_at": 1_770_979_925, "actor": { "type": "session" } })
}

/// Two that can be sent, one that never could, and one that was delivered with a field cut.
fn place() -> Place {
    let place = Place::new("http://127.0.0.1:9/v1");
    fs::create_dir_all(place.path("state/rejects")).unwrap();
    let lines = [
        line("sink", "refused", &event("audit_log-1")),
        line("source", "unusable", &json!({ "note": "secret words in the record" })),
        line("sink", "too_large", &event("audit_log-2")),
        line("sink", "cut", &event("audit_log-3")),
    ];
    place.write(FILE, &lines.concat());
    place
}

fn listed(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let ended = place.run_to(0, &[&["rejects", "list", "--json"], arguments].concat());
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_list_says_when_why_and_which_and_shows_no_content() {
    let place = place();
    let ended = place.run_to(0, &["rejects", "list"]);
    assert_eq!(ended.stdout.lines().count(), 11, "{}", ended.stdout);
    for word in ["2026-02-13T10:52:05Z", "acme-audit", "local", "too_large", "audit_log-2"] {
        assert!(ended.stdout.contains(word), "{word}: {}", ended.stdout);
    }
    assert!(
        ended.stderr.contains("4 records: 1 cut, 1 refused, 1 too_large, 1 unusable"),
        "{}",
        ended.stderr
    );
    let json = place.run_to(0, &["rejects", "list", "--json"]);
    assert!(!(ended.stdout + &json.stdout).contains("secret words"));
}

#[test]
fn a_list_begins_with_a_line_a_reason_those_with_the_most_records_first() {
    let place = place();
    let more: String =
        (0..305).map(|n| line("sink", "refused", &event(&format!("audit_log-more-{n}")))).collect();
    let file = place.path(FILE);
    fs::write(&file, fs::read_to_string(&file).unwrap() + &more).unwrap();
    let out = place.run_to(0, &["rejects", "list"]).stdout;
    let (groups, rows) = out.split_once("\n\n").unwrap();
    let words = |line: &str| line.split_whitespace().take(4).collect::<Vec<_>>().join(" ");
    let groups: Vec<String> = groups.lines().map(words).collect();
    assert_eq!(groups[..2], ["records kind collector sink", "306 refused acme-audit local"]);
    assert_eq!((groups.len(), rows.lines().count()), (5, 310));
    assert!(out.lines().nth(1).unwrap().contains("the destination refuses it"), "{out}");
    assert_eq!(listed(&place, &[]).len(), 309, "as JSON it is a line a record");
}

#[test]
fn filters_name_a_collector_or_a_sink() {
    let place = place();
    assert_eq!(listed(&place, &["--collector", "acme-audit", "--sink", "local"]).len(), 4);
    assert!(listed(&place, &["--collector", "other"]).is_empty());
    assert!(listed(&place, &["--sink", "other"]).is_empty());
}

#[test]
fn one_is_shown_in_full_by_the_beginning_of_its_name() {
    let place = place();
    let name = listed(&place, &[])[0]["reject"].as_str().unwrap().to_owned();
    let text = place.run_to(0, &["rejects", "show", &name[..8]]).stdout;
    assert!(text.contains("secret words in the reason") && text.contains("audit_log-1"), "{text}");
    let json = place.run_to(0, &["rejects", "show", "--json", &name]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["record"], event("audit_log-1"));
    let unknown = place.run_to(2, &["rejects", "show", "nothing"]);
    assert!(unknown.stderr.contains("no reject `nothing`"), "{unknown:?}");
}

#[test]
fn what_the_sink_takes_now_is_removed_and_the_rest_stays() {
    let place = place();
    let ended = place.run_to(0, &["rejects", "retry"]);
    assert!(ended.stderr.contains("2 records sent: 2 accepted and removed, 0 refused again"), "{ended:?}");
    assert!(ended.stderr.contains("2 records skipped"), "{ended:?}");
    assert_eq!(place.rows().0, 2);
    let kinds: Vec<_> = listed(&place, &[]).iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["unusable", "cut"]);
    let again = place.run_to(0, &["rejects", "retry", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&again.stdout).unwrap(),
        json!({ "sent": 0, "taken": 0, "refused": 0, "not_sendable": 2 })
    );
}

#[test]
fn what_was_kept_in_clear_is_sent_as_its_collector_redacts_today() {
    let place = place();
    place.replace("[collector.acme-audit]", "[collector.acme-audit]\nmask = [\"actor.type\"]\n");
    place.run_to(0, &["rejects", "retry"]);
    let masked = "SELECT count(*) FROM OpenAIAuditLogs_CL WHERE ActorType = '[masked]' AND Record NOT LIKE '%session%'";
    assert_eq!((place.number(masked), place.rows().0), (2, 2));
}

#[test]
fn only_those_that_are_named_are_sent() {
    let place = place();
    let name = listed(&place, &[])[2]["reject"].as_str().unwrap().to_owned();
    place.run_to(0, &["rejects", "retry", &name]);
    let ids: Vec<_> = listed(&place, &[]).iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [json!("audit_log-1"), Value::Null, json!("audit_log-3")]);
}

#[test]
fn what_is_refused_again_stays_and_is_reported() {
    let place = place();
    place.run_to(0, &["rejects", "retry", "--sink", "other"]);
    // The table is there, and will not take one of the two.
    place.run_to(3, &["check"]);
    let database = rusqlite::Connection::open(place.path("tables.db")).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER no BEFORE INSERT ON OpenAIAuditLogs_CL WHEN new.Id = 'audit_log-1' \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )
        .unwrap();
    drop(database);
    let ended = place.run_to(3, &["rejects", "retry"]);
    assert!(ended.stderr.contains("1 accepted and removed, 1 refused again"), "{ended:?}");
    assert_eq!(listed(&place, &[])[0]["id"], "audit_log-1");
}

#[test]
fn a_sink_that_cannot_be_reached_leaves_everything_where_it_is() {
    let place = place();
    let before = fs::read(place.path(FILE)).unwrap();
    fs::create_dir(place.path("tables.db")).unwrap();
    let ended = place.run_to(3, &["rejects", "retry"]);
    assert!(ended.stderr.contains("->"), "advice: {ended:?}");
    assert_eq!(fs::read(place.path(FILE)).unwrap(), before);
}

#[test]
fn without_rejects_there_is_nothing_to_do() {
    let place = Place::new("http://127.0.0.1:9/v1");
    assert!(place.run_to(0, &["rejects", "list"]).stderr.contains("no rejects"));
    place.run_to(0, &["rejects", "retry"]);
}

/// How many are left after `ccfd rejects prune`, and how many it says it removed.
fn pruned(place: &Place, arguments: &[&str]) -> (usize, Value) {
    let ended = place.run_to(0, &[&["rejects", "prune", "--json"], arguments].concat());
    (listed(place, &[]).len(), serde_json::from_str(&ended.stdout).unwrap())
}

#[test]
fn a_person_removes_by_name_id_age_and_reason_what_nobody_will_send() {
    let place = place();
    let young = line("sink", "refused", &event("audit_log-5")).replace("2026-02-13", "2999-01-01");
    fs::create_dir_all(place.path("state/cut")).unwrap();
    place.write("state/cut/acme-audit+local.ndjson", &line("sink", "cut", &event("audit_log-4")));
    place.write(FILE, &(fs::read_to_string(place.path(FILE)).unwrap() + &young));
    assert_eq!(listed(&place, &[]).len(), 6);
    let nothing = json!({ "matching": 1 });
    assert_eq!(pruned(&place, &["--dry-run", "--reason", "unusable"]), (6, nothing));
    let one = json!({ "removed": 1 });
    assert_eq!(pruned(&place, &["--reason", "unusable", "--collector", "acme-audit"]), (5, one.clone()));
    assert_eq!(pruned(&place, &["--id", "audit_log-2"]), (4, one.clone()));
    let name = listed(&place, &[])[0]["reject"].as_str().unwrap().to_owned();
    assert_eq!(pruned(&place, &[&name]), (3, one.clone()));
    assert_eq!(pruned(&place, &["--older-than", "1h", "--sink", "other"]), (3, json!({ "removed": 0 })));
    assert_eq!(pruned(&place, &["--older-than", "1h"]), (1, json!({ "removed": 2 })));
    assert_eq!(pruned(&place, &["--all"]), (0, one));
}

#[test]
fn nothing_is_removed_unless_it_is_said_what() {
    let place = place();
    for arguments in
        [&["rejects", "prune"][..], &["rejects", "prune", ""], &["rejects", "prune", "--all", "x"]]
    {
        place.run_to(2, arguments);
    }
    assert_eq!(listed(&place, &[]).len(), 4);
}
