//! Keys that have a name for each table, such as `index = { audit_logs = "…", chat_completions = "…", health = "…" }`.

use std::collections::BTreeMap;

use config::Value;

use super::{section::Section, values::ValueProblem};
use crate::tables::{Table, Tables};

/// The kind of names; a table has one of each, which is used if the settings give none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedResource {
    /// Indices, aliases or data streams.
    Index,
    /// Connectors in Kibana.
    Connector,
    /// Input streams of a data collection rule.
    Stream,
}

impl NamedResource {
    /// The name that a table brings with it.
    fn of(self, table: &Table) -> &str {
        match self {
            Self::Index => &table.index,
            Self::Connector => &table.connector,
            Self::Stream => &table.stream_name,
        }
    }
}

/// A name per table at one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableNames {
    named: NamedResource,
    /// The names in the settings, by table name.
    given: BTreeMap<String, String>,
}

impl TableNames {
    /// Reads the table under `key`, which has a key for each of `tables`; missing ones come from the
    /// defaults, and names missing there from the table itself.
    pub(super) fn read(
        section: &mut Section<'_>,
        key: &str,
        named: NamedResource,
        tables: &Tables,
        reader: impl Fn(&Value) -> Result<String, ValueProblem>,
    ) -> Option<Self> {
        section.nested(key, |section| {
            let mut given = BTreeMap::new();
            for table in tables {
                let name = section.optional(&table.settings_key, &reader);
                given.extend(name.map(|name| (table.name.to_string(), name)));
            }
            // A name with a problem must not be replaced by another one.
            section.is_sound().then_some(Self { named, given })
        })
    }

    /// The name for a table.
    pub fn of<'a>(&'a self, table: &'a Table) -> &'a str {
        self.given.get(&*table.name).map_or_else(|| self.named.of(table), String::as_str)
    }
}
