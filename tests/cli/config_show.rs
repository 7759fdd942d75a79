//! `ccfd config show`: every setting with the place that sets it, and no secret.

use crate::support::process::Place;

const FILE: &str = r#"
[collector.acme]
source = "audit_logs"
api_key = { env = "KEY" }
proxy = "http://someone@proxy.example.com:3128"
sinks = ["local"]
[sink.local]
type = "sqlite"
path = "tables.db"
"#;

fn line(shown: &str, start: &str) -> String {
    let found = shown.lines().find(|line| line.starts_with(start));
    found.unwrap_or_else(|| panic!("no {start}: {shown}")).to_owned()
}

#[test]
fn each_setting_is_shown_with_its_origin() {
    let place = Place::bare().with("CCFD__COLLECTOR__ACME__START", "30d");
    place.write("ccfd.toml", FILE);
    let shown = place.run_to(0, &["config", "show"]).stdout;
    assert!(line(&shown, "start = \"30d\"").ends_with("# environment variable CCFD__COLLECTOR__ACME__START"));
    assert!(line(&shown, "poll_interval").ends_with("# default"));
    assert!(line(&shown, "path").ends_with("# ccfd.toml"), "{shown}");
    let changed = place.run_to(0, &["config", "show", "--changed"]).stdout;
    assert!(!changed.contains("# default") && changed.contains("api_key.env = \"KEY\""), "{changed}");
}

#[test]
fn what_may_be_a_secret_is_hidden_and_what_is_wrong_is_reported_last() {
    let place = Place::bare();
    place.write("ccfd.toml", &FILE.replace("\"KEY\"", "\"sk-admin-pasted\""));
    let ended = place.run_to(2, &["config", "show"]);
    assert!(!ended.stdout.contains("pasted") && !ended.stdout.contains("someone"), "{}", ended.stdout);
    assert!(ended.stderr.contains("api_key") && !ended.stderr.contains("pasted"), "{}", ended.stderr);
}

#[test]
fn json_is_for_programs() {
    let place = Place::bare();
    place.write("ccfd.toml", FILE);
    let shown = place.run_to(0, &["config", "show", "--json"]).stdout;
    let sections: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let names: Vec<&str> =
        sections.as_array().unwrap().iter().map(|one| one["section"].as_str().unwrap()).collect();
    assert!(names.contains(&"collector.acme") && names.contains(&"sink.local") && names.contains(&"state"));
}

#[test]
fn completions_and_manual_pages_come_from_the_command_line() {
    let place = Place::bare();
    assert!(place.run_to(0, &["completions", "bash"]).stdout.contains("backfill"));
    assert!(place.run_to(0, &["man", "backfill"]).stdout.contains(".TH"));
    let ended = place.run_to(2, &["man", "backfills"]);
    assert!(ended.stderr.contains("backfill"), "{}", ended.stderr);
    place.run_to(0, &["man", "--dir", "pages"]);
    assert!(place.path("pages/ccfd-run.1").exists());
}
