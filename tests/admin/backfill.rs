//! `backfill` and `reset-state` beside a running daemon, which carries them out.

use rustix::process::Signal;

use super::Daemon;
use crate::support::process::{Place, Simulated, wait_until};

const OLD: [&str; 4] = ["--audit-logs", "3000", "--completions", "30"];

#[test]
fn a_backfill_is_read_by_the_daemon_and_finished_once() {
    let api = Simulated::start(&OLD);
    let place = Place::new(&api.base_url);
    place.replace("start = \"8d\"", "start = \"1h\"");
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    let words = ["backfill", "--collector", "acme-audit", "--from", "beginning"];
    let ended = place.run_to(0, &words);
    assert!(ended.stdout.starts_with("backfill finished"), "{}", ended.stdout);
    assert!(ended.stderr.contains("backfill started by the daemon"), "{}", ended.stderr);
    wait_until("the rest", || place.rows().0 == 3000);
    let again = place.run_to(0, &words);
    assert!(again.stdout.starts_with("already finished"), "{}", again.stdout);
    let text = place.run_to(0, &["status"]).stdout;
    assert!(text.contains("backfill acme-audit/local beginning..: finished"), "{text}");
}

#[test]
fn a_backfill_that_is_interrupted_stops_in_the_daemon_and_continues_later() {
    let api = Simulated::start(&[&OLD[..], &["--latency", "30ms"]].concat());
    let place = Place::new(&api.base_url);
    place.replace("start = \"8d\"", "start = \"1h\"");
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    let words = ["backfill", "--collector", "acme-audit", "--from", "beginning"];
    let mut interrupted = place.start(&words);
    interrupted.wait_for_log("backfill started by the daemon");
    interrupted.signal(Signal::INT);
    let ended = interrupted.wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("run the same command to continue"), "{}", ended.stdout);
    assert_eq!(daemon.route("acme-audit/local")["state"], "live", "the route itself continues");
    place.run_to(0, &words);
    wait_until("all of it", || place.rows().0 == 3000);
}

#[test]
fn an_empty_window_and_an_unknown_sink_are_usage_errors_there_too() {
    let api = Simulated::start(&OLD);
    let place = Place::new(&api.base_url);
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    let words = ["backfill", "--collector", "acme-audit", "--from", "2026-01-02", "--to", "2026-01-01"];
    let ended = place.run_to(2, &words);
    assert!(ended.stderr.contains("there is no time between"), "{}", ended.stderr);
}

#[test]
fn a_reset_beside_the_daemon_begins_again_without_a_restart() {
    let api = Simulated::start(&["--audit-logs", "150", "--completions", "30"]);
    let place = Place::new(&api.base_url);
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    wait_until("all of it", || place.rows() == (150, 30));
    let words = ["reset-state", "--collector", "acme-audit", "--to", "beginning"];
    let looked = place.run_to(0, &[&words[..], &["--dry-run"]].concat());
    assert!(looked.stderr.contains("150 records so far"), "{}", looked.stderr);
    let ended = place.run_to(0, &[&words[..], &["--yes"]].concat());
    let removed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(removed[0]["checkpoint"]["delivered"], 150);
    wait_until("everything once more", || {
        let route = daemon.route("acme-audit/local");
        (route["delivered"].as_u64(), route["already_there"].as_u64()) == (Some(150), Some(150))
    });
    assert_eq!(place.rows(), (150, 30));
}

#[test]
fn a_pause_stops_the_backfills_of_its_collector_and_lets_none_begin() {
    let api = Simulated::start(&[&OLD[..], &["--latency", "100ms"]].concat());
    let place = Place::new(&api.base_url);
    place.replace("start = \"8d\"", "start = \"1h\"");
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    let words = ["backfill", "--collector", "acme-audit", "--from", "beginning"];
    let mut stopped = place.start(&words);
    stopped.wait_for_log("backfill started by the daemon");
    place.run_to(0, &["collectors", "pause", "acme-audit"]);
    let ended = stopped.wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("stopped; run the same command to continue"), "{}", ended.stdout);
    let refused = place.run_to(2, &words);
    assert!(refused.stderr.contains("collector `acme-audit` is paused"), "{}", refused.stderr);
    place.run_to(0, &["collectors", "resume", "acme-audit"]);
    place.run_to(0, &words);
    wait_until("all of it", || place.rows().0 == 3000);
}
