//! Settings from environment variables: `CCFD__COLLECTOR__ACME_AUDIT__POLL_INTERVAL`.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    sync::{Arc, OnceLock},
};

use config::{Map, Value};
use secrecy::SecretString;

use super::{
    layer::{Layer, value_of_text},
    report::ConfigReport,
    tree::table_at,
};

const PREFIX: &str = "CCFD__";
const LEVELS: &str = "__";

/// Environment variables, passed in so that no other code reads the process's own, and the store of secrets. `Debug` shows
/// no value.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// Known once the settings say where the state is; the same for all copies.
    store: Arc<OnceLock<Arc<dyn StoredSecrets>>>,
}

/// Secrets that the settings name as `{ stored = "name" }`.
pub trait StoredSecrets: Send + Sync {
    /// The secret of this name.
    ///
    /// # Errors
    ///
    /// In a sentence, if there is none or it cannot be read.
    fn get(&self, name: &str) -> Result<SecretString, String>;
}

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of one variable; `None` if it is not set.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Takes stored secrets from this store, unless one is known already.
    pub fn keep_store(&self, store: Arc<dyn StoredSecrets>) {
        _ = self.store.set(store);
    }

    /// The store of secrets.
    pub(super) fn store(&self) -> Option<&dyn StoredSecrets> {
        self.store.get().map(|store| &**store)
    }

    /// The same variables for the store itself.
    pub fn without_store(&self) -> Self {
        Self { variables: self.variables.clone(), store: Arc::default() }
    }

    /// Whether a variable is set and not empty.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_empty())
    }

    /// The settings among the variables, as a layer over `below`, whose names of collectors and sinks they
    /// may use.
    pub(super) fn layer(&self, below: &Map<String, Value>, report: &mut ConfigReport) -> Layer {
        let mut layer = Layer::default();
        for (name, value) in &self.variables {
            let Some((name, key)) = name.to_str().and_then(|name| Some((name, name.strip_prefix(PREFIX)?)))
            else {
                continue;
            };
            if let Err(reason) = add(&mut layer, name, key, value, below) {
                report.problem(format!("the environment variable {name}: {reason}"));
            }
        }
        layer
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, store: Arc::default() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.variables.len())
    }
}

fn add(
    layer: &mut Layer,
    name: &str,
    key: &str,
    value: &OsStr,
    below: &Map<String, Value>,
) -> Result<(), &'static str> {
    let text = value.to_str().ok_or("its value is not UTF-8")?;
    let value = value_of_text(text, &format!("in the environment variable {name}"));
    let is_new = layer.insert(&path(key, below)?, value);
    is_new.then_some(()).ok_or("another variable already sets this")
}

fn path(key: &str, below: &Map<String, Value>) -> Result<Vec<String>, &'static str> {
    let mut path: Vec<String> = key.split(LEVELS).map(str::to_ascii_lowercase).collect();
    if path.iter().any(String::is_empty) {
        return Err("a level of its name is empty");
    }
    if let [section, name, ..] = path.as_mut_slice()
        && ["collector", "connector", "sink"].contains(&section.as_str())
    {
        *name = name_among(name, table_at(below, &[section]))?;
    }
    Ok(path)
}

/// A variable's name cannot contain `-` or `.`, so names are compared with both written as `_`. A name that
/// does not exist yet is a new one, with `-` for `_`.
fn name_among(name: &str, table: Option<&Map<String, Value>>) -> Result<String, &'static str> {
    let fold = |name: &str| name.to_ascii_lowercase().replace(['-', '.'], "_");
    let mut alike = table.into_iter().flat_map(Map::keys).filter(|there| fold(there) == name);
    match (alike.next(), alike.next()) {
        (None, _) => Ok(name.replace('_', "-")),
        (Some(one), None) => Ok(one.clone()),
        (Some(_), Some(_)) => {
            Err("two names in the file differ only in `-`, `_` and `.`, and it may mean either")
        }
    }
}
