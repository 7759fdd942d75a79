//! A new configuration or a new key while the daemon runs.

use rustix::process::Signal;

use super::Daemon;
use crate::support::process::{Place, Simulated};

const FEW: [&str; 4] = ["--audit-logs", "40", "--completions", "30"];

fn collecting() -> (Simulated, Place, Daemon) {
    let api = Simulated::start(&FEW);
    let place = Place::new(&api.base_url);
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    daemon.wait_for_state("acme-chat/local", "live");
    (api, place, daemon)
}

fn reload(place: &Place) -> serde_json::Value {
    serde_json::from_str(&place.run_to(0, &["reload", "--json"]).stdout).unwrap()
}

#[test]
fn only_the_routes_that_the_settings_change_are_restarted() {
    let (_api, place, daemon) = collecting();
    let reported = reload(&place);
    assert_eq!((reported["unchanged"].as_u64(), &reported["restarted"]), (Some(2), &serde_json::json!([])));
    place.replace("[collector.acme-chat]\n", "[collector.acme-chat]\noverlap = \"40m\"\n");
    let reported = reload(&place);
    assert_eq!(reported["restarted"], serde_json::json!(["acme-chat/local"]));
    assert_eq!(reported["unchanged"], 1);
    daemon.wait_for_state("acme-chat/local", "live");
    assert_eq!(place.rows(), (40, 30));
}

#[test]
fn collectors_and_sinks_come_and_go() {
    let (_api, place, daemon) = collecting();
    place.replace("[collector.acme-chat]\n", "[collector.other-chat]\n");
    place.replace("sinks = [\"local\"]", "sinks = [\"local\", \"files\"]");
    place.write(
        "ccfd.toml",
        &format!("{}\n[sink.files]\ntype = \"ndjson\"\ndir = \"./files\"\n", place.config()),
    );
    let reported = reload(&place);
    assert_eq!(
        reported["started"],
        serde_json::json!(["acme-audit/files", "other-chat/local", "other-chat/files"])
    );
    assert_eq!(
        (&reported["ended"], reported["unchanged"].as_u64()),
        (&serde_json::json!(["acme-chat/local"]), Some(1))
    );
    daemon.wait_for_state("other-chat/files", "live");
    assert!(daemon.route("acme-chat/local").is_null());
    assert!(place.path("files").read_dir().unwrap().count() >= 1);
}

#[test]
fn a_sink_that_changes_is_built_again_under_all_its_routes() {
    let (_api, place, daemon) = collecting();
    place.replace("path = \"./tables.db\"", "path = \"./tables.db\"\nretention = \"900d\"");
    let reported = reload(&place);
    assert_eq!(reported["restarted"], serde_json::json!(["acme-audit/local", "acme-chat/local"]));
    daemon.wait_for_state("acme-audit/local", "live");
    assert_eq!(place.rows(), (40, 30));
}

#[test]
fn other_delays_of_a_sink_restart_its_routes() {
    let (_api, place, daemon) = collecting();
    place.write("ccfd.toml", &format!("{}\n[sink.local.retry]\nfirst = \"2s\"\n", place.config()));
    let reported = reload(&place);
    assert_eq!(reported["restarted"], serde_json::json!(["acme-audit/local", "acme-chat/local"]));
    daemon.wait_for_state("acme-audit/local", "live");
}

#[test]
fn a_faulty_file_changes_nothing_and_says_what_is_wrong_with_it() {
    let (_api, place, mut daemon) = collecting();
    place.replace("batch_wait = \"100ms\"", "batch_wait = \"1 fortnight\"");
    let ended = place.run_to(2, &["reload"]);
    assert!(ended.stderr.contains("batch_wait"), "{}", ended.stderr);
    daemon.running.signal(Signal::HUP);
    daemon.running.wait_for_log("configuration not loaded");
    assert_eq!(daemon.route("acme-audit/local")["state"], "live");
    place.replace("batch_wait = \"1 fortnight\"", "batch_wait = \"200ms\"");
    daemon.running.signal(Signal::HUP);
    daemon.running.wait_for_log("configuration loaded");
    daemon.wait_for_state("acme-audit/local", "live");
}

#[test]
fn what_cannot_change_while_it_runs_is_refused_or_reported() {
    let (_api, place, daemon) = collecting();
    place.write("ccfd.toml", &format!("{}\n[log]\nlevel = \"warn\"\n", place.config()));
    assert_eq!(reload(&place)["at_next_start"], serde_json::json!(["log"]));
    place.replace("dir = \"./state\"", "dir = \"./elsewhere\"");
    let bearer = format!("Bearer {}", daemon.token);
    let url = format!("{}/api/v1/reload", daemon.url);
    let (status, answer) =
        crate::support::http::send(reqwest::Method::POST, &url, &[("authorization", &bearer)], Vec::new());
    assert_eq!(status, 422);
    assert!(answer["error"].as_str().unwrap().contains("state.dir cannot change"), "{answer}");
}

#[test]
fn a_route_that_parks_at_once_is_reported_by_the_reload_that_started_it() {
    let (_api, place, daemon) = collecting();
    place.replace("{ env = \"OPENAI_API_KEY\" }", "{ env = \"FORGOTTEN_KEY\" }");
    let ended = place.run_to(3, &["reload"]);
    assert!(ended.stdout.contains("restarted: acme-chat/local"), "{}", ended.stdout);
    assert!(ended.stderr.contains("acme-chat/local is parked: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("FORGOTTEN_KEY is not set"), "{}", ended.stderr);
    assert!(ended.stderr.contains("restart ccfd"), "{}", ended.stderr);
    place.replace("FORGOTTEN_KEY", "OTHER_KEY");
    let json: serde_json::Value =
        serde_json::from_str(&place.run_to(3, &["reload", "--json"]).stdout).unwrap();
    assert_eq!(json["parked"][0]["route"], "acme-chat/local", "{json}");
    place.replace("OTHER_KEY", "OPENAI_API_KEY");
    assert_eq!(reload(&place)["parked"], serde_json::json!([]));
    daemon.wait_for_state("acme-chat/local", "live");
}

#[test]
fn a_key_that_was_replaced_is_used_without_a_reload() {
    let api = Simulated::start(&FEW);
    let place = Place::new(&api.base_url);
    place.replace("{ env = \"OPENAI_ADMIN_KEY\" }", "{ file = \"key\" }");
    place.write_secret("key", "sk-admin-first\n");
    let mut daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    // As a person does it, and as Kubernetes does: another file takes its place.
    place.write_secret("key.new", "sk-not-an-admin-key\n");
    std::fs::rename(place.path("key.new"), place.path("key")).unwrap();
    daemon.running.wait_for_log("secret or certificate has changed, reopening");
    daemon.wait_for_state("acme-audit/local", "parked");
    place.write_secret("key", "sk-admin-second-one\n");
    daemon.wait_for_state("acme-audit/local", "live");
    assert_eq!(place.rows(), (40, 30));
}
