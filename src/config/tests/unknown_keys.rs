use super::*;

const SQLITE_KEYS: &str = "; known keys: free_min, path, retention, retry, size_max, type";
const NDJSON_DEFAULTS: &str =
    "; known keys: alerts_shape, dir, file_size_max, free_min, retention, retry, shape, size_max";
const SECTIONS: &str = "; known keys: admin, cases, collector, connector, connectors, default, detect, health_table, log, pipeline, sink, state, telemetry, verify";

#[test]
fn an_unknown_key_is_named_with_its_path_its_file_and_the_nearest_valid_key() {
    let cases = [
        (
            with_keys("pol_interval = \"60s\""),
            "unknown key `collector.acme-audit.pol_interval` in ccfd.toml; did you mean `poll_interval`?"
                .to_owned(),
        ),
        (
            MINIMAL.replace("path =", "dri = \"x\"\npath ="),
            format!("unknown key `sink.local.dri` in ccfd.toml{SQLITE_KEYS}"),
        ),
        (
            format!("{MINIMAL}[pipeline]\nbatchwait = \"1s\""),
            "unknown key `pipeline.batchwait` in ccfd.toml; did you mean `batch_wait`?".to_owned(),
        ),
        (format!("{MINIMAL}[logs]"), "unknown key `logs` in ccfd.toml; did you mean `log`?".to_owned()),
        (
            format!("{MINIMAL}[default.collectors]"),
            "unknown key `default.collectors` in ccfd.toml; did you mean `collector`?".to_owned(),
        ),
        (
            format!("{MINIMAL}[default.sink.sqlit]"),
            "unknown key `default.sink.sqlit` in ccfd.toml; did you mean `sqlite`?".to_owned(),
        ),
        (
            format!("{MINIMAL}[default.sink.ndjson]\nshap = \"table\""),
            format!(
                "unknown key `default.sink.ndjson.shap` in ccfd.toml; did you mean `shape`?{NDJSON_DEFAULTS}"
            ),
        ),
        (
            format!("{MINIMAL}\"odd[9999999999].key\" = 1"),
            format!("unknown key `sink.local.\"odd[9999999999].key\"` in ccfd.toml{SQLITE_KEYS}"),
        ),
        (
            format!("\"odd[9999999999].key\" = 1\n{MINIMAL}"),
            format!("unknown key `\"odd[9999999999].key\"` in ccfd.toml{SECTIONS}"),
        ),
    ];
    for (text, line) in cases {
        assert_eq!(problems(&text), [line]);
    }
}

#[test]
fn every_problem_is_reported_at_once_each_on_its_line() {
    let text = r#"
[state]
dir = 5
[collector.one]
source = "audit_log"
poll_interval = "0s"
overlap = true
sinks = "local"
[collector.two]
[sink.local]
type = "sqlit"
"#;
    let error = load(text).unwrap_err().to_string();
    let types = sink_types();
    let lines: Vec<_> = error.lines().map(|line| without_directory(line).replace(&types, "a type")).collect();
    assert_eq!(
        lines,
        [
            "`state.dir` in ccfd.toml: expected a path, found the number 5",
            "`sink.local.type` in ccfd.toml: expected a type, found \"sqlit\"",
            "`collector.one.source` in ccfd.toml: expected \"audit_logs\" or \"chat_completions\", found \"audit_log\"",
            "`collector.one.api_key` is missing (the section is in ccfd.toml); give the place of the key, never the key itself: \
             { env = \"NAME\" }, { file = \"/path\" }, { credential = \"name\" } or { stored = \"name\" }",
            "`collector.one.sinks` in ccfd.toml: expected a list of non-empty texts, found \"local\"",
            "`collector.one.poll_interval` in ccfd.toml: expected a duration with its unit, 50ms to 1day, found \"0s\"",
            "`collector.one.overlap` in ccfd.toml: expected a duration with its unit, 0s to 30days, found true",
            "`collector.two.source` is missing (the section is in ccfd.toml); expected \"audit_logs\" or \
             \"chat_completions\"",
            "`collector.two.api_key` is missing (the section is in ccfd.toml); give the place of the key, never the key itself: \
             { env = \"NAME\" }, { file = \"/path\" }, { credential = \"name\" } or { stored = \"name\" }",
            "`collector.two.sinks` is missing (the section is in ccfd.toml); expected a list of non-empty texts",
        ]
    );
}

#[test]
fn a_fault_in_the_defaults_is_reported_once_and_where_it_is() {
    let text = format!(
        "[default.collector]\ntimeout = \"0s\"\n{MINIMAL}{}",
        MINIMAL.replace("acme-audit", "b").split("[sink").next().unwrap()
    );
    assert_eq!(
        problems(&text),
        [
            "`default.collector.timeout` in ccfd.toml: expected a duration with its unit, 100ms to 1h, found \"0s\""
        ]
    );
}

#[test]
fn something_else_in_place_of_a_section_is_refused() {
    assert_eq!(
        problems(&format!("state = 1\n{MINIMAL}")),
        ["`state` in ccfd.toml: expected a table, found the number 1"]
    );
    assert_eq!(
        problems("collector = 1\nsink = [1]\n"),
        [
            "no collector is configured: add a section [collector.NAME]",
            "`sink` in ccfd.toml: expected a table, found a list",
            "`collector` in ccfd.toml: expected a table, found the number 1",
        ]
    );
}
