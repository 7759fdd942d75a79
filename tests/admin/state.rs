//! `ccfd state show|export|import`

use rustix::process::Signal;

use super::{Daemon, json};
use crate::support::process::{Place, Simulated};

const SOME: [&str; 4] = ["--audit-logs", "150", "--completions", "30"];

#[test]
fn another_machine_continues_from_a_state_exported_beside_a_daemon() {
    let api = Simulated::start(&[&SOME[..], &["--live", "5"]].concat());
    let place = Place::new(&api.base_url);
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    place.run_to(0, &["collectors", "pause", "acme-audit"]);
    place.run_to(0, &["collectors", "pause", "acme-chat"]);
    let shown = place.run_to(0, &["state", "show"]).stdout;
    assert!(shown.contains("acme-audit/local") && shown.contains("acme-chat/local"), "{shown}");
    place.run_to(0, &["state", "export", "moved.json"]);
    daemon.running.signal(Signal::TERM);
    daemon.running.wait();
    assert!(place.path("moved.json").exists());

    std::fs::rename(place.path("state"), place.path("old")).unwrap();
    place.run_to(0, &["state", "import", "moved.json", "--yes"]);
    let before = place.rows();
    place.run_to(0, &["run", "--once"]);
    let status = place.status();
    for route in 0..2 {
        assert_eq!(status["routes"][route]["already_there"], 0, "held ids came along: nothing is sent twice");
    }
    assert!(place.rows().0 >= before.0);
}

#[test]
fn an_import_wants_the_daemon_stopped_and_an_export_of_ccfd() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    place.run_to(0, &["state", "export", "all.json"]);
    let twice = place.run_to(1, &["state", "export", "all.json"]);
    assert!(twice.stderr.contains("all.json"), "never over another file: {}", twice.stderr);
    for (content, reason) in
        [("{}", "not an export"), (r#"{"version":2,"exported":0,"checkpoints":{}}"#, "version 2")]
    {
        place.write("other.json", content);
        let ended = place.run_to(2, &["state", "import", "other.json", "--yes"]);
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    }
    let asks = place.run_to(2, &["state", "import", "all.json"]);
    assert!(asks.stderr.contains("--yes"), "{}", asks.stderr);
    let _daemon = Daemon::start(&place);
    let ended = place.run_to(2, &["state", "import", "all.json", "--yes"]);
    assert!(ended.stderr.contains("stop it first"), "{}", ended.stderr);
}

#[test]
fn a_damaged_export_changes_no_checkpoint() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    place.run_to(0, &["state", "export", "all.json"]);
    let mut export = json(&place, "all.json");
    export["checkpoints"]["acme-audit/local"]["checkpoint"]["delivered"] = 1.into();
    export["checkpoints"]["acme-chat/local"]["held"] = serde_json::json!([["?", "?"]]);
    place.write("all.json", &export.to_string());
    let ended = place.run_to(2, &["state", "import", "all.json", "--yes"]);
    assert!(ended.stderr.contains("acme-chat/local"), "{}", ended.stderr);
    let shown = place.run_to(0, &["state", "show", "acme-audit", "--json"]).stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["acme-audit/local"]["delivered"], 150);
}
