//! No command passes control sequences from a record or a server to a terminal.

use std::fs;

use serde_json::json;

use crate::support::process::{Ended, Place, Simulated};

/// Clears the screen, by both ways to say it; deletes; turns the direction of writing around; goes back to the line's start.
const ORDERS: &str = "x\u{1b}[2J\u{9b}2J\u{7f}\u{202e}\ry";

/// The output contains only text, line breaks and tabs, including the text around the control sequences.
fn is_only_text(ended: &Ended) {
    for said in [&ended.stdout, &ended.stderr] {
        let said = said.replace("\r\n", "\n");
        let order = said.chars().find(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || *c == '\u{202e}');
        assert_eq!(order, None, "{said:?}");
    }
}

fn hostile(place: &Place, code: i32, arguments: &[&str]) {
    let ended = place.run_to(code, arguments);
    is_only_text(&ended);
    assert!((ended.stdout + &ended.stderr).contains('x'), "{arguments:?}");
}

#[test]
fn rows_of_the_tables_are_only_text_as_table_csv_and_json() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let tables = rusqlite::Connection::open(place.path("tables.db")).unwrap();
    tables.execute("CREATE TABLE t (a TEXT)", ()).unwrap();
    tables.execute("INSERT INTO t VALUES (?1)", [ORDERS]).unwrap();
    drop(tables);
    for form in [&["query"][..], &["query", "--csv"], &["query", "--json"]] {
        hostile(&place, 0, &[form, &["SELECT a AS x FROM t"]].concat());
    }
    let raw = place.run_to(0, &["query", "--csv", "--raw", "SELECT a FROM t"]).stdout;
    assert!(raw.contains(ORDERS), "{raw:?}");
    let json = place.run_to(0, &["query", "--json", "SELECT a FROM t"]).stdout;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), json!({ "a": ORDERS }));
}

#[test]
fn rejects_are_only_text() {
    let place = Place::new("http://127.0.0.1:9/v1");
    fs::create_dir_all(place.path("state/rejects")).unwrap();
    let line = json!({
        "time": "2026-02-13T10:52:05Z", "route": "acme-audit/local", "connector": "acme-audit",
        "table": "OpenAIAuditLogs_CL", "side": "sink", "kind": ORDERS, "reason": ORDERS, "record": { "id": ORDERS },
    });
    place.write("state/rejects/acme-audit+local.ndjson", &format!("{line}\n"));
    let listed = place.run_to(0, &["rejects", "list", "--json"]).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let key = listed["reject"].as_str().unwrap();
    for arguments in [
        &["rejects", "list"][..],
        &["rejects", "list", "--json"],
        &["rejects", "show", key],
        &["rejects", "show", "--json", key],
    ] {
        hostile(&place, 0, arguments);
    }
}

#[test]
fn what_a_route_met_is_only_text() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let place = Place::new(&api.base_url).without("OPENAI_ADMIN_KEY");
    place.run_to(3, &["run", "--once"]);
    let status = fs::read_to_string(place.path("state/status.json")).unwrap();
    let orders = serde_json::to_string(ORDERS).unwrap();
    place.write("state/status.json", &status.replace("is not set", orders.trim_matches('"')));
    hostile(&place, 3, &["status"]);
    hostile(&place, 3, &["status", "--json"]);
}

#[test]
fn what_a_command_is_given_and_cannot_use_is_only_text() {
    let place = Place::new("http://127.0.0.1:9/v1");
    hostile(&place, 2, &["query", "--sink", ORDERS, "SELECT 1"]);
    hostile(&place, 2, &["rejects", "show", ORDERS]);
}
