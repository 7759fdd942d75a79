use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        ConfigFile, DEFAULTS, layers,
        report::ConfigReport,
        sink,
        tree::{sorted, table_at},
    },
    *,
};
use crate::tables::Tables;

/// default.toml with its example lines as keys.
fn with_examples() -> String {
    let is_example = |line: &str| {
        let key = line.strip_prefix("# ").and_then(|line| line.split_once(" = ")).map(|(key, _)| key);
        key.is_some_and(|key| !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    DEFAULTS
        .lines()
        .map(|line| if is_example(line) { &line[2..] } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_key_of_the_manual_is_known_and_its_examples_are_valid() {
    // A sink of type elasticsearch would have both of two examples that exclude each other.
    let manual = with_examples().replace("index_sink = \"es\"", "");
    let text = format!("{manual}\n{MINIMAL}\n[sink.rules]\ntype = \"detect\"\n");
    load(&text).unwrap();
}

#[test]
fn every_key_that_is_read_is_in_the_manual() {
    let text = with_examples();
    let (_directory, path) = file(&text);
    let mut report = ConfigReport::default();
    let root =
        layers::merge(Some(&ConfigFile::named(path)), &Environment::default(), &[], &mut report).unwrap();
    Config::read(&root, &Tables::built_in(), &mut report);
    // The manual has no sink of its own for the example to name.
    assert_eq!(
        report.problems,
        [
            ("health_table.sink", "local"),
            ("connectors.index_sink", "es"),
            ("connectors.runs", "local"),
            ("detect.alerts", "local"),
        ]
            .map(|(key, sink)| format!("`{key}` names `{sink}`, but there is no [sink.{sink}]"))
            .into_iter()
            .chain(["alerts", "action"].map(|key| {
                format!(
                    "`detect.{key}` is set, but there is no sink of type detect to raise alerts: add one, and name it in \
                     `sinks` of the collectors whose records it is to judge"
                )
            }))
            .collect::<Vec<_>>()
    );

    let written: BTreeMap<String, BTreeSet<String>> = report
        .keys
        .keys()
        .map(|path| {
            let keys: Vec<&str> = path.split('.').collect();
            (
                path.clone(),
                table_at(&root, &keys).into_iter().flat_map(sorted).map(|(key, _)| key.to_owned()).collect(),
            )
        })
        .collect();
    assert_eq!(written, report.keys);
    let sections = [
        "admin",
        "cases",
        "connectors",
        "default.collector",
        "default.sink.elasticsearch.index",
        "default.sink.kibana_index.connectors",
        "default.sink.kibana_index.index",
        "default.sink.logs_ingestion.auth",
        "default.sink.logs_ingestion.streams",
        "detect",
        "health_table",
        "log",
        "pipeline",
        "state",
        "telemetry",
        "verify",
    ];
    let of_types = sink::TYPES
        .iter()
        .flat_map(|(name, _)| [format!("default.sink.{name}"), format!("default.sink.{name}.retry")]);
    let sections: BTreeSet<String> = sections.into_iter().map(str::to_owned).chain(of_types).collect();
    assert_eq!(written.into_keys().collect::<BTreeSet<_>>(), sections);
}

#[test]
fn every_key_of_the_manual_is_explained_above_it() {
    let mut explained = false;
    for line in with_examples().lines() {
        match line.chars().next() {
            Some('#') => explained = true,
            Some('[') | None => explained = false,
            Some(_) => assert!(explained, "{line}"),
        }
    }
}
