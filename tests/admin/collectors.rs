//! `ccfd collectors pause|resume|poll`

use rustix::process::Signal;

use super::Daemon;
use crate::support::process::{Place, Simulated, wait_until};

const FEW: [&str; 4] = ["--audit-logs", "40", "--completions", "30"];

#[test]
fn a_paused_collector_rests_over_restarts_and_continues_where_it_stood() {
    let live = [&FEW[..], &["--live", "20"]].concat();
    let api = Simulated::start(&live);
    let place = Place::new(&api.base_url);
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    assert_eq!(place.run_to(0, &["collectors", "pause", "acme-audit"]).stdout, "paused: acme-audit/local\n");
    let delivered = daemon.route("acme-audit/local")["delivered"].as_u64().unwrap();
    assert_eq!(place.rows().0, delivered, "what was in flight is delivered and committed");
    daemon.running.signal(Signal::TERM);
    daemon.running.wait();

    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-chat/local", "live");
    assert_eq!(daemon.route("acme-audit/local")["state"], "paused");
    assert_eq!(daemon.get("/readyz").1["paused"], serde_json::json!(["acme-audit/local"]));
    assert_eq!(place.rows().0, delivered);
    place.run_to(0, &["collectors", "resume", "acme-audit"]);
    wait_until("records that came meanwhile", || place.rows().0 > delivered);
    assert_eq!(daemon.route("acme-audit/local")["already_there"], 0, "nothing was read twice");
}

#[test]
fn a_collector_is_named_in_one_way_or_the_other_and_never_by_its_route() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let _daemon = Daemon::start(&place);
    for words in [
        &["collectors", "pause", "acme-chat/local"][..],
        &["collectors", "resume", "--collector", "acme-chat/local"],
        &["collectors", "poll", "acme-chat/local"],
        &["backfill", "acme-chat/local", "--from", "30d"],
        &["reset-state", "--collector", "acme-chat/local", "--dry-run"],
    ] {
        let ended = place.run_to(2, words);
        let order = if words[0] == "collectors" { words[1] } else { words[0] };
        let said = format!("{order} takes a collector: acme-chat");
        assert!(ended.stderr.contains(&said), "{words:?}: {}", ended.stderr);
    }
    for words in [["collectors", "pause", "acme-chat"], ["collectors", "resume", "--collector=acme-chat"]] {
        place.run_to(0, &words);
    }
    for words in [&["reset-state", "acme-chat"][..], &["reset-state", "--collector", "acme-chat"]] {
        place.run_to(0, &[words, &["--dry-run"]].concat());
    }
    for words in [&["collectors", "pause"][..], &["reset-state"], &["backfill", "--from", "30d"]] {
        let neither = place.run_to(2, words).stderr;
        assert!(neither.contains("takes a collector: acme-audit or acme-chat"), "{words:?}: {neither}");
    }
    place.run_to(2, &["reset-state", "acme-chat", "--collector", "acme-chat", "--dry-run"]);
}

/// As a daemon without an admin interface, or one that hangs.
#[test]
fn a_daemon_that_does_not_respond_is_named_at_once_and_nothing_is_changed() {
    let place = Place::new("http://127.0.0.1:9/v1").with("CCFD__ADMIN__LISTEN", "");
    let mut running = place.start(&["run"]);
    running.wait_for_log("trying again, nothing is lost");
    let began = std::time::Instant::now();
    for (words, said) in [
        (&["collectors", "pause"][..], "takes a collector: acme-audit or acme-chat"),
        (&["collectors", "pause", "other"], "no collector `other` is configured"),
        (&["collectors", "poll", "acme-chat"], "nothing to poll"),
        (&["collectors", "pause", "acme-chat"], "in use by `ccfd run` (process "),
        (&["collectors", "pause", "acme-chat"], "`listen` of [admin]"),
        (&["state", "show"], "in use by `ccfd run` (process "),
    ] {
        let ended = place.run_to(2, words);
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(9), "{:?}", began.elapsed());
    assert!(!place.path("state/paused.json").exists());
}

#[test]
fn without_a_daemon_a_pause_holds_from_the_next_start_on() {
    let api = Simulated::start(&FEW);
    let place = Place::new(&api.base_url);
    let said = place.run_to(0, &["collectors", "pause", "acme-chat"]).stdout;
    assert_eq!(said, "paused from the next start on: acme-chat\n");
    let ended = place.run_to(0, &["run", "--once"]);
    assert!(ended.stderr.contains("paused by an operator, not started"), "{}", ended.stderr);
    assert_eq!(place.rows(), (40, 0));
    place.run_to(0, &["collectors", "resume", "acme-chat"]);
    place.run_to(0, &["run", "--once"]);
    assert_eq!(place.rows(), (40, 30));
}

#[test]
fn a_poll_does_not_wait_for_the_interval() {
    let api = Simulated::start(&[&FEW[..], &["--live", "50"]].concat());
    let place = Place::new(&api.base_url);
    place.replace(
        "poll_interval = \"1s\"\nsweep_interval = \"1s\"",
        "poll_interval = \"1h\"\nsweep_interval = \"1h\"",
    );
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    wait_until("the first reading to end", || !daemon.route("acme-audit/local")["last_read"].is_null());
    let before = place.rows().0;
    wait_until("new records", || {
        place.run_to(0, &["collectors", "poll", "acme-audit"]);
        place.rows().0 > before
    });
}

#[test]
fn a_parked_route_retries_at_once_on_request() {
    let api = Simulated::start(&FEW);
    let place = Place::new(&api.base_url).without("OPENAI_ADMIN_KEY");
    place.replace("{ env = \"OPENAI_ADMIN_KEY\" }", "{ file = \"key\" }");
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "parked");
    place.write_secret("key", "sk-admin-late\n");
    place.run_to(0, &["collectors", "poll", "acme-audit"]);
    daemon.wait_for_state("acme-audit/local", "live");
}

#[test]
fn a_name_that_is_none_is_a_usage_error_that_names_the_others() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let daemon = Daemon::start(&place);
    for order in ["pause", "resume", "poll"] {
        let ended = place.run_to(2, &["collectors", order, "nobody"]);
        assert!(ended.stderr.contains("acme-audit, acme-chat"), "{order}: {}", ended.stderr);
    }
    place.run_to(0, &["collectors", "pause", "acme-chat"]);
    let ended = place.run_to(2, &["collectors", "poll", "acme-chat"]);
    assert!(ended.stderr.contains("`ccfd collectors resume acme-chat` first"), "{}", ended.stderr);
    drop(daemon);
}
