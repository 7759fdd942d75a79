use std::fs;

use serde_json::Value;

use crate::support::process::{Place, Simulated};

const RULE: &str = "
title: An event
logsource:
    product: openai
    service: audit
detection:
    selection:
        EventType|exists: true
    condition: selection
level: low
ccfd:
    suppress: 30d
";

/// A directory whose alerts have an action, for a connector that there is not.
fn acting(api: &Simulated) -> Place {
    let place = Place::new(&api.base_url);
    place.replace("type = \"sqlite\"\npath = \"./tables.db\"\n", "type = \"detect\"\nrules = [\"rules\"]\n");
    let settings = fs::read_to_string(place.path("ccfd.toml")).unwrap();
    let action = "[[detect.action]]\nname = \"page\"\nconnector = \"oncall\"\nhistorical = true\nparams = { body = \"{{ title }}\" }\n";
    place.write("ccfd.toml", &format!("{settings}\n{action}"));
    fs::create_dir(place.path("rules")).unwrap();
    place.write("rules/any_event.yml", RULE);
    place
}

fn listed(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let ended = place.run_to(0, &[&["alerts", "actions", "list", "--json"], arguments].concat());
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_cannot_be_done_is_listed_with_its_reason_and_can_be_tried_again_or_removed() {
    let api = Simulated::start(&["--audit-logs", "3", "--completions", "3"]);
    let place = acting(&api);
    // An operator must act: the connector is missing.
    place.run_to(3, &["run", "--once"]);
    let waiting = listed(&place, &[]);
    assert_eq!(waiting.len(), 3);
    let first = &waiting[0];
    assert_eq!(
        (&first["action"], &first["state"], &first["rule"]),
        (&"page".into(), &"waiting".into(), &"any_event".into())
    );
    let tried: Vec<&Value> = waiting.iter().filter(|row| row["answer"].is_string()).collect();
    assert!(
        !tried.is_empty()
            && tried.iter().all(|row| row["answer"].as_str().unwrap().contains("[action/oncall] not found"))
    );
    let number = first["id"].to_string();
    place.run_to(0, &["alerts", "actions", "drop", &number, "--yes"]);
    assert_eq!(listed(&place, &[]).len(), 2);
    let other = waiting[1]["id"].to_string();
    place.run_to(0, &["alerts", "actions", "retry", &other]);
    assert_eq!(
        listed(&place, &["--state", "waiting"]).iter().find(|row| row["id"] == waiting[1]["id"]).unwrap()["tries"],
        0
    );
    place.run_to(2, &["alerts", "actions", "retry", &number]);
    let shown = place.run_to(0, &["alerts", "actions", "list"]).stdout;
    assert!(shown.contains("page") && shown.contains("waiting"), "{shown}");
    let status = place.run_to(0, &["status"]).stdout;
    assert!(status.contains("actions/page"), "{status}");
}

#[test]
fn that_an_alert_was_closed_waits_for_its_opening_and_a_retry_says_so() {
    let api = Simulated::start(&["--audit-logs", "1", "--completions", "1"]);
    let place = acting(&api);
    place.replace("historical = true\n", "historical = true\non = [\"open\", \"closed\"]\n");
    place.run_to(3, &["run", "--once"]);
    let opening = listed(&place, &[]).remove(0);
    let alert = opening["alert"].as_str().unwrap();
    place.run_to(0, &["alerts", "close", alert, "--as", "benign"]);
    let closed = listed(&place, &[]).remove(0);
    assert_eq!((&closed["event"], &closed["waits_for"]), (&"closed".into(), &opening["id"]));
    assert_eq!(opening.get("waits_for"), None);
    let (number, before) = (closed["id"].to_string(), opening["id"].to_string());
    let said = place.run_to(0, &["alerts", "actions", "retry", &number]).stderr;
    let waits = format!("{number} waits until {before}, the opening of its alert, is done or has failed");
    assert!(said.contains(&waits), "{said}");
    let table = place.run_to(0, &["alerts", "actions", "list"]).stdout;
    assert!(table.contains(&format!("waits for {before}, the opening of its")), "{table}");
    let said = place.run_to(0, &["alerts", "actions", "retry", &before]).stderr;
    assert!(!said.contains("waits until"), "{said}");
}

#[test]
fn a_place_where_nothing_acts_has_no_actions() {
    let place = Place::new("http://127.0.0.1:9/v1");
    assert!(listed(&place, &[]).is_empty());
    place.run_to(2, &["alerts", "actions", "retry", "1"]);
    place.run_to(2, &["alerts", "actions", "drop", "--yes", "1"]);
}

#[test]
fn an_action_for_a_rule_that_is_not_there_is_refused_by_check_and_at_a_reload() {
    let api = Simulated::start(&["--audit-logs", "3", "--completions", "3"]);
    let place = acting(&api);
    place.replace("name = \"page\"\n", "name = \"page\"\nrules = [\"any_evnt\"]\n");
    let checked = place.run_to(3, &["check"]);
    let said = "there is no rule `any_evnt`; did you mean `any_event`?";
    assert!(checked.stdout.replace("\n", " ").replace("      ", "").contains(said), "{}", checked.stdout);
    place.replace("any_evnt", "any_event");
    let mut daemon = place.start(&["run"]);
    daemon.wait_for_log("listening");
    place.replace("rules = [\"any_event\"]", "rules = [\"any_evnt\"]");
    let ended = place.run_to(2, &["reload"]);
    assert!(ended.stderr.contains("there is no rule `any_evnt`"), "{}", ended.stderr);
}

/// What `check` says of actions.
fn checked(place: &Place) -> Vec<Value> {
    let ended = place.run(&["check", "--json"]);
    let found: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    found.into_iter().filter(|one| one["what"].as_str().unwrap().starts_with("action ")).collect()
}

#[test]
fn check_says_whether_a_connector_can_run_and_takes_the_parameters() {
    let api = Simulated::start(&["--audit-logs", "1", "--completions", "1"]);
    let place = acting(&api);
    let secret = place.path("secret");
    let settings = fs::read_to_string(place.path("ccfd.toml")).unwrap();
    let connector = format!(
        "[connector.oncall]\ntype = \".slack\"\nsecrets = {{ webhookUrl = {{ file = {secret:?} }} }}\n"
    );
    place.write("ccfd.toml", &format!("{settings}\n{connector}"));
    let only = |words: &str| {
        let found = checked(&place);
        let text = found.iter().map(|one| one["text"].as_str().unwrap()).collect::<Vec<_>>().join("\n");
        assert!(found.len() == 1 && text.contains(words), "{words}: {text}");
        assert_eq!(found[0]["level"], "fail");
    };
    only("`secrets.webhookUrl`");
    place.write("secret", "https://hooks.slack.com/services/T/B/abcdefghijk");
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    only(".slack does not take `params` of an example alert: [message]: expected value of type [string]");
    place.replace("params = { body = \"{{ title }}\" }", "params = { message = \"{{ title }}\" }");
    assert!(checked(&place).is_empty(), "{:?}", checked(&place));
    place.replace("historical = true\n", "historical = true\nspace = \"soc\"\n");
    only("there is no space soc; known are default");
    let settings = fs::read_to_string(place.path("ccfd.toml")).unwrap();
    let cases = "[cases]\ntarget = \"kibana\"\nsink = \"cases\"\nspace = \"soc\"\n\
                 [sink.cases]\ntype = \"kibana_index\"\nurl = \"http://127.0.0.1:9\"\n";
    place.write("ccfd.toml", &format!("{settings}\n{cases}"));
    let found: Vec<Value> = serde_json::from_str(&place.run(&["check", "--json"]).stdout).unwrap();
    let space = found.iter().find(|one| one["what"] == "cases").unwrap();
    assert_eq!(space["text"], "there is no space soc; known are default");
}

#[test]
fn cases_may_be_made_by_the_id_of_their_connector_and_check_knows_it() {
    let api = Simulated::start(&["--audit-logs", "1", "--completions", "1"]);
    let place = acting(&api);
    place.replace("connector = \"oncall\"", "connector = \"system-connector-.cases\"");
    place.replace("params = { body = \"{{ title }}\" }\n", "group_by = [\"EventType\"]\n");
    assert!(checked(&place).is_empty(), "{:?}", checked(&place));
    place.replace("group_by = ", "template = \"t\"\nparams = {}\ngroup_by = ");
    let refused = place.run(&["check"]);
    assert!(refused.stdout.contains("`params`: unknown key"), "{refused:?}");
    place.replace("params = {}\n", "");
    place.replace("template = \"t\"\n", "");
    place.run_to(0, &["run", "--once"]);
    assert_eq!(listed(&place, &["--state", "done"])[0]["answer"], "in case 1");
    place.replace("system-connector-.cases", "system-connector-.other");
    place.replace("group_by = [\"EventType\"]\n", "");
    assert_eq!(checked(&place).len(), 1, "there is no other");
}

#[test]
fn what_an_action_left_that_is_no_longer_configured_is_seen_and_can_be_removed() {
    let api = Simulated::start(&["--audit-logs", "3", "--completions", "3"]);
    let place = acting(&api);
    place.run_to(3, &["run", "--once"]);
    assert_eq!(listed(&place, &["--state", "waiting"]).len(), 3);
    let settings = fs::read_to_string(place.path("ccfd.toml")).unwrap();
    let without = settings.split("[[detect.action]]").next().unwrap();
    place.write("ccfd.toml", without);
    let shown = place.run_to(0, &["status"]).stdout;
    let seen = "action page: no longer configured, with 3 actions that wait or failed";
    assert!(shown.replace('\n', " ").contains(seen), "{shown}");
    let ended = place.run_to(0, &["run", "--once"]);
    assert!(ended.stderr.contains("the settings have no action of this name"), "{}", ended.stderr);
    let failed = listed(&place, &[]);
    assert_eq!((failed.len(), &failed[0]["state"]), (3, &"failed".into()));
    let number = failed[0]["id"].to_string();
    let refused = place.run_to(2, &["alerts", "actions", "retry", &number]).stderr;
    assert!(refused.contains("the settings have no action `page`"), "{refused}");
    place.run_to(0, &["alerts", "actions", "retry", "--all"]);
    assert_eq!(listed(&place, &["--state", "failed"]).len(), 3, "nothing would do them");
    place.run_to(0, &["alerts", "actions", "drop", "--all", "--yes"]);
    assert!(listed(&place, &[]).is_empty());
    place.write("ccfd.toml", &settings);
    place.run(&["run", "--once"]);
    assert!(listed(&place, &[]).is_empty(), "these alerts have acted");
}
