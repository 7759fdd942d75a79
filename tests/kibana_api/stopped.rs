//! Processes that are stopped while they send something, or while they keep what came of it.

use std::thread;

use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

use super::{
    Api, NOBODY,
    push::{api, comment, push},
    pushes::{case, expire_claims, let_it_work, title},
};
use crate::{
    connectors::servicenow::Instance,
    support::{
        fake::{Fake, Fate, Reply},
        http::send,
        process::wait_until,
    },
};

fn database(api: &Api) -> rusqlite::Connection {
    rusqlite::Connection::open(api.place.path("state/detect.db")).unwrap()
}

pub fn claims(api: &Api) -> i64 {
    database(api).query_row("SELECT count(*) FROM case_pushing", [], |row| row.get(0)).unwrap()
}

/// An instance that makes the next incident and never says so.
fn silent_instance() -> Instance {
    let instance = Instance::start();
    instance.server.script([Fate::Arrives.into(), Fate::Hangs.into()]);
    instance
}

fn a_command_that_is_stopped_by(signal: Signal) {
    let instance = silent_instance();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    let command = api.place.start(&["cases", "push", "1", "sn"]);
    wait_until("the incident", || instance.incidents().len() == 1);
    command.signal(signal);
    let ended = command.wait();
    assert!(ended.code == Some(1) && ended.stderr.contains("looks for what has arrived"), "{ended:?}");
    thread::scope(|scope| {
        let next = scope.spawn(|| push(&api, &id, "sn"));
        let_it_work(&api, &id);
        assert_eq!(instance.server.requests().len(), 2, "a slow instance may still make it");
        expire_claims(&api);
        let (status, case) = next.join().unwrap();
        assert_eq!((status, title(&case)), (200, &json!("INC0000001")), "{case}");
    });
    let incidents = instance.incidents();
    assert_eq!((incidents.len(), &incidents[0]["work_notes"]), (1, &json!(["first"])));
    // Now the instance has it: a comment is on its way.
    comment(&api, &id, "second");
    instance.server.script([Fate::Arrives.into(), Fate::Arrives.into(), Fate::Hangs.into()]);
    let command = api.place.start(&["cases", "push", "1", "sn"]);
    wait_until("the comment", || instance.incidents()[0]["work_notes"] == json!(["first", "second"]));
    command.signal(signal);
    assert_eq!((command.wait().code, claims(&api)), (Some(1), 0), "the next one begins at once");
}

#[test]
fn a_push_that_a_signal_stops_holds_up_others_only_while_its_incident_may_still_be_made() {
    thread::scope(|scope| {
        for signal in [Signal::INT, Signal::TERM] {
            scope.spawn(move || a_command_that_is_stopped_by(signal));
        }
    });
}

#[test]
fn a_push_that_is_stopped_before_it_creates_something_holds_up_no_other() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    case(&api);
    instance.server.script([Fate::Hangs.into()]);
    let command = api.place.start(&["cases", "push", "1", "sn"]);
    wait_until("the search", || !instance.server.requests().is_empty());
    command.signal(Signal::INT);
    assert_eq!((command.wait().code, claims(&api)), (Some(1), 0));
}

#[test]
fn a_push_that_is_stopped_waits_for_the_answer_to_what_it_has_sent() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    case(&api);
    instance.server.hold();
    let mut command = api.place.start(&["cases", "push", "1", "sn"]);
    wait_until("a first request", || !instance.server.requests().is_empty());
    command.signal(Signal::INT);
    command.wait_for_log("stopping, within 5 seconds");
    instance.server.release();
    let ended = command.wait();
    assert!(ended.code == Some(0) && ended.stderr.contains("there INC0000001"), "{ended:?}");
}

#[test]
fn a_daemon_that_is_stopped_ends_its_pushes_and_a_command_finds_the_incident() {
    let instance = silent_instance();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    thread::scope(|scope| {
        let pushed = scope.spawn(|| push(&api, &id, "sn"));
        wait_until("the incident", || instance.incidents().len() == 1);
        api.daemon.running.signal(Signal::TERM);
        let (status, answer) = pushed.join().unwrap();
        assert_eq!(status, 503, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains("looks for what has arrived"), "{answer}");
    });
    let Api { daemon, place } = api;
    let ended = daemon.running.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let database = rusqlite::Connection::open(place.path("state/detect.db")).unwrap();
    assert_eq!(database.execute("UPDATE case_pushing SET until = 0", []).unwrap(), 1, "it may still be made");
    let sent = place.run_to(0, &["cases", "push", "1", "sn"]);
    assert!(sent.stderr.contains("there INC0000001"), "{sent:?}");
    assert_eq!(instance.incidents().len(), 1);
}

#[test]
fn what_came_of_a_run_during_a_lock_is_kept_when_the_daemon_is_stopped_after_it() {
    let receiver = Fake::plain(|_| Reply::status(200));
    let mut api = api(NOBODY, receiver.url());
    receiver.hold();
    thread::scope(|scope| {
        let (url, token) = (&api.daemon.url, &api.daemon.token);
        let (url, token) = (format!("{url}/api/actions/connector/hook/_execute"), format!("Bearer {token}"));
        let run = scope.spawn(move || {
            let headers = [
                ("authorization", token.as_str()),
                ("kbn-xsrf", "true"),
                ("content-type", "application/json"),
            ];
            let params = json!({ "params": { "body": "b" } }).to_string();
            send(Method::POST, &url, &headers, params.into_bytes())
        });
        wait_until("a request", || !receiver.requests().is_empty());
        let lock = database(&api);
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        receiver.release();
        api.daemon.running.wait_for_log("what came of runs of connectors cannot be written");
        lock.execute_batch("ROLLBACK").unwrap();
        let (status, answer) = run.join().unwrap();
        assert_eq!(status, 200, "{answer}");
    });
    let Api { daemon, place } = api;
    daemon.running.signal(Signal::TERM);
    daemon.running.wait();
    let database = rusqlite::Connection::open(place.path("state/detect.db")).unwrap();
    let outcome: String = database.query_row("SELECT outcome FROM run", [], |row| row.get(0)).unwrap();
    assert_eq!(outcome, "done");
}
