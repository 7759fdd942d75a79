//! The settings in effect, each with its origin: what `ccfd config show` prints.

use std::collections::BTreeMap;

use config::{Map, Value, ValueKind};
use serde::Serialize;

use super::{
    ConfigError, ConfigFile, Environment,
    layer::is_one_value,
    layers,
    report::ConfigReport,
    secret::SecretSource,
    tree::{as_table, dotted, sorted, table_at},
    values::may_be_secret,
};

/// In place of a value that may be a secret or personal: a key that was pasted as the name of its place is no name.
/// Tables whose values are secrets or headers.
const OF_SECRETS: [&str; 4] = ["headers", "proxy_headers", "secretHeaders", "secrets"];

const HIDDEN: &str = "\"(hidden)\"";
/// How the origin of a default begins.
const BUILT_IN: &str = "in the built-in defaults";

/// A table of the settings.
#[derive(Debug, Serialize)]
pub struct EffectiveSection {
    /// As in `[collector.acme-audit]`, without the brackets.
    pub section: String,
    /// Its settings, by key.
    pub settings: Vec<EffectiveSetting>,
}

/// One setting.
#[derive(Debug, Serialize)]
pub struct EffectiveSetting {
    /// Its key; dotted for a value of a table: `api_key.env`.
    pub key: String,
    /// Its value as TOML writes it.
    pub value: String,
    /// Where it is set: `default`, the path of a file, or `environment variable NAME`.
    pub origin: String,
}

impl EffectiveSetting {
    /// Whether nobody set it.
    pub fn is_default(&self) -> bool {
        self.origin == "default"
    }
}

/// Everything that `Config::load_found` reads from the same layers, with the defaults of each collector and sink filled in.
///
/// # Errors
///
/// When the file cannot be read, may be somebody else's or is not TOML. Invalid settings are shown as they are.
pub fn effective(
    file: Option<&ConfigFile>,
    environment: &Environment,
) -> Result<Vec<EffectiveSection>, ConfigError> {
    let merged = layers::merge(file, environment, &[], &mut ConfigReport::default())?;
    let mut sections = Vec::new();
    for (name, value) in sorted(&merged) {
        let Some(table) = as_table(value) else { continue };
        match name {
            // Filled into the sections that they are the defaults of.
            "default" => {}
            "collector" | "connector" | "sink" => {
                for (item, value) in sorted(table) {
                    let Some(table) = as_table(value) else { continue };
                    let defaults = defaults_of(&merged, name, table);
                    sections.push(section(&[name, item], table, defaults));
                }
            }
            _ => sections.push(section(&[name], table, None)),
        }
    }
    Ok(sections)
}

fn defaults_of<'a>(
    root: &'a Map<String, Value>,
    kind: &str,
    table: &Map<String, Value>,
) -> Option<&'a Map<String, Value>> {
    match (kind, table.get("type").map(|value| &value.kind)) {
        ("sink", Some(ValueKind::String(kind))) => table_at(root, &["default", "sink", kind]),
        ("sink", _) => None,
        _ => table_at(root, &["default", kind]),
    }
}

fn section(
    path: &[&str],
    table: &Map<String, Value>,
    defaults: Option<&Map<String, Value>>,
) -> EffectiveSection {
    let mut settings = Vec::new();
    flatten(&mut Vec::new(), table, defaults, &mut settings);
    EffectiveSection { section: dotted(path), settings }
}

/// The table of defaults below a value, if it has one.
type Defaults<'a> = Option<&'a Map<String, Value>>;

/// Adds the settings of a table over its defaults, those of inner tables under dotted keys.
fn flatten<'a>(
    path: &mut Vec<&'a str>,
    table: &'a Map<String, Value>,
    defaults: Option<&'a Map<String, Value>>,
    settings: &mut Vec<EffectiveSetting>,
) {
    let mut values: BTreeMap<&str, (&Value, Defaults<'_>)> = BTreeMap::new();
    for (key, value) in defaults.into_iter().flatten() {
        values.insert(key, (value, None));
    }
    for (key, value) in table {
        let below = defaults.and_then(|defaults| defaults.get(key)).and_then(as_table);
        values.insert(key, (value, below.filter(|_| !is_one_value(key, value))));
    }
    for (key, (value, below)) in values {
        path.push(key);
        match as_table(value) {
            Some(inner) if !inner.is_empty() || below.is_some() => flatten(path, inner, below, settings),
            _ => settings.push(EffectiveSetting {
                key: dotted(path),
                value: if is_for_secrets(path) { HIDDEN.to_owned() } else { written(value) },
                origin: origin_of(value),
            }),
        }
        path.pop();
    }
}

/// Whether a place is meant for a secret, or for a header, which may be one: what was pasted there is not shown, the name of a
/// place is.
fn is_for_secrets(path: &[&str]) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    above.iter().any(|key| OF_SECRETS.contains(key)) && !SecretSource::FORMS.contains(last)
}

fn origin_of(value: &Value) -> String {
    match value.origin() {
        None | Some(BUILT_IN) => "default".to_owned(),
        Some(origin) => {
            let origin = origin.strip_prefix("in ").unwrap_or(origin);
            origin.strip_prefix("the ").unwrap_or(origin).to_owned()
        }
    }
}

fn written(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) if may_be_secret(text) => HIDDEN.to_owned(),
        // The escapes of TOML's basic strings include those of JSON.
        ValueKind::String(text) => serde_json::Value::from(text.as_str()).to_string(),
        ValueKind::Array(list) => {
            let items: Vec<String> = list.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Table(table) => {
            let items: Vec<String> = sorted(table)
                .into_iter()
                .map(|(key, value)| format!("{} = {}", dotted(&[key]), written(value)))
                .collect();
            if items.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", items.join(", ")) }
        }
        ValueKind::Nil => "\"\"".to_owned(),
        ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = r#"
[default.collector]
poll_interval = "2m"
[collector.acme-audit]
source = "audit_logs"
api_key = { file = "/etc/ccfd/admin-key" }
sinks = ["local"]
[collector.pasted]
source = "audit_logs"
api_key = { env = "sk-proj-pasted" }
sinks = ["local"]
[sink.local]
type = "sqlite"
path = "tables.db"
[sink.local.retry]
max = "30s"
[connector.oncall]
type = ".webhook"
config = { url = "https://hooks.example.com", headers = { Authorization = "pasted-header" } }
secrets = { user = "pasted-user", password = { env = "PASSWORD" } }
"#;

    fn shown(variables: &[(&str, &str)]) -> Vec<(String, String, String)> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ccfd.toml");
        fs::write(&path, FILE).expect("a file");
        let environment: Environment = variables.iter().copied().collect();
        let sections = effective(Some(&ConfigFile::named(&path)), &environment).expect("settings");
        let name = |origin: &str| origin.replace(path.to_str().expect("UTF-8"), "FILE");
        sections
            .into_iter()
            .flat_map(|one| {
                let section = one.section;
                one.settings
                    .into_iter()
                    .map(move |one| (format!("{section}.{}", one.key), one.value, one.origin))
            })
            .map(|(key, value, origin)| (key, value, name(&origin)))
            .collect()
    }

    fn of<'a>(shown: &'a [(String, String, String)], key: &str) -> (&'a str, &'a str) {
        let found = shown.iter().find(|one| one.0 == key).unwrap_or_else(|| panic!("no {key}"));
        (&found.1, &found.2)
    }

    #[test]
    fn what_was_pasted_where_a_secret_or_a_header_is_expected_is_not_shown() {
        let shown = shown(&[]);
        let of = |key| of(&shown, key).0;
        assert_eq!(of("connector.oncall.secrets.user"), HIDDEN);
        assert_eq!(of("connector.oncall.config.headers.Authorization"), HIDDEN);
        assert_eq!(of("connector.oncall.secrets.password.env"), "\"PASSWORD\"");
        assert_eq!(of("connector.oncall.config.url"), "\"https://hooks.example.com\"");
    }

    #[test]
    fn each_setting_names_the_layer_that_sets_it() {
        let shown = shown(&[("CCFD__COLLECTOR__ACME_AUDIT__START", "30d")]);
        let of = |key| of(&shown, key);
        assert_eq!(of("collector.acme-audit.poll_interval"), ("\"2m\"", "FILE"));
        assert_eq!(of("collector.acme-audit.sweep_interval"), ("\"5m\"", "default"));
        let variable = "environment variable CCFD__COLLECTOR__ACME_AUDIT__START";
        assert_eq!(of("collector.acme-audit.start"), ("\"30d\"", variable));
        assert_eq!(of("state.dir"), ("\"./ccfd-data\"", "default"));
    }

    #[test]
    fn a_table_is_shown_by_its_keys_with_the_defaults_that_it_leaves_out() {
        let shown = shown(&[]);
        assert_eq!(of(&shown, "collector.acme-audit.api_key.file"), ("\"/etc/ccfd/admin-key\"", "FILE"));
        assert_eq!(of(&shown, "sink.local.retry.max"), ("\"30s\"", "FILE"));
        assert_eq!(of(&shown, "sink.local.retry.first").1, "default");
    }

    #[test]
    fn a_key_that_was_pasted_into_the_settings_is_not_shown() {
        assert_eq!(of(&shown(&[]), "collector.pasted.api_key.env").0, "\"(hidden)\"");
    }
}
