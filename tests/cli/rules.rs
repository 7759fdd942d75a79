//! `ccfd rules`, as somebody uses it who writes a rule of their own.

use std::fs;

use serde_json::Value;

use crate::support::process::{Place, Simulated};

const OWN: &str = "title: A key was made
name: key_made
id: 7f0e4c9a-53a3-4a52-9c5e-0d2b8a5b6f10
status: test
description: Somebody made a key.
logsource: {product: openai, service: audit_logs}
detection:
  made: {EventType: api_key.created, ActorSession.user.email|exists: true}
  condition: made
level: low
ccfd:
  tests: [{events: key_made.ndjson, alerts: 2}]
";
const EVENT: &str = r#"{"id":"ID","object":"organization.audit_log","type":"api_key.created","effective_at":1770979925,"actor":{"type":"session","session":{"user":{"id":"user-1","email":"ann@example.com"}}},"api_key.created":{"id":"key_1","data":{"scopes":["all"]}}}"#;

/// A place whose own rule stands in a directory, with as many events for its test.
fn with_own_rule(events: usize) -> Place {
    let place = Place::bare();
    fs::create_dir(place.path("own")).unwrap();
    place.write("own/key_made.yml", OWN);
    let events: Vec<String> = (0..events).map(|number| EVENT.replace("ID", &format!("a-{number}"))).collect();
    place.write("own/key_made.ndjson", &(events.join("\n") + "\n"));
    place
}

#[test]
fn the_built_in_rules_can_be_copied_once_and_pass_their_own_tests_there() {
    let place = Place::bare();
    let copied = place.run_to(0, &["rules", "copy", "mine"]);
    assert!(copied.stderr.contains("rules = [\"builtin\", \"mine\"]"), "{copied:?}");
    let rules = fs::read_dir(place.path("mine"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "yml"));
    assert_eq!(rules.count(), 27);
    // One of them needs a list that only the reader of the settings knows.
    let own_domains = "[collector.a]\nsource = \"audit_logs\"\napi_key = { env = \"OPENAI_ADMIN_KEY\" }\nsinks = [\"rules\"]\n\
                       [sink.rules]\ntype = \"detect\"\nplaceholders = { OwnDomains = [\"@example.com\"] }\n";
    place.write("ccfd.toml", own_domains);
    let lint = place.run_to(0, &["rules", "lint", "mine"]);
    assert!(lint.stdout.contains("54 tests"), "{lint:?}");
    assert!(place.run_to(2, &["rules", "copy", "mine"]).stderr.contains("nothing is overwritten"));
}

#[test]
fn a_test_that_does_not_hold_fails_with_what_was_found_in_its_place() {
    assert!(with_own_rule(2).run_to(0, &["rules", "lint", "own"]).stdout.contains("1 rule, 1 test"));
    let off = with_own_rule(2);
    off.write("own/key_made.yml", &OWN.replace("ccfd:\n", "ccfd:\n  state: off\n"));
    assert!(off.run_to(0, &["rules", "lint", "own"]).stdout.contains("1 rule, 1 test"));
    let failed = with_own_rule(3).run_to(1, &["rules", "lint", "own"]).stdout;
    assert!(failed.contains("FAIL  own/key_made.yml:1: key_made.ndjson: 3 alerts, wanted 2"), "{failed}");
    let place = with_own_rule(2);
    fs::remove_file(place.path("own/key_made.ndjson")).unwrap();
    let missing = place.run_to(1, &["rules", "lint", "own"]).stdout;
    assert!(missing.contains("No such file"), "{missing}");
}

#[test]
fn a_rule_that_cannot_be_used_is_named_by_its_line_and_its_neighbours_problems_too() {
    let place = with_own_rule(2);
    place.write("own/key_made.yml", &OWN.replace("EventType:", "EventTyp:"));
    place.write("own/other.YML", &OWN.replace("name: key_made", "name: other").replace("|exists", "|exist"));
    let refused = place.run_to(2, &["rules", "lint", "own"]).stderr;
    assert!(
        refused.contains("own/key_made.yml:8") && refused.contains("did you mean `EventType`"),
        "{refused}"
    );
    assert!(refused.contains("own/other.YML:8"), "{refused}");
}

#[test]
fn a_rule_is_tried_on_what_a_sink_holds_and_leaves_no_trace() {
    let api = Simulated::start(&["--audit-logs", "300", "--completions", "0"]);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    fs::create_dir(place.path("own")).unwrap();
    place.write("own/key_made.yml", OWN);
    let rules = "\n[sink.rules]\ntype = \"detect\"\nrules = [\"own\"]\n";
    place.write("ccfd.toml", &(place.config() + rules));
    let keys = "SELECT count(*) FROM OpenAIAuditLogs_CL
                WHERE EventType = 'api_key.created' AND ActorSession ->> '$.user.email' IS NOT NULL";
    let expected = place.number(keys);
    assert!(expected > 0, "the simulator makes no keys");
    let json = place.run_to(0, &["rules", "test", "key_made", "--last", "400d", "--json"]).stdout;
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["alerts"].as_array().unwrap().len() as u64, expected);
    assert_eq!((report["matched"].as_u64(), report["records"].as_u64()), (Some(expected), Some(300)));
    let text = place.run_to(0, &["rules", "test", "key_made", "--last", "400d"]).stdout;
    assert!(text.starts_with("key_made over 300 records of sink local"), "{text}");
    place.write("own/key_made.yml", &OWN.replace("ccfd:\n", "ccfd:\n  state: off\n"));
    let off = place.run_to(0, &["rules", "test", "key_made", "--last", "400d"]).stdout;
    let rest = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert!(off.starts_with("key_made over") && rest(&off) == rest(&text), "{off}");
    assert!(!place.path("ccfd-data/detect.db").exists() && !place.path("state/detect.db").exists());
    let none = place.run_to(0, &["rules", "test", "key_made", "--last", "1s"]).stdout;
    assert!(none.contains("0 alerts"), "{none}");
    place.replace("rules = [\"own\"]", "rules = [\"own\", \"builtin\"]");
    let said = |rule| place.run_to(2, &["rules", "test", rule]).stderr;
    assert!(said("other").contains("there is no rule `other`; see"), "{}", said("other"));
    assert!(said("key_mode").contains("there is no rule `key_mode`; did you mean `key_made`?"));
    let unusable = said("person_from_outside_invited");
    assert!(unusable.contains("judges nothing: `%OwnDomains%` is not set"), "{unusable}");
}

#[test]
fn a_rule_that_reads_what_a_collector_redacts_is_named_by_check_and_in_the_list() {
    let api = Simulated::start(&["--audit-logs", "5", "--completions", "5"]);
    let place = with_own_rule(2);
    let config = format!(
        "[collector.acme-audit]\nsource = \"audit_logs\"\nbase_url = \"{}\"\napi_key = {{ env = \"OPENAI_ADMIN_KEY\" }}\n\
         sinks = [\"rules\"]\ndrop = [\"actor.session.user\"]\n[sink.rules]\ntype = \"detect\"\nrules = [\"own\"]\n",
        api.base_url
    );
    place.write("ccfd.toml", &config);
    let blinded =
        "rule key_made reads ActorSession.user.email: collector acme-audit drops `actor.session.user`";
    let check = place.run_to(0, &["check"]).stdout.replace("\n      ", " ");
    assert!(check.contains(blinded), "{check}");
    let listed = place.run_to(0, &["rules", "list", "--json"]).stdout;
    assert!(listed.contains("blinded: acme-audit drops `actor.session.user`"), "{listed}");
    place.replace("actor.session.user\"", "actor.session.user_agent\"");
    assert!(!place.run_to(0, &["check"]).stdout.contains("key_made"));
}

#[test]
fn a_rule_that_reads_a_field_which_no_record_has_is_named_with_the_number_of_those() {
    let api = Simulated::start(&["--audit-logs", "1500", "--completions", "0"]);
    let place = Place::new(&api.base_url);
    fs::create_dir(place.path("own")).unwrap();
    place.write(
        "own/key_made.yml",
        &OWN.replace("ActorSession.user.email|exists: true", "EventDetails.nme: x"),
    );
    place.replace("sinks = [\"local\"]", "sinks = [\"local\", \"rules\"]");
    place.write("ccfd.toml", &(place.config() + "\n[sink.rules]\ntype = \"detect\"\nrules = [\"own\"]\n"));
    place.run_to(0, &["run", "--once"]);
    let listed: Value =
        serde_json::from_str(place.run_to(0, &["rules", "list", "--json"]).stdout.trim()).unwrap();
    let made = place.number("SELECT count(*) FROM OpenAIAuditLogs_CL WHERE EventType = 'api_key.created'");
    let unseen = &listed["unseen_fields"];
    assert!(made >= 20, "the simulator makes too few keys");
    assert_eq!(
        (unseen[0]["field"].as_str(), unseen[0]["records"].as_u64()),
        (Some("EventDetails.nme"), Some(made))
    );
    assert_eq!((unseen.as_array().unwrap().len(), &listed["last_hit"]), (1, &Value::Null));
    assert_eq!(listed["remarks"][0], "never seen: EventDetails.nme");
}
