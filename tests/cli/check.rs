use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{
    fake::Reply,
    fake_elastic::Elastic,
    process::{ADMIN_SECRET, Place, Simulated, wait_until},
};

const SOME: [&str; 4] = ["--audit-logs", "30", "--completions", "20"];

#[test]
fn all_is_well_and_no_row_is_written() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    let text = place.run_to(0, &["check"]).stdout;
    assert!(text.lines().any(|line| line.contains("newest record 20")), "{text}");
    assert!(!text.contains("FAIL") && !text.contains("warn"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    assert_eq!(place.rows(), (0, 0));
}

#[test]
fn what_a_sink_finds_and_an_operator_should_look_at_first_is_a_warning() {
    let (api, elastic) = (Simulated::start(&SOME), Elastic::plain());
    let missing = || Reply::json(404, &serde_json::json!({}));
    elastic.server.script_for("_resolve", [missing().into()]);
    elastic.server.script_for("_index_template", [missing().into()]);
    let place = Place::new(&api.base_url);
    let sink = format!("type = \"elasticsearch\"\nurls = [\"{}\"]\n", elastic.server.url());
    place.replace("type = \"sqlite\"\npath = \"./tables.db\"\n", &sink);
    let text = place.run_to(0, &["check"]).stdout;
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains("has no template")).expect("the finding");
    let level = lines[..=at].iter().rfind(|line| !line.starts_with(' ')).unwrap();
    assert!(level.starts_with("warn"), "{text}");
    assert!(lines[at + 1].contains("-> run `ccfd check --install`"), "{text}");
}

#[test]
fn an_empty_list_is_a_warning_with_a_question() {
    let api = Simulated::start(&["--audit-logs", "0", "--completions", "0"]);
    let text = Place::new(&api.base_url).run_to(0, &["check"]).stdout;
    assert!(text.contains("is audit logging enabled?"), "{text}");
    assert!(text.contains("do the requests set `store`"), "{text}");
}

#[test]
fn a_clock_that_is_wrong_is_a_warning() {
    for (offset, text) in [("3600", "behind the server's"), ("-3600", "ahead of the server's")] {
        let api = Simulated::start(&["--date-offset", offset]);
        let said = Place::new(&api.base_url).run_to(0, &["check"]).stdout;
        assert!(said.contains("warn  clock acme-chat") && said.contains(text), "{said}");
    }
}

/// Whether a finding of this kind fails with this advice, while the command ends with 3.
fn fails(place: &Place, what: &str, text: &str, advice: &str) {
    let ended = place.run_to(3, &["check", "--json"]);
    let findings: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let finding = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["what"] == what)
        .unwrap_or_else(|| panic!("no finding {what}: {findings:#}"));
    let has = |key: &str, wanted: &str| finding[key].as_str().unwrap_or_default().contains(wanted);
    assert!(finding["level"] == "fail", "{finding:#}");
    assert!(has("text", text) && has("advice", advice), "{finding:#}");
    assert!(place.run_to(3, &["check"]).stdout.contains("FAIL"));
}

#[test]
fn a_key_of_the_wrong_class_is_reported_before_it_is_sent() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).with("OPENAI_ADMIN_KEY", "sk-proj-wrong");
    fails(&place, "key acme-audit", "", "create an admin key");
}

#[test]
fn a_key_that_is_wrapped_in_something_is_reported_before_it_is_sent() {
    let api = Simulated::start(&SOME);
    for (key, text) in [
        (format!("\"{ADMIN_SECRET}\""), "is in quotes"),
        (format!("OPENAI_ADMIN_KEY={ADMIN_SECRET}"), "NAME=key"),
        (STANDARD.encode(ADMIN_SECRET), "base64"),
    ] {
        let place = Place::new(&api.base_url).with("OPENAI_ADMIN_KEY", &key);
        fails(&place, "key acme-audit", text, "store only the key");
    }
}

#[test]
fn a_key_that_is_not_there_is_named_by_its_place() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).without("OPENAI_API_KEY");
    fails(&place, "key acme-chat", "OPENAI_API_KEY is not set", "provide the key");
}

#[test]
fn a_proxy_that_cannot_be_had_is_not_blamed_on_the_key() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).with("CCFD__COLLECTOR__ACME_CHAT__PROXY__ENV", "THE_PROXY");
    fails(
        &place,
        "proxy acme-chat",
        "`proxy`: environment variable THE_PROXY is not set",
        "at the place that `proxy` names",
    );
    let ended = place.run_to(3, &["run", "--once"]);
    assert!(ended.stderr.contains("THE_PROXY is not set"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("api_key"), "{}", ended.stderr);
    let place = place.with("THE_PROXY", "nowhere");
    fails(&place, "proxy acme-chat", "THE_PROXY contains no proxy URL", "at the place that `proxy` names");
}

#[test]
fn a_missing_ca_file_is_not_blamed_on_the_key() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).with("CCFD__COLLECTOR__ACME_CHAT__CA_FILE", "/none.pem");
    fails(&place, "connection acme-chat", "ca_file /none.pem: No such file", "correct the setting");
}

#[test]
fn a_secret_of_a_sink_that_cannot_be_had_is_named_by_its_setting() {
    let api = Simulated::start(&SOME);
    let sink = "\n[sink.es]\ntype = \"elasticsearch\"\nurls = [\"https://127.0.0.1:1\"]\n";
    for (keys, setting) in [
        ("auth = { api_key = { env = \"MISSING\" } }", "auth"),
        ("auth = { basic = { user = \"u\", password = { env = \"MISSING\" } } }", "auth"),
        ("proxy = { env = \"MISSING\" }", "proxy"),
    ] {
        let place = Place::new(&api.base_url);
        let text = std::fs::read_to_string(place.path("ccfd.toml")).unwrap();
        place.write("ccfd.toml", &text.replace("[\"local\"]", "[\"local\", \"es\"]"));
        let text = std::fs::read_to_string(place.path("ccfd.toml")).unwrap();
        place.write("ccfd.toml", &format!("{text}{sink}{keys}\n"));
        let said = format!("`{setting}`: environment variable MISSING is not set");
        fails(&place, "sink es", &said, "provide the secret");
    }
}

#[test]
fn a_key_that_the_api_refuses_is_reported() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).with("OPENAI_API_KEY", "not-of-openai");
    fails(&place, "upstream acme-chat", "the API key is not valid", "provide a new one");
}

#[test]
fn an_api_that_cannot_be_reached_is_reported() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    drop(api);
    fails(&place, "upstream acme-audit", "no response", "check network");
}

#[test]
fn a_sink_that_is_a_directory_is_reported() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    std::fs::create_dir(place.path("tables.db")).unwrap();
    fails(&place, "sink local", "tables.db", "check the sink's path");
}

#[test]
fn a_state_directory_that_is_a_file_is_reported() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.write("state", "");
    fails(&place, "state", "state", "permissions of the state directory");
}

#[test]
fn a_living_daemon_is_no_failure() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    let _daemon = place.start(&["run"]);
    wait_until("every record", || place.rows() == (30, 20));
    let text = place.run_to(0, &["check"]).stdout;
    assert!(text.contains("in use by `ccfd run` (process "), "{text}");
}

#[test]
fn rejects_that_wait_for_a_person_are_a_warning() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    std::fs::create_dir_all(place.path("state/rejects")).unwrap();
    place.write("state/rejects/acme-audit+local.ndjson", "{}\n");
    let text = place.run_to(0, &["check"]).stdout;
    assert!(text.contains("warn  rejects"), "{text}");
}

#[test]
fn a_wrong_configuration_is_a_finding_of_its_own() {
    let place = Place::bare();
    place.write("ccfd.toml", "[collector.a]\nsource = \"nothing\"\n");
    let ended = place.run_to(2, &["check", "--json"]);
    let findings: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(findings[0]["what"], "configuration");
}
