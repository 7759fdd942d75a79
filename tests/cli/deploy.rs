use std::fs;

use crate::support::process::Place;

const FILE: &str = "out/table/main.bicep";
const RENDER: [&str; 5] = ["deploy", "render", "sentinel", "--dir", "out"];

#[test]
fn each_file_that_is_written_is_named() {
    let place = Place::bare();
    let said = place.run_to(0, &RENDER).stdout;
    assert!(said.lines().any(|line| line.starts_with("written") && line.ends_with(FILE)), "{said}");
    assert!(said.lines().count() >= 8 && place.path(FILE).exists());
}

#[test]
fn what_was_written_is_followed_by_what_to_do_with_it() {
    let place = Place::bare();
    let next = place.run_to(0, &RENDER).stderr;
    assert!(next.starts_with("next: az deployment group create") && next.contains(FILE), "{next}");
    let next = place.run_to(0, &["deploy", "render", "elastic"]).stderr;
    assert!(next.starts_with("next: ") && next.contains("ccfd check --install"), "{next}");
}

#[test]
fn only_commands_that_read_a_configuration_take_one() {
    let place = Place::bare();
    for words in [&RENDER[..], &["simulate"], &["demo"]] {
        let after = place.run_to(2, &[words, &["--config", "ccfd.toml"]].concat());
        assert!(after.stderr.contains("--config"), "{words:?}: {}", after.stderr);
        let before = place.run_to(2, &[&["--config", "ccfd.toml"], words].concat());
        assert!(before.stderr.contains("reads no configuration"), "{words:?}: {}", before.stderr);
    }
    assert!(!place.path("out").exists());
    for words in
        [["--config", "missing.toml", "rejects", "list"], ["rejects", "list", "--config", "missing.toml"]]
    {
        assert!(place.run_to(2, &words).stderr.contains("missing.toml"));
    }
}

#[test]
fn files_are_below_deploy_by_default() {
    let place = Place::bare();
    place.run_to(0, &["deploy", "render", "elastic"]);
    let template = "deploy/elastic/opensearch/index/_index_template/ccfd-openai-audit-logs.json";
    assert!(place.path(template).exists());
}

#[test]
fn a_file_that_was_changed_is_kept_and_nothing_is_written_beside_it() {
    let place = Place::bare();
    place.run_to(0, &RENDER);
    place.write(FILE, "mine");
    fs::remove_file(place.path("out/asim/main.bicep")).unwrap();
    let ended = place.run_to(2, &RENDER);
    assert!(ended.stderr.contains(FILE) && ended.stderr.contains("--force"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(place.path(FILE)).unwrap(), "mine");
    assert!(!place.path("out/asim/main.bicep").exists());
}

#[test]
fn force_overwrites_and_says_which() {
    let place = Place::bare();
    place.run_to(0, &RENDER);
    place.write(FILE, "mine");
    let said = place.run_to(0, &[&RENDER[..], &["--force"]].concat()).stdout;
    let overwritten: Vec<&str> = said.lines().filter(|line| line.starts_with("overwritten")).collect();
    assert!(overwritten.len() == 1 && overwritten[0].ends_with(FILE), "{said}");
    assert_ne!(fs::read_to_string(place.path(FILE)).unwrap(), "mine");
}

#[test]
fn how_long_documents_are_kept_can_be_said() {
    let place = Place::bare();
    let policy = "out/elasticsearch/data-stream-ilm/_ilm/policy/ccfd-openai.json";
    let elastic = ["deploy", "render", "elastic", "--dir", "out", "--force", "--retention"];
    for (age, delete) in [("90d", Some("\"90d\"")), ("2years", Some("\"730d\"")), ("forever", None)] {
        place.run_to(0, &[&elastic[..], &[age]].concat());
        let text = fs::read_to_string(place.path(policy)).unwrap();
        assert_eq!(text.contains("delete"), delete.is_some(), "{text}");
        assert!(delete.is_none_or(|age| text.contains(age)), "{text}");
    }
    for wrong in ["12h", "soon", "200y"] {
        place.run_to(2, &[&elastic[..], &[wrong]].concat());
    }
    let ended = place.run_to(2, &[&RENDER[..], &["--retention", "90d"]].concat());
    assert!(ended.stderr.contains("retentionInDays"), "{}", ended.stderr);
}
