//! `ccfd connectors` and `ccfd secrets`, as a person runs them.

use std::{io::Write as _, process::Stdio};

use serde_json::Value;

use crate::support::process::{Ended, Place};

const FILE: &str = r#"
[collector.acme]
source = "audit_logs"
api_key = { env = "KEY" }
sinks = ["local"]
[sink.local]
type = "sqlite"
path = "tables.db"
"#;

const SECRET: &str = "sk-very-secret";

fn place() -> Place {
    let place = Place::bare();
    place.write("ccfd.toml", FILE);
    place
}

/// Runs a command with this on standard input.
fn fed(place: &Place, input: &str, arguments: &[&str]) -> Ended {
    let mut command = place.command(arguments);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_connector_is_made_shown_run_changed_and_deleted_without_a_daemon() {
    let place = place();
    let made = place.run_to(
        0,
        &[
            "connectors",
            "create",
            "Mine",
            "--type",
            ".index",
            "--id",
            "mine",
            "--settings",
            r#"{"index":"x"}"#,
        ],
    );
    assert_eq!(json(&made.stdout)["config"]["refresh"], false);
    let shown = place.run_to(0, &["connectors", "show", "mine"]);
    assert_eq!(json(&shown.stdout), json(&made.stdout));
    assert!(place.run_to(0, &["connectors", "list"]).stdout.contains(".index"));
    place.run_to(0, &["connectors", "test", "mine"]);
    let ran =
        place.run_to(0, &["connectors", "run", "mine", "--params", r#"{"documents":[{"a":1},{"a":2}]}"#]);
    assert_eq!(json(&ran.stdout)["items"].as_array().map(Vec::len), Some(2));
    let count = place.run_to(0, &["query", "--connectors", "--json", "SELECT count(*) AS n FROM x"]);
    assert_eq!(json(&count.stdout)["n"], 3, "{}", count.stdout);
    let failed = place.run_to(1, &["connectors", "run", "mine", "--params", r#"{"documents":1}"#]);
    assert!(failed.stderr.contains("error validating action params"), "{}", failed.stderr);
    place.run_to(0, &["connectors", "update", "mine", "--name", "Yours"]);
    assert_eq!(json(&place.run_to(0, &["connectors", "show", "mine"]).stdout)["name"], "Yours");
    assert!(place.run_to(2, &["connectors", "delete", "mine"]).stderr.contains("--yes"));
    place.run_to(0, &["connectors", "delete", "mine", "--yes"]);
    let gone = place.run_to(2, &["connectors", "show", "mine"]);
    assert!(gone.stderr.contains("Saved object [action/mine] not found"), "{}", gone.stderr);
}

#[test]
fn the_connector_of_the_system_is_shown_as_the_api_lists_it() {
    let shown = place().run_to(0, &["connectors", "show", "system-connector-.cases"]);
    let wanted = serde_json::json!({
        "id": "system-connector-.cases", "name": "Cases", "connector_type_id": ".cases", "is_preconfigured": false,
        "is_system_action": true, "referenced_by_count": 0,
    });
    assert_eq!(json(&shown.stdout), wanted);
    let unknown = place().run_to(2, &["connectors", "show", "system-connector-.other"]);
    assert!(unknown.stderr.contains("not found"), "{}", unknown.stderr);
}

#[test]
fn a_secret_is_not_taken_from_an_argument_and_not_shown() {
    let place = place();
    let refused = place.run_to(
        2,
        &["connectors", "create", "Mine", "--type", ".index", "--secret", &format!("token={SECRET}")],
    );
    assert!(refused.stderr.contains("NAME=@FILE") && !refused.stderr.contains(SECRET), "{}", refused.stderr);
    let unknown = fed(
        &place,
        SECRET,
        &[
            "connectors",
            "create",
            "Mine",
            "--type",
            ".index",
            "--settings",
            r#"{"index":"x"}"#,
            "--secret",
            "t=@-",
        ],
    );
    assert!(unknown.code == Some(2) && !unknown.stderr.contains(SECRET), "{}", unknown.stderr);
}

#[test]
fn a_stored_secret_is_used_by_the_settings_and_shown_nowhere() {
    let place = place();
    let stored = fed(&place, &format!("{SECRET}\n"), &["secrets", "set", "openai"]);
    assert_eq!(stored.code, Some(0), "{}", stored.stderr);
    let listed = place.run_to(0, &["secrets", "list"]).stdout;
    assert!(listed.contains("openai") && !listed.contains(SECRET), "{listed}");
    place.replace("{ env = \"KEY\" }", "{ stored = \"openai\" }");
    let shown = place.run_to(0, &["config", "show"]).stdout;
    assert!(shown.contains("api_key.stored = \"openai\"") && !shown.contains(SECRET), "{shown}");
    let checked = place.run(&["check"]);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(!said.contains("ccfd secrets set") && !said.contains(SECRET), "{said}");
    place.run_to(0, &["secrets", "remove", "openai"]);
    let checked = place.run(&["check"]);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(said.contains("ccfd secrets set openai"), "{said}");
    place.run_to(2, &["secrets", "remove", "openai"]);
}

#[test]
fn the_way_out_of_a_lost_key_is_said_and_works() {
    let place = place();
    fed(&place, SECRET, &["secrets", "set", "one"]);
    let dir = place.path("ccfd-data");
    std::fs::remove_file(dir.join("secrets.key")).unwrap();
    let lost = fed(&place, SECRET, &["secrets", "set", "two"]);
    assert!(lost.code == Some(3) && lost.stderr.contains("ccfd secrets remove --all"), "{}", lost.stderr);
    assert!(place.run_to(2, &["secrets", "remove", "--all"]).stderr.contains("--yes"));
    place.run_to(0, &["secrets", "remove", "--all", "--yes"]);
    assert_eq!(fed(&place, SECRET, &["secrets", "set", "two"]).code, Some(0));
}
