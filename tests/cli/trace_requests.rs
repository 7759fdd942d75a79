//! `--trace-requests`: its content, and when it is removed.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::process::{ADMIN_SECRET, PROJECT_SECRET, Place, Simulated, wait_until};

const SOME: [&str; 4] = ["--audit-logs", "230", "--completions", "120"];
const ONCE: [&str; 4] = ["run", "--once", "--trace-requests", "trace.ndjson"];

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_request_has_a_line_without_anything_secret() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.replace(
        "source = \"audit_logs\"",
        "source = \"audit_logs\"\nactor_emails = [\"someone@example.com\"]",
    );
    place.run_to(0, &ONCE);
    let path = place.path("trace.ndjson");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    for secret in [ADMIN_SECRET, PROJECT_SECRET, "someone", "Bearer", "\"object\""] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let lines = lines(&path);
    let (head, requests, end) = (&lines[0], &lines[1..lines.len() - 1], &lines[lines.len() - 1]);
    assert!(head["remove_at"].is_i64() && end["ended"] == "stopped", "{head} {end}");
    for list in ["/v1/organization/audit_logs", "/v1/chat/completions"] {
        let asked = requests.iter().filter(|request| request["path"] == list);
        // Two pages at least, and the look that begins a route.
        assert!(asked.count() >= 3, "{list}: {requests:?}");
    }
    for request in requests {
        assert_eq!((&request["status"], &request["method"]), (&200.into(), &"GET".into()), "{request}");
        assert!(request["response_bytes"].as_u64().unwrap() > 50, "{request}");
        assert_eq!(request["request_headers"]["authorization"], "***");
        assert_eq!(format!("http://{}/v1", request["host"].as_str().unwrap()), api.base_url);
    }
}

#[test]
fn a_request_without_an_answer_is_traced_by_its_kind_of_error() {
    let place = Place::new("http://127.0.0.1:9/v1");
    place.run_to(1, &[&ONCE[..], &["--timeout", "1s"]].concat());
    let lines = lines(&place.path("trace.ndjson"));
    assert_eq!((&lines[1]["error"], &lines[1]["status"]), (&"connect".into(), &Value::Null));
}

#[test]
fn a_trace_is_not_written_over_what_is_there() {
    let place = Place::new("http://127.0.0.1:9/v1");
    place.write("trace.ndjson", "mine");
    assert!(place.run_to(2, &ONCE).stderr.contains("already exists"));
    assert_eq!(fs::read_to_string(place.path("trace.ndjson")).unwrap(), "mine");
}

#[test]
fn a_trace_that_an_ended_run_left_goes_in_its_hour_with_the_next_one() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.run_to(0, &ONCE);
    let path = place.path("trace.ndjson");
    let daemon = place.start(&["run"]);
    wait_until("every record", || place.rows() == (230, 120));
    daemon.signal(Signal::TERM);
    daemon.wait();
    assert!(path.exists(), "it stays for its hour");
    // The hour is nearly over.
    let old = lines(&path)[0]["remove_at"].to_string();
    let soon = (chrono::Utc::now().timestamp() + 1).to_string();
    for file in [&path, &place.path("state/request-traces.json")] {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&old), "{text}");
        fs::write(file, text.replace(&old, &soon)).unwrap();
    }
    let mut daemon = place.start(&["run"]);
    daemon.wait_for_log("request trace removed");
    assert!(!path.exists());
}
