//! What a user writes, and what comes of it: settings, or the lines that say why not.

mod action;
mod addresses;
mod alerts;
mod cases;
mod cross_checks;
mod detect;
mod elasticsearch;
mod environment;
mod find;
mod health_table;
mod kibana_index;
mod layers;
mod located;
mod logs_ingestion;
mod manual;
mod messages;
mod readable;
mod redact;
mod retry;
mod secret;
mod secret_layers;
mod table_names;
mod unknown_keys;
mod values;

use std::path::PathBuf;

use super::{Config, ConfigError, Environment};

/// One collector of audit logs into one SQLite sink, with only the required keys.
const MINIMAL: &str = r#"
[collector.acme-audit]
source = "audit_logs"
api_key = { env = "OPENAI_ADMIN_KEY" }
sinks = ["local"]

[sink.local]
type = "sqlite"
path = "tables.db"
"#;

/// A directory with a `ccfd.toml` of this text, and the file's path.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ccfd.toml");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

/// Loads a text as the `ccfd.toml` of a directory, where its relative paths begin.
fn load_in(directory: &tempfile::TempDir, text: &[u8]) -> Result<Config, ConfigError> {
    let path = directory.path().join("ccfd.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), &Environment::default(), &[])
}

fn load_with(text: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let (_directory, path) = file(text);
    let flags: Vec<_> = flags.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    Config::load(Some(&path), &variables.iter().copied().collect(), &flags)
}

fn load(text: &str) -> Result<Config, ConfigError> {
    load_with(text, &[], &[])
}

/// The minimal file with more keys of its collector.
fn with_keys(keys: &str) -> String {
    MINIMAL.replace("[collector.acme-audit]", &format!("[collector.acme-audit]\n{keys}"))
}

/// The problems of a file, without the directory in which the test put it.
fn problems_with(text: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Vec<String> {
    match load_with(text, variables, flags).unwrap_err() {
        ConfigError::Invalid(problems) => problems.iter().map(|problem| without_directory(problem)).collect(),
        error => panic!("{error}"),
    }
}

/// The words for the types of sinks, as an error line lists them.
fn sink_types() -> String {
    let words: Vec<_> = super::sink::TYPES.iter().map(|(word, _)| format!("{word:?}")).collect();
    words.join(" or ")
}

fn problems(text: &str) -> Vec<String> {
    problems_with(text, &[], &[])
}

fn without_directory(text: &str) -> String {
    let Some(end) = text.find("/ccfd.toml") else {
        return text.to_owned();
    };
    let start = text[..end].rfind(' ').map_or(0, |at| at + 1);
    format!("{}{}", &text[..start], &text[end + 1..])
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}
