//! `ccfd tail`: records as they arrive, for people and programs.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use bytes::Bytes;
use ccfd::simulator::{NewRecord, SimulatedList, Simulator, SimulatorOptions};
use collectors::Clock;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    openai,
    process::{Place, Running, Simulated, wait_until},
};

const LIVE: [&str; 6] = ["--audit-logs", "20", "--completions", "20", "--live", "20"];
/// What a terminal would obey.
const ORDERS: &str = "x\u{1b}[2J\u{9b}2J\u{7f}\u{202e}\ry";

/// A daemon that has caught up.
fn live(place: &Place) -> Running {
    let daemon = place.start(&["run"]);
    wait_until("both routes", || {
        let routes = place.status()["routes"].as_array().cloned().unwrap_or_default();
        routes.len() == 2 && routes.iter().all(|route| route["state"] == "live")
    });
    daemon
}

fn tail(place: &Place, arguments: &[&str]) -> Running {
    place.start(&[&["tail"], arguments].concat())
}

#[test]
fn people_see_a_line_and_programs_the_record() {
    let api = Simulated::start(&LIVE);
    let place = Place::new(&api.base_url);
    let _daemon = live(&place);
    let (people, programs) = (tail(&place, &[]), tail(&place, &["--json", "acme-chat"]));
    wait_until("some lines", || {
        people.stdout().lines().count() >= 20 && programs.stdout().lines().count() >= 10
    });
    assert!(people.stderr().contains("Ctrl-C ends this") && programs.stderr().is_empty());
    let text = people.stdout();
    let whole = text.lines().take(20);
    for line in whole {
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert!(cells[0].ends_with('Z') && ["acme-audit", "acme-chat"].contains(&cells[1]), "{line}");
        assert!(cells.last().unwrap().contains(['-', '_']), "no id: {line}");
    }
    for line in programs.stdout().lines().take(10) {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["object"], "chat.completion");
    }
    // As Ctrl-C does.
    people.signal(Signal::INT);
    let ended = people.wait();
    assert_eq!((ended.code, ended.stderr.lines().count()), (None, 1), "{}", ended.stderr);
}

#[test]
fn it_ends_with_the_daemon_and_says_so() {
    for signal in [Signal::TERM, Signal::KILL] {
        let api = Simulated::start(&LIVE);
        let place = Place::new(&api.base_url);
        let daemon = live(&place);
        let watching = tail(&place, &[]);
        wait_until("a line", || !watching.stdout().is_empty());
        daemon.signal(signal);
        let ended = watching.wait();
        let said = format!("the daemon (process {}) has stopped", daemon.id());
        assert!(ended.code == Some(0) && ended.stderr.contains(&said), "{signal:?}: {ended:?}");
    }
}

#[test]
fn it_ends_quietly_once_nobody_reads() {
    let api = Simulated::start(&LIVE);
    let place = Place::new(&api.base_url);
    let _daemon = live(&place);
    let mut child =
        place.command(&["tail", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn it_ends_even_if_nothing_comes_once_nobody_reads() {
    let api = Simulated::start(&["--audit-logs", "20", "--completions", "20"]);
    let place = Place::new(&api.base_url);
    let _daemon = live(&place);
    let mut child = place.command(&["tail"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    wait_until("the end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn without_a_daemon_or_a_collector_of_that_name_it_says_what_is_missing() {
    let api = Simulated::start(&["--audit-logs", "20", "--completions", "20"]);
    let place = Place::new(&api.base_url);
    for command in ["tail", "top"] {
        let ended = place.run_to(2, &[command]);
        assert!(ended.stderr.contains("no daemon with an admin interface responds"), "{}", ended.stderr);
    }
    let daemon = live(&place);
    let ended = place.run_to(2, &["tail", "acme-chat/local"]);
    assert!(ended.stderr.contains("name it with --route"), "{}", ended.stderr);
    // Its address is written down, and nobody is there.
    daemon.signal(Signal::KILL);
    daemon.wait();
    let ended = place.run_to(2, &["tail"]);
    assert!(ended.stderr.contains("no daemon with an admin interface responds"), "{}", ended.stderr);
}

#[test]
fn a_hostile_record_is_only_text_and_one_of_5_mb_is_only_counted() {
    let simulator = Simulator::new(SimulatorOptions::default(), Clock::system()).unwrap();
    let api = openai::serve(None, simulator.clone());
    let place = Place::new(&format!("{}/v1", api.url()));
    let _daemon = live(&place);
    let (people, programs) = (tail(&place, &[]), tail(&place, &["--json"]));
    wait_until("both readers", || people.stderr().contains("Ctrl-C"));
    let now = Clock::system().now();
    let event = |id: &str, kind: &str, more: Value| {
        let body = json!({ "id": id, "object": "organization.audit_log", "type": kind, "effective_at": now, "x": more });
        let body = serde_json::to_string_pretty(&body).unwrap().replace("  ", "\t").replace('\n', "\r\n");
        NewRecord {
            list: SimulatedList::AuditLogs,
            second: now,
            visible_at: now,
            body: Some(Bytes::from(body)),
        }
    };
    // Until both have seen it: the second reader may have come later.
    let mut sent = 0;
    wait_until("the record", || {
        sent += 1;
        simulator.add(vec![
            event(&format!("audit_log-{sent}{ORDERS}"), ORDERS, json!(ORDERS)),
            event(&format!("audit_log-{sent}-large"), "a.b", json!("x".repeat(5 << 20))),
        ]);
        std::thread::sleep(std::time::Duration::from_millis(500));
        people.stdout().contains("1 record not shown") && programs.stdout().contains("audit_log-")
    });
    for text in [people.stdout(), programs.stdout(), programs.stderr()] {
        let order = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(order, None, "{text:?}");
    }
    let text = programs.stdout();
    let record: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(record["type"], ORDERS, "the same value, in other words");
}
