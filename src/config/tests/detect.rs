use std::path::Path;

use super::{
    super::{DetectSettings, RulesPlace, SinkSettings},
    *,
};

/// The minimal file with a sink of this type that has these keys.
fn with_sink(keys: &str) -> String {
    let sqlite = "type = \"sqlite\"\npath = \"tables.db\"";
    MINIMAL.replace(sqlite, &format!("type = \"detect\"\n{keys}"))
}

fn settings(text: &str) -> DetectSettings {
    match load(text).unwrap().sinks["local"].clone() {
        SinkSettings::Detect(settings) => settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_type_is_enough_and_the_database_is_in_the_state_directory() {
    let found = settings(&with_sink(""));
    assert_eq!(found.rules, [RulesPlace::Builtin]);
    assert!(found.placeholders.is_empty());
    assert_eq!((found.size_max, found.alerts_per_hour_max), (1 << 30, 100));
    let found = settings(&format!("{}\n[state]\ndir = \"/var/lib/other\"", with_sink("")));
    assert_eq!(found.database, Path::new("/var/lib/other/detect.db"));
}

#[test]
fn a_sink_that_judges_knows_the_routes_that_deliver_its_alerts() {
    let other = "\n[sink.other]\ntype = \"sqlite\"\npath = \"other.db\"\n[detect]\nalerts = [\"other\"]";
    let found = settings(&format!("{}{other}", with_sink("")));
    let [(route, destination)] = &*found.alert_routes else { panic!("{:?}", found.alert_routes) };
    assert_eq!(*route, crate::pipeline::names::route_name("alerts", "other"));
    assert!(destination.starts_with("sqlite /") && destination.ends_with("other.db"), "{destination}");
}

#[test]
fn directories_of_rules_begin_at_the_file_and_placeholders_have_lists() {
    let found = settings(&with_sink(
        "rules = [\"builtin\", \"rules\", \"/etc/rules\"]\nplaceholders = { OwnDomains = [\"a.example\", \"b.example\"] }",
    ));
    let directories: Vec<&Path> = found.directories().collect();
    assert!(directories[0].is_absolute() && directories[0].ends_with("rules"), "{directories:?}");
    assert_eq!(directories[1], Path::new("/etc/rules"));
    assert_eq!(found.rules[0], RulesPlace::Builtin);
    assert_eq!(found.placeholders["OwnDomains"], ["a.example", "b.example"]);
}

#[test]
fn rules_named_twice_or_not_at_all_and_placeholders_without_lists_are_refused() {
    let form = "expected a list of directories and \"builtin\", each once, found a list";
    for rules in ["[]", "[\"builtin\", \"builtin\"]", "[\"\"]"] {
        let problems = problems(&with_sink(&format!("rules = {rules}")));
        assert_eq!(problems, [format!("`sink.local.rules` in ccfd.toml: {form}")]);
    }
    assert_eq!(
        problems(&with_sink("placeholders = { OwnDomains = \"a.example\" }")),
        [
            "`sink.local.placeholders` in ccfd.toml: expected a table of lists of texts, 1000 in each at most, found a \
             table"
        ]
    );
}

#[test]
fn two_sinks_that_raise_alerts_are_refused() {
    let text = format!("{}\n[sink.other]\ntype = \"detect\"", with_sink(""));
    let problems = problems(&text);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("`sink.other` and `sink.local` both write to "), "{problems:?}");
}
