use std::fs;

use rustix::process::Signal;

use crate::support::process::{Place, Simulated, wait_until};

const RULE: &str = "title: Anything\nlogsource:\n    product: openai\n    service: audit_logs\n\
    detection:\n    selection:\n        EventType|contains: .\n    condition: selection\nlevel: high\n";

/// A place whose audit events are judged by one rule, and whose alerts go to these sinks.
fn place(api: &Simulated, alerts: &str) -> Place {
    let place = Place::new(&api.base_url);
    fs::create_dir(place.path("rules")).unwrap();
    place.write("rules/anything.yml", RULE);
    place.replace("sinks = [\"local\"]", "sinks = [\"local\", \"rules\"]");
    let config = place.config();
    place.write(
        "ccfd.toml",
        &format!(
            "{config}\n[sink.rules]\ntype = \"detect\"\nrules = [\"rules\"]\n[sink.files]\ntype = \"ndjson\"\ndir = \"./files\"\n\
             [detect]\nalerts = {alerts}\n"
        ),
    );
    place
}

fn count(place: &Place, condition: &str) -> u64 {
    place.number(&format!("SELECT count(*) FROM CcfdAlerts_CL WHERE {condition}"))
}

#[test]
fn a_single_run_delivers_the_alerts_that_its_records_raise() {
    let api = Simulated::start(&["--audit-logs", "40"]);
    let place = place(&api, "[\"local\"]");
    place.run_to(0, &["run", "--once"]);
    let listed = place.run_to(0, &["alerts", "list", "--json"]).stdout.lines().count() as u64;
    assert_eq!((count(&place, "IsUpdate = 0"), listed), (40, 40));
    assert_eq!(count(&place, "ConnectorNames <> '[\"acme-audit\"]' OR RuleSlug <> 'anything'"), 0);
    let status = place.status();
    let route =
        status["routes"].as_array().unwrap().iter().find(|route| route["route"] == "alerts/local").unwrap();
    assert_eq!(
        (route["delivered"].as_u64(), route["configured"].as_bool()),
        (Some(40), Some(true)),
        "{route}"
    );
}

#[test]
fn a_daemon_delivers_a_verdict_and_a_reload_adds_a_sink_and_removes_one() {
    let api = Simulated::start(&["--audit-logs", "20"]);
    let place = place(&api, "[\"local\"]");
    let daemon = place.start(&["run"]);
    wait_until("the alerts", || count(&place, "1") == 20);
    let list = place.run_to(0, &["alerts", "list", "--json", "--limit", "1"]).stdout;
    let alert: serde_json::Value = serde_json::from_str(list.trim()).unwrap();
    let id = alert["id"].as_str().unwrap();
    place.run_to(0, &["alerts", "close", id, "--as", "false-positive"]);
    wait_until("the verdict", || count(&place, "Status = 'closed' AND Disposition = 'false-positive'") == 1);
    assert_eq!(count(&place, "1"), 20);

    place.replace("alerts = [\"local\"]", "alerts = [\"files\"]");
    place.run_to(0, &["reload"]);
    let lines = || {
        let files = place.path("files").read_dir().into_iter().flatten();
        files.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap().lines().count()).sum::<usize>()
    };
    wait_until("a line for each alert", || lines() == 20);
    let routes = place.status()["routes"].to_string();
    assert!(routes.contains("alerts/files") && !routes.contains("alerts/local"), "{routes}");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().code, Some(0));
}
