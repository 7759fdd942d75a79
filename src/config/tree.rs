//! Walks the tree of merged settings by path.

use std::collections::BTreeMap;

use config::{Map, Value, ValueKind};

use super::{report::ConfigReport, unknown::known_keys, values::describe};

/// Adds a problem for each key of `table`, which is at `path`, that is not among the known ones.
pub(super) fn refuse_unknown<'k>(
    path: &str,
    table: &Map<String, Value>,
    known: impl IntoIterator<Item = &'k str> + Clone,
    report: &mut ConfigReport,
) {
    let is_sink = path.starts_with("sink.") || path.starts_with("default.sink.");
    for (key, value) in sorted(table) {
        if !known.clone().into_iter().any(|name| name == key) {
            let path = if path.is_empty() { bare(key) } else { format!("{path}.{}", bare(key)) };
            // The keys of a sink depend on its type, which is another line of the section, so all of them are
            // listed.
            let known = known_keys(key, known.clone(), is_sink);
            report.problem(format!("unknown key `{path}`{}{known}", origin(value)));
        }
    }
}

/// The names in the table at `path`, in order.
pub(super) fn names<'a>(
    root: &'a Map<String, Value>,
    path: &[&str],
    report: &mut ConfigReport,
) -> Vec<&'a str> {
    let table = expect_table(root, path, report).and_then(as_table);
    table.into_iter().flat_map(sorted).map(|(name, _)| name).collect()
}

/// The table at `path`; a problem if it is something else.
pub(super) fn expect_table<'a>(
    root: &'a Map<String, Value>,
    path: &[&str],
    report: &mut ConfigReport,
) -> Option<&'a Value> {
    let value = value_at(root, path)?;
    if as_table(value).is_none() {
        let (path, place) = (dotted(path), origin(value));
        report.problem(format!("`{path}`{place}: expected a table, found {}", describe(value)));
    }
    Some(value)
}

/// The table at a path; `None` if there is none.
pub(super) fn table_at<'a>(root: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Map<String, Value>> {
    value_at(root, path).and_then(as_table)
}

/// The entries of a table in the order of their keys.
pub(super) fn sorted(table: &Map<String, Value>) -> BTreeMap<&str, &Value> {
    table.iter().map(|(key, value)| (key.as_str(), value)).collect()
}

/// A path as TOML writes it.
pub(super) fn dotted(path: &[&str]) -> String {
    path.iter().map(|key| bare(key)).collect::<Vec<_>>().join(".")
}

fn bare(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { format!("{key:?}") }
}

/// The origin of a value, as ` in ccfd.toml`; empty if unknown.
pub(super) fn origin(value: &Value) -> String {
    value.origin().map(|origin| format!(" {origin}")).unwrap_or_default()
}

/// The table that a value is.
pub(super) fn as_table(value: &Value) -> Option<&Map<String, Value>> {
    match &value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

/// The key and the value of a table with exactly one key.
pub(super) fn single_entry(value: &Value) -> Option<(&str, &Value)> {
    let (key, value) = as_table(value).filter(|table| table.len() == 1)?.iter().next()?;
    Some((key, value))
}

fn value_at<'a>(root: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(root.get(*first)?, |value, key| as_table(value)?.get(*key))
}
