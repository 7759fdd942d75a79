//! The tables of one configuration.

use std::{slice, sync::Arc};

use super::{ALERTS, AUDIT_LOGS, CHAT_COMPLETIONS, CONNECTOR_RUNS, HEALTH, Table, TableError, check};

/// The tables of one configuration, in their order. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables(Arc<[Arc<Table>]>);

impl Tables {
    /// The tables of every configuration: those of the two lists, and those of health, alerts and runs of connectors.
    pub fn built_in() -> Self {
        let all = [&AUDIT_LOGS, &CHAT_COMPLETIONS, &HEALTH, &ALERTS, &CONNECTOR_RUNS];
        Self(all.map(|table| Arc::clone(table)).into())
    }

    /// These tables and one more.
    ///
    /// # Errors
    ///
    /// If the table is not valid, or has a name that another one has.
    pub fn with(&self, table: Table) -> Result<Self, TableError> {
        check::alone(&table)?;
        self.iter().try_for_each(|known| check::beside(known, &table))?;
        Ok(Self(self.iter().cloned().chain([Arc::new(table)]).collect()))
    }

    /// The table of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Table>> {
        self.iter().find(|table| table.name == name)
    }

    /// The tables of records, which every sink can get.
    pub fn of_records(&self) -> Vec<Arc<Table>> {
        self.iter().filter(|table| table.of_records).cloned().collect()
    }

    /// All of them.
    pub fn iter(&self) -> slice::Iter<'_, Arc<Table>> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Tables {
    type Item = &'a Arc<Table>;
    type IntoIter = slice::Iter<'a, Arc<Table>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
