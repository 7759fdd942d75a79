use rustix::process::Signal;

use crate::support::process::{Place, Simulated, wait_until};

const SOME: [&str; 4] = ["--audit-logs", "230", "--completions", "120"];

#[test]
fn routes_that_never_ran_are_listed_and_nothing_is_made() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let text = place.run_to(0, &["status"]).stdout;
    assert_eq!(text.matches("never run").count(), 2, "{text}");
    assert!(!place.path("state").exists());
    assert_eq!(place.status()["routes"][1]["never_run"], true);
}

#[test]
fn beside_a_daemon_its_own_figures_are_shown() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    let daemon = place.start(&["run"]);
    wait_until("both routes to be live", || {
        let status = place.status();
        (0..2).all(|place| status["routes"][place]["state"] == "live")
    });
    let status = place.status();
    assert_eq!(status["daemon"]["running"], true);
    assert_eq!(status["held_by"], serde_json::Value::Null);
    daemon.signal(Signal::TERM);
    daemon.wait();
}

#[test]
fn without_a_daemon_the_checkpoints_are_shown_as_stopped() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    let status = place.status();
    assert_eq!(status["daemon"]["running"], false);
    let route = &status["routes"][0];
    assert_eq!((&route["state"], &route["delivered"]), (&"stopped".into(), &230.into()));
    let text = place.run_to(0, &["status"]).stdout;
    assert!(text.starts_with("no daemon is running; last status of 20"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    assert!(text.contains("tables.db"), "{text}");

    std::fs::remove_file(place.path("state/status.json")).unwrap();
    let route = &place.status()["routes"][0];
    assert_eq!((&route["state"], &route["delivered"]), (&"stopped".into(), &230.into()));
}

#[test]
fn the_width_of_the_terminal_is_kept_to() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).without("OPENAI_ADMIN_KEY");
    place.run_to(3, &["run", "--once"]);
    for columns in ["80", "100"] {
        let mut command = place.command(&["status"]);
        let text = String::from_utf8(command.env("COLUMNS", columns).output().unwrap().stdout).unwrap();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= columns.parse().unwrap(), "{widest}: {text}");
        assert!(
            text.contains("STATE") && text.contains("DELIVERED") && !text.contains("DEDUP IDS"),
            "{text}"
        );
    }
}

#[test]
fn a_parked_route_is_shown_with_what_to_do() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).without("OPENAI_ADMIN_KEY");
    place.run_to(3, &["run", "--once"]);
    let text = place.run_to(3, &["status"]).stdout;
    assert!(text.contains("parked"), "{text}");
    assert!(text.contains("OPENAI_ADMIN_KEY is not set"), "{text}");
    assert!(text.contains("restart ccfd: the environment of a running process"), "{text}");
}

#[test]
fn a_living_daemon_with_a_parked_route_needs_a_person() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).without("OPENAI_ADMIN_KEY");
    let _daemon = place.start(&["run"]);
    wait_until("a route to be parked and the other to be live", || {
        let status = place.status();
        status["routes"][0]["state"] == "parked" && status["routes"][1]["state"] == "live"
    });
    let text = place.run_to(3, &["status"]).stdout;
    assert!(text.starts_with("running as process "), "{text}");
}

#[test]
fn a_state_that_a_backfill_holds_is_said_and_is_no_error() {
    let api = Simulated::start(&[&SOME[..], &["--latency", "1h"]].concat());
    let place = Place::new(&api.base_url);
    let mut backfill = place.start(&["backfill", "--collector", "acme-audit", "--from", "30d"]);
    backfill.wait_for_log("backfill started");
    let text = place.run_to(0, &["status"]).stdout;
    assert!(text.starts_with("in use by `ccfd backfill` (process "), "{text}");
    assert!(place.status()["held_by"].as_str().unwrap().contains("ccfd backfill"));
}

#[test]
fn a_daemon_that_was_killed_is_not_taken_for_a_living_one() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    let daemon = place.start(&["run"]);
    wait_until("every record", || place.rows() == (230, 120));
    daemon.signal(Signal::KILL);
    daemon.wait();
    let status = place.status();
    assert_eq!(status["daemon"]["running"], false);
    assert_eq!(status["routes"][0]["state"], "stopped");
}

#[test]
fn a_finished_backfill_is_listed() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["backfill", "--collector", "acme-chat", "--from", "30d"]);
    let text = place.run_to(0, &["status"]).stdout;
    assert!(text.contains("backfill acme-chat/local 30d..: finished, 120 records"), "{text}");
}

#[test]
fn a_health_check_sees_whether_a_daemon_runs_and_does_not_mind_a_parked_route() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).without("OPENAI_ADMIN_KEY");
    let check = ["status", "--running"];
    let said = place.run_to(1, &check).stdout;
    assert!(said.contains("no daemon has run here yet") && !place.path("state").exists(), "{said}");
    let daemon = place.start(&["run"]);
    wait_until("a route to be parked", || place.run(&["status"]).code == Some(3));
    assert!(place.run_to(0, &check).stdout.starts_with("running as process "));
    daemon.signal(Signal::KILL);
    daemon.wait();
    place.run_to(1, &check);
}
