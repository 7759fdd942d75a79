//! Which requests are answered, and what only the owner of the state directory may do.

use std::os::unix::fs::PermissionsExt;

use reqwest::Method;
use rustix::process::Signal;

use super::{Daemon, json};
use crate::support::{
    http::send,
    process::{Place, Simulated, wait_until},
};

const NOBODY: &str = "http://127.0.0.1:9/v1";

#[test]
fn health_is_shown_to_everyone_and_the_rest_under_known_names() {
    let place = Place::new(NOBODY);
    place.write(
        "ccfd.toml",
        &format!("{}\n[admin]\nallowed_hosts = [\"ccfd.example.com\"]\n", place.config()),
    );
    let daemon = Daemon::start(&place);
    let asked = |path: &str, host: &str| {
        send(Method::GET, &format!("{}{path}", daemon.url), &[("host", host)], Vec::new()).0
    };
    assert_eq!(asked("/healthz", "evil.example"), 200);
    assert_eq!(asked("/api/v1/status", "evil.example"), 421);
    assert_eq!(asked("/api/v1/status", "ccfd.example.com"), 200);
    assert_eq!(asked("/api/v1/status", "localhost:1"), 200);
    assert_eq!(asked("/api/v1/nothing", "localhost"), 404);
}

#[test]
fn whoever_opens_the_address_itself_reads_what_is_there() {
    let place = Place::new(NOBODY);
    let daemon = Daemon::start(&place);
    let (status, answer) = daemon.get("/");
    assert_eq!(status, 401);
    for word in ["admin interface of ccfd", "/metrics", "/api/v1/status", "admin.json"] {
        assert!(answer["error"].as_str().unwrap().contains(word), "{word}: {answer}");
    }
    let bearer = format!("Bearer {}", daemon.token);
    let url = format!("{}/", daemon.url);
    assert_eq!(send(Method::GET, &url, &[("authorization", &bearer)], Vec::new()).0, 200);
}

#[test]
fn a_change_needs_the_token_and_nothing_changes_without() {
    let api = Simulated::start(&["--audit-logs", "20", "--completions", "20"]);
    let place = Place::new(&api.base_url);
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    let pause = |headers: &[(&str, &str)]| {
        send(Method::POST, &format!("{}/api/v1/collectors/acme-audit/pause", daemon.url), headers, Vec::new())
    };
    for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", &daemon.token)]] {
        let (status, answer) = pause(headers);
        assert_eq!(status, 401, "{headers:?}");
        assert!(answer["error"].as_str().unwrap().contains("admin.json"), "{answer}");
    }
    assert_eq!(daemon.get("/api/v1/checkpoints").0, 401, "they hold what only the owner may see");
    assert_eq!(daemon.route("acme-audit/local")["state"], "live");
    let bearer = format!("Bearer {}", daemon.token);
    let (status, answer) = pause(&[("authorization", &bearer)]);
    assert_eq!((status, &answer["routes"][0]), (200, &"acme-audit/local".into()));
    assert_eq!(daemon.route("acme-audit/local")["state"], "paused");
}

#[test]
fn the_token_is_for_its_owner_alone_in_no_log_and_gone_with_the_daemon() {
    let place = Place::new(NOBODY);
    let daemon = Daemon::start(&place);
    let mode = place.path("state/admin.json").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(daemon.token.len() > 40);
    daemon.running.signal(Signal::TERM);
    let ended = daemon.running.wait();
    assert!(!ended.stderr.contains(&daemon.token));
    assert_eq!(json(&place, "state/admin.json"), serde_json::Value::Null);
}

#[test]
fn a_configured_token_is_in_no_file_and_the_commands_find_it() {
    let place = Place::new(NOBODY).with("ADMIN_TOKEN", "chosen-token");
    place.write("ccfd.toml", &format!("{}\n[admin]\ntoken = {{ env = \"ADMIN_TOKEN\" }}\n", place.config()));
    let daemon = Daemon::start(&place);
    assert_eq!(daemon.token, "");
    assert_eq!(place.run_to(0, &["collectors", "pause", "acme-chat"]).stdout, "paused: acme-chat/local\n");
}

#[test]
fn an_address_that_others_can_reach_needs_a_chosen_token() {
    let place = Place::new(NOBODY).with("CCFD__ADMIN__LISTEN", "0.0.0.0:0");
    let refused = place.run_to(2, &["run"]);
    assert!(
        refused.stderr.contains("`admin.listen`") && refused.stderr.contains("`token`"),
        "{}",
        refused.stderr
    );
    let place = place.with("ADMIN_TOKEN", "chosen").with("CCFD__ADMIN__TOKEN", "{ env = \"ADMIN_TOKEN\" }");
    let mut daemon = Daemon::start(&place);
    daemon.running.wait_for_log("other machines can reach this address");
    let url = daemon.url.replace("0.0.0.0", "127.0.0.1");
    let asked = |path: &str, headers: &[(&str, &str)]| {
        send(Method::GET, &format!("{url}{path}"), headers, Vec::new()).0
    };
    assert_eq!((asked("/healthz", &[]), asked("/api/v1/status", &[])), (200, 401));
    assert_eq!(asked("/api/v1/status", &[("authorization", "Bearer chosen")]), 200);
}

#[test]
fn what_a_killed_daemon_left_does_not_keep_a_command_from_its_work() {
    let api = Simulated::start(&["--audit-logs", "20", "--completions", "20"]);
    let place = Place::new(&api.base_url);
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    daemon.running.signal(Signal::KILL);
    daemon.running.wait();
    assert!(place.path("state/admin.json").exists());
    place.run_to(0, &["reset-state", "--collector", "acme-audit", "--yes"]);
    assert_eq!(place.status()["daemon"]["running"], false);
}

#[test]
fn what_a_killed_daemon_left_does_not_lead_to_the_daemon_of_another_directory() {
    let api = Simulated::start(&["--audit-logs", "20", "--completions", "20"]);
    let (place, other) = (Place::new(&api.base_url), Place::new(&api.base_url));
    other.replace("acme-audit", "other-audit");
    let killed = Daemon::start(&place);
    wait_until("a commit", || killed.route("acme-audit/local")["delivered"] == 20);
    killed.running.signal(Signal::KILL);
    killed.running.wait();
    // It has the address that the killed one had.
    let address = killed.url.strip_prefix("http://").unwrap();
    let other = other.with("CCFD__ADMIN__LISTEN", address);
    let _other = Daemon::start(&other);
    let routes = place.status()["routes"].clone();
    assert_eq!((&routes[0]["route"], routes.as_array().unwrap().len()), (&"acme-audit/local".into(), 2));
    assert_eq!(routes[0]["delivered"], 20);
    place.run_to(0, &["collectors", "pause", "acme-audit"]);
}
