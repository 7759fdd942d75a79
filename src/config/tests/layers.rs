use std::{path::Path, time::Duration};

use super::{
    super::{NdjsonDir, SecretSource, SinkSettings, Start},
    *,
};
use crate::reasons::with_reasons;

/// The example of the documentation, word for word.
const EXAMPLE: &str = r#"
[state]
dir = "./ccfd-data"

[collector.acme-audit]                   # the name becomes ConnectorName
source = "audit_logs"                    # or "chat_completions"
api_key = { env = "OPENAI_ADMIN_KEY" }   # or { file = "/run/secrets/…" }, or { credential = "openai-admin" } for systemd
base_url = "https://api.openai.com/v1"   # http only to loopback
poll_interval = "60s"
sweep_interval = "5m"
overlap = "30m"
start = "7d"                             # first run: a look-back, "beginning", or an RFC 3339 time
rate_limit_qps = 5
sinks = ["local"]

[sink.local]
type = "sqlite"
path = "./ccfd-data/tables.db"
"#;

#[test]
fn the_documented_example_loads_and_says_nothing_but_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let example = load_in(&directory, EXAMPLE.as_bytes()).unwrap();
    let minimal = MINIMAL.replace("tables.db", "./ccfd-data/tables.db");
    assert_eq!(example, load_in(&directory, minimal.as_bytes()).unwrap());
    let collector = &example.collectors["acme-audit"];
    assert_eq!(
        (collector.source.name(), collector.source.filters.word("tenant_walk")),
        ("audit_logs", "auto")
    );
    assert_eq!(collector.start, Start::LookBack(Duration::from_secs(7 * 24 * 60 * 60)));
    assert_eq!(collector.base_url.as_str(), "https://api.openai.com/v1");
    assert_eq!((collector.dedup_ids_max, collector.body_max), (1_000_000, 64 << 20));
    assert_eq!(example.pipeline.bytes_in_flight, 16 << 20);
}

#[test]
fn each_layer_lies_over_the_one_before() {
    let text = format!("[state]\nlock_wait = \"1s\"\n{MINIMAL}");
    let variable = ("CCFD__STATE__LOCK_WAIT", "2s");
    let lock_wait = |config: Config| config.state.lock_wait.as_secs();
    assert_eq!(lock_wait(load(MINIMAL).unwrap()), 10);
    assert_eq!(lock_wait(load(&text).unwrap()), 1);
    assert_eq!(lock_wait(load_with(&text, &[variable], &[]).unwrap()), 2);
    assert_eq!(lock_wait(load_with(&text, &[variable], &[("state.lock_wait", "3s")]).unwrap()), 3);
}

#[test]
fn a_default_of_the_file_holds_for_every_collector_that_does_not_say_otherwise() {
    let text = format!(
        "[default.collector]\npoll_interval = \"10s\"\nproject_ids = [\"proj_1\"]\n{MINIMAL}\
         [collector.chats]\nsource = \"chat_completions\"\napi_key = {{ file = \"/k\" }}\nsinks = [\"local\"]\n\
         poll_interval = \"20s\"\n"
    );
    let config = load(&text).unwrap();
    assert_eq!(config.collectors["acme-audit"].poll_interval.as_secs(), 10);
    assert_eq!(config.collectors["chats"].poll_interval.as_secs(), 20);
    assert_eq!(config.collectors["acme-audit"].source.filters.texts("project_ids"), ["proj_1"]);
}

#[test]
fn a_secret_of_a_later_layer_replaces_the_earlier_one_whole() {
    for variable in [
        ("CCFD__COLLECTOR__ACME_AUDIT__API_KEY", "{ file = \"/etc/key\" }"),
        ("CCFD__COLLECTOR__ACME_AUDIT__API_KEY__FILE", "/etc/key"),
    ] {
        let config = load_with(MINIMAL, &[variable], &[]).unwrap();
        assert_eq!(config.collectors["acme-audit"].api_key, SecretSource::File("/etc/key".into()));
    }
}

#[test]
fn without_a_file_each_openai_key_gives_a_collector_into_sqlite() {
    let load = |variables: &[(&str, &str)]| Config::load(None, &environment(variables), &[]).unwrap();
    let names = |config: Config| config.collectors.into_keys().collect::<Vec<_>>();
    assert_eq!(names(load(&[("OPENAI_ADMIN_KEY", "k")])), ["audit-logs"]);
    assert_eq!(names(load(&[("OPENAI_API_KEY", "k"), ("OPENAI_ADMIN_KEY", "")])), ["chat-completions"]);

    let config = load(&[
        ("OPENAI_ADMIN_KEY", "k"),
        ("OPENAI_API_KEY", "k"),
        ("CCFD__COLLECTOR__AUDIT_LOGS__POLL_INTERVAL", "5s"),
    ]);
    let collector = &config.collectors["audit-logs"];
    assert_eq!(collector.poll_interval.as_secs(), 5);
    assert_eq!(collector.api_key, SecretSource::Env("OPENAI_ADMIN_KEY".into()));
    assert_eq!(config.collectors["chat-completions"].source.name(), "chat_completions");
    assert!(matches!(&config.sinks["local"],
        SinkSettings::Sqlite(sqlite) if sqlite.path == Path::new("./ccfd-data/tables.db")));
}

#[test]
fn without_a_file_and_without_a_key_two_lines_say_what_to_do() {
    let error = Config::load(None, &Environment::default(), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no configuration file, and neither OPENAI_ADMIN_KEY nor OPENAI_API_KEY is set: nothing to collect\n\
         set one of the two, or write ./ccfd.toml (see README), or try it without an account: ccfd demo"
    );
}

#[test]
fn a_file_without_a_collector_is_an_error() {
    assert_eq!(problems(""), ["no collector is configured: add a section [collector.NAME]"]);
}

#[test]
fn a_fault_in_the_toml_names_its_place_and_shows_nothing_of_the_line() {
    let error = load("[state]\n  dir = \"x\nkey = \"sk-admin-1234\n").unwrap_err().to_string();
    assert_eq!(without_directory(&error), "ccfd.toml:2:11: invalid basic string, expected `\"`");
    let error = load("api_key = sk-admin-1234").unwrap_err().to_string();
    assert!(!error.contains("sk-admin"), "{error}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_settings_and_another_encoding_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let written =
        |bytes: &[u8]| load_in(&directory, bytes).map_err(|error| without_directory(&error.to_string()));
    assert_eq!(written(format!("\u{feff}{MINIMAL}").as_bytes()), written(MINIMAL.as_bytes()));
    let utf_16 = "ccfd.toml: not UTF-8 but UTF-16, as PowerShell and some editors write it; save it as UTF-8";
    for (mark, unit) in [(0xfeff_u16, u16::to_le_bytes as fn(u16) -> [u8; 2]), (0xfeff, u16::to_be_bytes)] {
        let units = [mark].into_iter().chain(MINIMAL.encode_utf16());
        assert_eq!(written(&units.flat_map(unit).collect::<Vec<_>>()).unwrap_err(), utf_16);
    }
    let units = MINIMAL.encode_utf16().flat_map(u16::to_le_bytes);
    assert_eq!(written(&units.collect::<Vec<_>>()).unwrap_err(), utf_16);
    assert_eq!(written(b"[state] # caf\xe9\n").unwrap_err(), "ccfd.toml: not UTF-8; save it as UTF-8");
}

#[test]
fn an_unreadable_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = Config::load(Some(directory.path()), &Environment::default(), &[]).unwrap_err();
    assert!(error.to_string().starts_with(&directory.path().display().to_string()), "{error}");
    let (_directory, path) = file(&"#".repeat(1024 * 1024 + 1));
    let error = with_reasons(&Config::load(Some(&path), &Environment::default(), &[]).unwrap_err());
    assert!(error.ends_with("ccfd.toml: larger than 1 MiB: not a configuration file"), "{error}");
}

#[test]
fn standard_output_is_a_place_of_its_own() {
    let text = MINIMAL.replace("\"sqlite\"\npath = \"tables.db\"", "\"ndjson\"\ndir = \"-\"");
    let config = load(&text).unwrap();
    assert!(
        matches!(&config.sinks["local"], SinkSettings::Ndjson(ndjson) if ndjson.dir == NdjsonDir::Stdout)
    );
}
