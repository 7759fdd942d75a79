//! `ccfd init` writes files that work, and never a broken one.

use std::fs;

use crate::support::process::{Place, Simulated};

#[test]
fn a_file_written_without_questions_collects_both_lists() {
    let place = Place::bare();
    place.run_to(0, &["init", "--yes", "--start", "all"]);
    let api = Simulated::start(&["--audit-logs", "30", "--completions", "20"]);
    let place = place
        .with("OPENAI_ADMIN_KEY", "sk-admin-1")
        .with("OPENAI_API_KEY", "sk-proj-1")
        .with("CCFD__DEFAULT__COLLECTOR__BASE_URL", &api.base_url);
    place.run_to(0, &["run", "--once"]);
    let count = "SELECT (SELECT count(*) FROM OpenAIAuditLogs_CL) + (SELECT count(*) FROM OpenAIChatCompletions_CL) AS n";
    let rows = place.run_to(0, &["query", "--csv", count]).stdout;
    assert!(rows.contains("50"), "{rows}");
}

#[test]
fn every_type_of_sink_can_be_chosen_by_flags() {
    for (sink, settings) in [
        ("sqlite", &[][..]),
        ("ndjson", &["dir=-"]),
        (
            "elasticsearch",
            &["urls=https://a.example.com,https://b.example.com", "auth.api_key=file:/etc/es-key"],
        ),
        ("kibana_index", &["url=https://kibana.example.com"]),
        (
            "logs_ingestion",
            &[
                "endpoint=https://a.ingest.monitor.azure.com",
                "dcr_immutable_id=dcr-0123456789abcdef0123456789abcdef",
            ],
        ),
    ] {
        let place = Place::bare();
        let mut arguments = vec!["init", "--yes", "--sink", sink];
        arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        place.run_to(0, &arguments);
        let shown = place.run_to(0, &["config", "show", "--changed"]).stdout;
        assert!(shown.contains(&format!("type = \"{sink}\"")), "{shown}");
    }
}

#[test]
fn a_wrong_answer_writes_no_file_and_says_which() {
    let place = Place::bare();
    let ended = place.run_to(2, &["init", "--yes", "--start", "yesterday"]);
    assert!(
        ended.stderr.contains("nothing was written") && ended.stderr.contains("start"),
        "{}",
        ended.stderr
    );
    let ended = place.run_to(2, &["init", "--yes", "--sink", "elasticsearch"]);
    assert!(ended.stderr.contains("--set urls=…"), "{}", ended.stderr);
    assert!(!place.path("ccfd.toml").exists());
}

#[test]
fn a_key_given_in_place_of_its_place_is_neither_written_nor_shown() {
    let place = Place::bare();
    let ended = place.run_to(2, &["init", "--yes", "--admin-key", "sk-admin-verysecret"]);
    assert!(!ended.stderr.contains("verysecret") && !place.path("ccfd.toml").exists(), "{}", ended.stderr);
}

#[test]
fn an_existing_file_is_kept_unless_force_is_given() {
    let place = Place::bare();
    place.write("ccfd.toml", "mine");
    let ended = place.run_to(2, &["init", "--yes"]);
    assert!(ended.stderr.contains("--force"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(place.path("ccfd.toml")).unwrap(), "mine");
    place.run_to(0, &["init", "--yes", "--force"]);
    assert_ne!(fs::read_to_string(place.path("ccfd.toml")).unwrap(), "mine");
}

#[test]
fn a_service_gets_a_unit_with_this_program_and_this_file() {
    let place = Place::bare();
    let ended = place.run_to(0, &["init", "--yes", "--service"]);
    let unit = fs::read_to_string(place.path("ccfd.service")).unwrap();
    let file = fs::canonicalize(place.path("ccfd.toml")).unwrap();
    let command = format!(" --config {} run", file.display());
    assert!(unit.lines().any(|line| line.starts_with("ExecStart=/") && line.ends_with(&command)), "{unit}");
    let config = fs::read_to_string(file).unwrap();
    assert!(
        config.contains(r#"{ credential = "key_openai-admin" }"#)
            && config.contains("/var/lib/ccfd/tables.db")
    );
    assert!(ended.stderr.contains("systemctl"), "{}", ended.stderr);
}
