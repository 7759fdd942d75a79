//! Names of indices, as Elasticsearch allows them, and those of records: nobody forges evidence.

use std::collections::BTreeSet;

use crate::{
    config::{Config, SinkSettings},
    tables::Tables,
};

/// Bytes of a name.
const BYTES_MAX: usize = 255;
/// How names of ccfd's own tables begin.
const OWN: &str = "ccfd";
/// SQLite's own tables.
const OF_SQLITE: &str = "sqlite_";

/// Names that no connector writes to, in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct ReservedNames(BTreeSet<String>);

impl ReservedNames {
    /// Those of the tables that every ccfd has.
    pub(super) fn built_in() -> Self {
        Self(Tables::built_in().iter().map(|table| table.name.to_lowercase()).collect())
    }

    /// Those of the tables, and of the indices of all sinks.
    pub(super) fn of(config: &Config) -> Self {
        let mut names = Self::built_in().0;
        names.extend(config.tables.iter().map(|table| table.name.to_lowercase()));
        for (sink, settings) in &config.sinks {
            let indices = match settings {
                SinkSettings::Elasticsearch(settings) => &settings.index,
                SinkSettings::KibanaIndex(settings) => &settings.index,
                SinkSettings::Sqlite(_)
                | SinkSettings::Ndjson(_)
                | SinkSettings::LogsIngestion(_)
                | SinkSettings::Detect(_) => continue,
            };
            let tables = Tables::built_in();
            let known = tables.iter().cloned().chain(config.tables_of(sink));
            names.extend(known.map(|table| indices.of(&table).to_lowercase()));
        }
        Self(names)
    }

    /// Whether a connector may write to an index.
    pub(super) fn check(&self, index: &str) -> Result<(), String> {
        let lower = index.to_lowercase();
        // Data streams keep their documents in indices of names such as `.ds-NAME-2026.01.31-000001`.
        let is_reserved = self.0.contains(&lower) || lower.starts_with(OWN) || lower.starts_with('.');
        if is_reserved || self.0.iter().any(|name| lower.starts_with(&format!(".ds-{name}-"))) {
            return Err(format!(
                "the index {index:?} is one of ccfd or of the cluster: no connector writes to it"
            ));
        }
        invalid(index).map_or(Ok(()), |why| Err(format!("Invalid index name [{index}], {why}")))
    }
}

/// Why Elasticsearch refuses a name.
fn invalid(index: &str) -> Option<&'static str> {
    const FORBIDDEN: &str = "\\/*?\"<>| ,#:";
    match index {
        "" => Some("must not be empty"),
        "." | ".." => Some("must not be '.' or '..'"),
        _ if index.len() > BYTES_MAX => Some("is too long"),
        _ if index.chars().any(|c| FORBIDDEN.contains(c) || c.is_control()) => Some(
            "must not contain the following characters ['\\','/','*','?','\"','<','>','|',' ',',','#',':']",
        ),
        _ if index.starts_with(['_', '-', '+']) => Some("must not start with '_', '-', or '+'"),
        _ if index.to_lowercase() != index => Some("must be lowercase"),
        _ if index.starts_with(OF_SQLITE) => Some("must not start with 'sqlite_'"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_records_are_refused_however_they_are_written() {
        let reserved = ReservedNames::built_in();
        for table in Tables::built_in().iter() {
            for name in [table.name.to_string(), table.name.to_uppercase(), table.name.to_lowercase()] {
                assert!(reserved.check(&name).is_err(), "{name}");
            }
        }
        for name in ["ccfdalerts_cl", "Ccfd", "CCFD-x", ".ds-x-1", ".kibana", "sqlite_schema"] {
            assert!(reserved.check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_are_those_that_elasticsearch_allows() {
        let reserved = ReservedNames::built_in();
        for name in ["a", "kibana-alert-history-default", "x.y_z-1", "ünicode", "1"] {
            assert_eq!(reserved.check(name), Ok(()), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "-a",
            "_a",
            "+a",
            "A",
            "a b",
            "a/b",
            "a*",
            "a,b",
            "a:b",
            "a\"b",
            "a\0b",
            "a?pipeline=x",
        ] {
            assert!(reserved.check(name).is_err(), "{name:?}");
        }
        assert!(reserved.check(&"x".repeat(256)).is_err());
    }
}
