use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::process::{Place, Simulated, wait_until};

const SOME: [&str; 4] = ["--audit-logs", "230", "--completions", "120"];

#[test]
fn once_reads_everything_and_ends() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    assert_eq!(place.rows(), (230, 120));
    let again = place.run_to(0, &["run", "--once"]);
    assert!(!again.stderr.contains("\"delivered\""), "{}", again.stderr);
    assert_eq!(place.rows(), (230, 120));
}

#[test]
fn a_daemon_that_shuts_down_says_so_in_its_status() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    let daemon = place.start(&["run"]);
    wait_until("every record", || place.rows() == (230, 120));
    daemon.signal(Signal::TERM);
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let text = std::fs::read_to_string(place.path("state/status.json")).unwrap();
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    let states: Vec<_> = status["routes"].as_array().unwrap().iter().map(|route| &route["state"]).collect();
    assert_eq!(states, ["stopped", "stopped"]);
}

#[test]
fn a_daemon_delivers_what_appears_while_it_runs() {
    let api = Simulated::start(&["--audit-logs", "0", "--completions", "0", "--live", "20"]);
    let place = Place::new(&api.base_url);
    let daemon = place.start(&["run"]);
    wait_until("records of both lists", || {
        let (audit, chat) = place.rows();
        audit > 5 && chat > 5
    });
    daemon.signal(Signal::INT);
    assert_eq!(daemon.wait().code, Some(0));
}

#[test]
fn a_reason_is_printed_once() {
    let api = Simulated::start(&SOME);
    let missing_key = |place: Place| place.with("CCFD__COLLECTOR__ACME_CHAT__API_KEY__FILE", "/none");
    let blocked_state = |place: Place| place.with("CCFD__STATE__DIR", "blocked");
    for (arguments, place) in [
        (vec!["check"], missing_key(Place::new(&api.base_url))),
        (vec!["run", "--once"], missing_key(Place::new(&api.base_url))),
        (vec!["check"], blocked_state(Place::new(&api.base_url))),
        (vec!["run", "--once"], blocked_state(Place::new(&api.base_url))),
        (vec!["run", "--once", "--trace-requests", "blocked/trace"], Place::new(&api.base_url)),
        (vec!["--config", "blocked/ccfd.toml", "check"], Place::new(&api.base_url)),
        (vec!["--config", "blocked/ccfd.toml", "run"], Place::new(&api.base_url)),
    ] {
        place.write("blocked", "");
        let ended = place.run(&arguments);
        let lines = ended.stdout.lines().chain(ended.stderr.lines());
        let counted = lines.map(|line| (line.matches("(os error").count(), line));
        let reasons: Vec<(usize, &str)> = counted.filter(|(times, _)| *times > 0).collect();
        assert!(!reasons.is_empty(), "{arguments:?} says no reason: {}", ended.stderr);
        assert!(reasons.iter().all(|(times, _)| *times == 1), "{arguments:?}: {reasons:?}");
    }
}

#[test]
fn a_parked_route_does_not_hold_up_its_neighbour() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).without("OPENAI_API_KEY");
    let ended = place.run_to(3, &["run", "--once"]);
    assert!(ended.stderr.contains("OPENAI_API_KEY is not set"), "{}", ended.stderr);
    assert!(ended.stderr.contains("provide the key at the place"), "{}", ended.stderr);
    assert_eq!(place.rows().0, 230);
}

#[test]
fn once_ends_in_time_although_the_api_does_not_answer() {
    let api = Simulated::start(&["--latency", "1h"]);
    let place = Place::new(&api.base_url);
    let began = Instant::now();
    place.run_to(1, &["run", "--once", "--timeout", "300ms"]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    place.run_to(2, &["run", "--timeout", "300ms"]);
}

#[test]
fn another_project_under_the_same_name_parks_until_the_change_is_accepted() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    let address = api.address();
    drop(api);
    let _other = Simulated::listening(
        &address,
        &["--project", "proj_other", "--audit-logs", "0", "--completions", "150"],
    );
    let ended = place.run_to(3, &["run", "--once"]);
    assert!(ended.stderr.contains("proj_other"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--accept-change"), "{}", ended.stderr);
    assert_eq!(place.rows(), (230, 120));
    place.run_to(0, &["run", "--once", "--accept-change"]);
    place.run_to(0, &["run", "--once"]);
}

#[test]
fn a_checkpoint_of_a_route_that_is_gone_is_named() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    place.replace("[collector.acme-chat]", "[collector.renamed]");
    let ended = place.run_to(0, &["run", "--once"]);
    assert!(ended.stderr.contains("acme-chat/local"), "{}", ended.stderr);
}
