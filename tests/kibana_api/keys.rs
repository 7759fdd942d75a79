//! API keys from the command line.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, NOBODY, Who};
use crate::support::process::Place;

#[test]
fn a_key_is_printed_once_and_stored_nowhere() {
    let api = Api::start();
    let created = api.place.run_to(0, &["api-keys", "create", "nightly", "--scope", "manage"]);
    assert_eq!(created.stdout.lines().count(), 1, "{created:?}");
    let credential = created.stdout.trim_end();
    let decoded = String::from_utf8(BASE64_STANDARD.decode(credential).unwrap()).unwrap();
    let (id, key) = decoded.split_once(':').unwrap();
    assert_eq!(api.send(&Who::Key(credential), Method::GET, "/api/actions/connectors", None).0, 200);
    let listed = api.place.run_to(0, &["api-keys", "list"]);
    assert!(listed.stdout.contains(id) && listed.stdout.contains("nightly"), "{}", listed.stdout);
    let log = api.daemon.running.stderr();
    let mut seen = [listed.stdout, listed.stderr, created.stderr, log].map(String::into_bytes).to_vec();
    for entry in fs::read_dir(api.place.path("state")).unwrap().map(|entry| entry.unwrap().path()) {
        seen.extend(fs::read(entry));
    }
    for secret in [key, credential] {
        let has = |text: &Vec<u8>| text.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!seen.iter().any(has));
    }
}

#[test]
fn a_revoked_key_is_refused_by_the_running_daemon_at_once() {
    let api = Api::start();
    let key = api.key("nightly", &["--scope", "read"]);
    let get = || api.send(&Who::Key(&key), Method::GET, "/api/actions/connectors", None).0;
    assert_eq!(get(), 200);
    api.place.run_to(0, &["api-keys", "revoke", "nightly"]);
    assert_eq!(get(), 401);
    let again = api.place.run_to(2, &["api-keys", "revoke", "nightly"]);
    assert!(again.stderr.contains("no API key `nightly`"), "{}", again.stderr);
}

#[test]
fn a_key_can_be_made_before_the_first_start() {
    let place = Place::new(NOBODY);
    assert!(place.run_to(0, &["api-keys", "list"]).stderr.contains("no API keys"));
    assert!(!place.path("state/detect.db").exists(), "a command that lists creates nothing");
    let key = place.run_to(0, &["api-keys", "create", "first", "--scope", "read"]).stdout;
    let api = Api::at(place);
    assert_eq!(api.send(&Who::Key(key.trim_end()), Method::GET, "/api/actions/connectors", None).0, 200);
}

#[test]
fn what_is_wrong_with_a_key_is_said_and_nothing_is_printed() {
    let place = Place::new(NOBODY);
    let refused = |arguments: &[&str]| {
        let ended = place.run_to(2, &[&["api-keys", "create"], arguments].concat());
        assert_eq!(ended.stdout, "");
        ended.stderr
    };
    assert!(refused(&["a"]).contains("--scope"));
    assert!(refused(&["", "--scope", "read"]).contains("1 to 128 characters"));
    assert!(refused(&["a", "--scope", "admin"]).contains("manage"));
    assert!(refused(&["a", "--scope", "read", "--space", "red"]).contains("no space `red`"));
    place.run_to(0, &["api-keys", "create", "a", "--scope", "read"]);
    assert!(refused(&["a", "--scope", "run"]).contains("revoke it first"));
}

#[test]
fn the_list_has_what_is_known_of_each_key() {
    let place = Place::new(NOBODY).with("USER", "ann");
    place.run_to(0, &["api-keys", "create", "a", "--scope", "run", "--scope", "read", "--space", "default"]);
    place.run_to(0, &["api-keys", "create", "b", "--scope", "manage"]);
    place.run_to(0, &["api-keys", "revoke", "b"]);
    let listed = |arguments: &[&str]| {
        let ended = place.run_to(0, &[&["api-keys", "list", "--json"], arguments].concat());
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let [key] = listed(&[]).try_into().unwrap();
    assert_eq!((&key["name"], &key["created_by"]), (&json!("a"), &json!("ann")));
    assert_eq!((&key["scopes"], &key["spaces"]), (&json!(["read", "run"]), &json!(["default"])));
    let revoked: Vec<Value> =
        listed(&["--all"]).into_iter().filter(|key| key["revoked_by"] == "ann").collect();
    assert_eq!((revoked.len(), &revoked[0]["spaces"]), (1, &Value::Null));
}
