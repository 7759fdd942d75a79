//! A pipe in place of a file: refused at once, where opening it would wait for ever.

use std::{fs, path::Path, process::Command};

use rustix::process::Signal;

use crate::support::process::{Place, Simulated, wait_until};

fn pipe_at(path: &Path) {
    if path.exists() {
        fs::remove_file(path).unwrap();
    }
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_pipe_in_place_of_a_file_of_the_state_directory_is_refused_by_its_name() {
    let api = Simulated::start(&["--audit-logs", "5", "--completions", "5"]);
    for name in ["checkpoints.json", "holder.json"] {
        let place = Place::new(&api.base_url);
        place.run_to(0, &["run", "--once"]);
        pipe_at(&place.path("state").join(name));
        let ended = place.run_to(1, &["run", "--once"]);
        let is_reported = ended.stderr.contains(name) && ended.stderr.contains("not a regular file");
        assert!(is_reported, "{}", ended.stderr);
    }
}

#[test]
fn a_pipe_in_place_of_what_can_be_done_without_is_passed_by() {
    let api = Simulated::start(&["--audit-logs", "5", "--completions", "5"]);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    for name in ["paused.json", "status.json", "admin.json", "request-traces.json"] {
        pipe_at(&place.path("state").join(name));
    }
    place.run(&["status"]);
    place.run_to(0, &["run", "--once"]);
}

#[test]
fn a_pipe_in_place_of_a_file_of_lines_parks_its_route() {
    let api = Simulated::start(&["--audit-logs", "5", "--completions", "0"]);
    let place = Place::new(&api.base_url);
    place.replace("type = \"sqlite\"\npath = \"./tables.db\"", "type = \"ndjson\"\ndir = \"./lines\"");
    fs::create_dir(place.path("lines")).unwrap();
    let today = chrono::Utc::now().format("%Y-%m-%d");
    pipe_at(&place.path(&format!("lines/OpenAIAuditLogs_CL-{today}.ndjson")));
    let ended = place.run_to(3, &["run", "--once"]);
    assert!(ended.stderr.contains("not a regular file"), "{}", ended.stderr);
}

#[test]
fn a_configuration_that_has_become_a_pipe_is_not_waited_for() {
    let api = Simulated::start(&["--audit-logs", "5", "--completions", "5", "--live", "5"]);
    let place = Place::new(&api.base_url);
    let mut running = place.start(&["run"]);
    running.wait_for_log("\"delivered\"");
    pipe_at(&place.path("ccfd.toml"));
    running.signal(Signal::HUP);
    running.wait_for_log("configuration not loaded");
    let requests = || fs::read_to_string(place.path("state/status.json")).unwrap_or_default();
    let before = requests();
    wait_until("the routes to go on", || requests() != before);
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_pipe_in_place_of_the_authorities_parks_its_routes_and_no_other() {
    let api = Simulated::start(&["--audit-logs", "5", "--completions", "5", "--live", "5"]);
    let place = Place::new(&api.base_url);
    pipe_at(&place.path("ca.pem"));
    place.replace("source = \"audit_logs\"", "source = \"audit_logs\"\nca_file = \"./ca.pem\"");
    let mut running = place.start(&["run"]);
    running.wait_for_log("not a regular file");
    running.wait_for_log("\"delivered\"");
    running.signal(Signal::TERM);
    running.wait();
}
