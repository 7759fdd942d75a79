use std::fs;

use ccfd::config::{Config, DEFAULTS, Environment};

use super::{DOCUMENTS, blocks, document};

const COLLECTOR: &str = r#"
[collector.example]
source = "audit_logs"
api_key = { env = "OPENAI_ADMIN_KEY" }
sinks = ["example"]

[sink.example]
type = "sqlite"
path = "./tables.db"
"#;

#[test]
fn every_example_of_settings_loads() {
    let dir = tempfile::tempdir().unwrap();
    let mut loaded = 0;
    for name in DOCUMENTS {
        for example in blocks(&document(name), "toml") {
            let file = dir.path().join("ccfd.toml");
            // Not every example shows all that a file must hold.
            let rest = if example.contains("[collector.") { "" } else { COLLECTOR };
            fs::write(&file, format!("{example}{rest}")).unwrap();
            if let Err(error) = Config::load(Some(&file), &Environment::default(), &[]) {
                panic!("{name}: {error}\n{example}");
            }
            loaded += 1;
        }
    }
    assert!(loaded >= 1, "no example was found");
}

#[test]
fn the_defaults_in_the_settings_page_are_those_of_the_manual() {
    let manual: toml::Table = DEFAULTS.parse().unwrap();
    let page = document("docs/settings.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut compared = 0;
    for row in rows {
        let mut cells = row.split(" | ");
        let (keys, defaults) = (cells.next().unwrap(), cells.next().unwrap());
        let keys: Vec<String> = keys.split(", ").map(|key| key.replace('`', "")).collect();
        let (section, first) = keys[0].rsplit_once('.').expect("a key of a section");
        let table = section_of(&manual, section);
        let names = [first].into_iter().chain(keys[1..].iter().map(|key| shortened(key)));
        let mut documented = defaults.split(", ").cycle();
        for (name, documented) in names.zip(&mut documented) {
            let default = table.get(name).map(plain);
            let documented = documented.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
            assert_eq!(default.as_deref(), documented, "{section}.{name}");
            compared += 1;
        }
    }
    assert!(compared >= 10, "only {compared} were found");
}

/// A value as the page writes it: without quotes.
fn plain(value: &toml::Value) -> String {
    let number = || value.as_integer().map(|number| number.to_string());
    let flag = || value.as_bool().map(|flag| flag.to_string());
    let text = value.as_str().map(str::to_owned);
    text.or_else(number).or_else(flag).expect("a text, a whole number, or yes or no")
}

/// A second key of a row may be written with its section or without it.
fn shortened(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(_, name)| name)
}

/// What `[section]` takes its defaults from; a sink's are those of the first type.
fn section_of<'a>(manual: &'a toml::Table, section: &str) -> &'a toml::Table {
    let path: &[&str] = match section {
        "collector.NAME" => &["default", "collector"],
        "sink.NAME" => &["default", "sink", "sqlite"],
        other => &[other],
    };
    path.iter().fold(manual, |table, name| table[*name].as_table().expect("a table"))
}
