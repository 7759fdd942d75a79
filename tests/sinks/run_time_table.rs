//! A table that came at run time, which no part of the program names: its rows reach every kind of sink.

use std::{fs, path::Path};

use ccfd::{
    config::{Config, ConfigFile, Environment, SinkSettings},
    deploy::{elastic, sentinel},
    sinks::{Sink, elasticsearch::ElasticsearchSink, ndjson::NdjsonSink, sqlite::SqliteSink},
    tables::Tables,
};
use collectors::Clock;
use serde_json::{Value, json};

use crate::support::{
    fake_elastic::Elastic,
    vendor_table::{NOW, alerts, tables},
};

/// A configuration with these tables, and this sink.
fn config(dir: &Path, sink: &str) -> Config {
    let path = dir.join("ccfd.toml");
    let text = format!(
        "[collector.acme]\nsource = \"audit_logs\"\napi_key = {{ env = \"A\" }}\nsinks = [\"own\"]\n[sink.own]\n{sink}\n"
    );
    fs::write(&path, text).unwrap();
    Config::load_with(Some(&ConfigFile::named(path)), &Environment::default(), &[], &tables()).unwrap()
}

fn clock() -> Clock {
    Clock::from_fn(|| NOW)
}

#[tokio::test]
async fn its_rows_are_in_sqlite_once_however_often_they_come() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tables.db");
    let config = config(dir.path(), &format!("type = \"sqlite\"\npath = {path:?}"));
    let SinkSettings::Sqlite(settings) = config.sinks["own"].clone() else { panic!("another type") };
    let sink = SqliteSink::new(settings, clock());
    let found = sink.check(&config.tables_of("own")).await.unwrap();
    assert!(found.text.ends_with("VendorAlerts_CL empty"), "{found}");
    for already_there in [0, 2] {
        let receipt = sink.write(alerts(&config.tables, &["a", "b"])).await.unwrap();
        assert_eq!(receipt.already_there, already_there);
    }
    sink.close().await.unwrap();
    let rows = rows(&path, "SELECT TimeGenerated, Id, Severity FROM VendorAlerts_CL ORDER BY Id");
    assert_eq!(rows, ["2026-02-13T10:52:05Z a high", "2026-02-13T10:52:05Z b high"]);
}

/// Rows as a reader beside the daemon sees them.
fn rows(path: &Path, sql: &str) -> Vec<String> {
    let database = rusqlite::Connection::open(path).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let cell = |place| row.get::<_, String>(place);
        Ok([cell(0)?, cell(1)?, cell(2)?].join(" "))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn its_lines_of_json_have_its_columns_and_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let lines = dir.path().join("lines");
    let config = config(dir.path(), &format!("type = \"ndjson\"\ndir = {lines:?}\nshape = \"table\""));
    let SinkSettings::Ndjson(settings) = config.sinks["own"].clone() else { panic!("another type") };
    // What a crash has left: the newest file is known by its name, and the line is cut off.
    fs::create_dir(&lines).unwrap();
    fs::write(lines.join("VendorAlerts_CL-2026-02-13.1.ndjson"), "{\"TimeGen").unwrap();
    NdjsonSink::new(settings, clock()).write(alerts(&config.tables, &["a", "b"])).await.unwrap();
    let text = fs::read_to_string(lines.join("VendorAlerts_CL-2026-02-13.1.ndjson")).unwrap();
    let row = |id| {
        format!("{{\"TimeGenerated\":\"2026-02-13T10:52:05Z\",\"Id\":\"{id}\",\"Severity\":\"high\"}}\n")
    };
    assert_eq!(text, ["a", "b"].map(row).concat());
}

#[tokio::test]
async fn its_documents_are_in_the_index_that_the_settings_name_for_it_and_else_in_its_own() {
    let elastic = Elastic::plain();
    for (keys, index) in [("", "vendor-alerts"), ("index = { vendor_alerts = \"alerts\" }", "alerts")] {
        let dir = tempfile::tempdir().unwrap();
        let url = elastic.server.url();
        let config = config(dir.path(), &format!("type = \"elasticsearch\"\nurls = [\"{url}\"]\n{keys}"));
        let SinkSettings::Elasticsearch(settings) = config.sinks["own"].clone() else {
            panic!("another type")
        };
        let sink = ElasticsearchSink::new(settings, Environment::default(), clock());
        assert_eq!(sink.write(alerts(&config.tables, &["a"])).await.unwrap().accepted, 1);
        let document = json!({
            "TimeGenerated": "2026-02-13T10:52:05Z", "Id": "a", "Severity": "high",
            "@timestamp": "2026-02-13T10:52:05Z",
        });
        assert_eq!(elastic.documents(index)["a"], document);
    }
}

#[test]
fn what_its_destinations_need_is_rendered_with_that_of_the_others() {
    let (tables, retention) = (tables(), elastic::Retention::default());
    let built_in = Tables::built_in();
    for (files, fewer) in [
        (elastic::files(&tables, retention), elastic::files(&built_in, retention)),
        (sentinel::files(&tables), sentinel::files(&built_in)),
    ] {
        let new = |path: &str| !fewer.iter().any(|file| file.path == path);
        let own: Vec<&str> = files.iter().map(|file| &*file.path).filter(|path| new(path)).collect();
        assert!(
            own.iter().all(|path| path.contains("vendor-alerts") || path.contains("VendorAlerts")),
            "{own:?}"
        );
        assert!(own.len() >= 2, "{own:?}");
    }
    let path = "table/azuredeploy.json";
    let file = sentinel::files(&tables).into_iter().find(|file| file.path == path).unwrap();
    let template: Value = serde_json::from_str(&file.content).unwrap();
    let resources = template["resources"].as_array().unwrap();
    let rule = resources.iter().find(|one| one["properties"]["dataFlows"].is_array()).unwrap();
    assert_eq!(
        rule["properties"]["streamDeclarations"]["Custom-VendorAlerts_CL"]["columns"],
        json!([
            { "name": "seen", "type": "long" },
            { "name": "id", "type": "string" },
            { "name": "rule", "type": "dynamic" },
        ])
    );
    let flow = rule["properties"]["dataFlows"].as_array().unwrap().last().unwrap();
    assert!(flow["transformKql"].as_str().unwrap().ends_with("Severity = tostring(rule.severity)"));
}
