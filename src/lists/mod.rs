//! The lists that a collector can read, as data: one file and one line in [`LISTS`] each. The descriptor has
//! what settings, `check`, `backfill` and routes need to know about a list; `collectors` knows how to walk
//! its pages.

mod audit_logs;
mod chat_completions;
mod filters;

use std::sync::{Arc, LazyLock};

use collectors::{Source, TenantWalk, TimeField};
pub use filters::{Filter, Filters};

use crate::{redact::Preset, tables::Table};

/// Every list, in the order in which people see them.
pub static LISTS: [&ListDescriptor; 2] = [&audit_logs::LIST, &chat_completions::LIST];

/// A list of the API.
#[derive(Debug)]
pub struct ListDescriptor {
    /// Its name in settings, logs and file names: `audit_logs`.
    pub name: &'static str,
    /// Its records, in the plural, for sentences.
    pub records: &'static str,
    /// The table that it fills. A route has one table, so it has one list.
    pub(crate) table: &'static LazyLock<Arc<Table>>,
    /// The class of key that it takes.
    pub key: KeyClass,
    /// Its own keys in a collector's section.
    pub settings: &'static [Setting],
    /// Whether its records have messages that are requested separately.
    pub messages: MessagesSupport,
    /// The presets that fit its records.
    pub presets: &'static [Preset],
    /// A possible reason if no record was ever seen.
    pub why_empty: &'static str,
    /// The list with its filters, as `collectors` needs it, and whether its tenant events are read.
    pub(crate) source: fn(&Filters) -> (Source, TenantWalk),
}

/// A class of API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyClass {
    /// Of an organization: `sk-admin-…`.
    Admin,
    /// Of a project.
    Project,
}

/// Whether records have messages that are requested separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessagesSupport {
    /// They do, and `include_messages` requests them.
    Apart,
    /// They do not; the reason, for an error if they are requested anyway.
    None(&'static str),
}

/// A key of a collector's section that only one list has.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// What its value is.
    pub kind: SettingKind,
}

/// What the value of a setting is.
#[derive(Clone, Copy, Debug)]
pub enum SettingKind {
    /// One of these words. Required; the manual has its default.
    Word(&'static [&'static str]),
    /// A text that is not empty, or nothing.
    Text,
    /// Texts, none of them empty; an empty list filters nothing.
    Texts,
    /// The same, for names of people: `Debug` shows only how many there are.
    PersonalTexts,
    /// Names with a text each, within these limits.
    Pairs(PairsMax),
}

/// Bounds of pairs of texts.
#[derive(Clone, Copy, Debug)]
pub struct PairsMax {
    /// How many there may be.
    pub count: usize,
    /// Characters of a name.
    pub key_chars: usize,
    /// Characters of a value.
    pub value_chars: usize,
}

impl ListDescriptor {
    /// The list of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        LISTS.into_iter().find(|list| list.name == name)
    }

    /// The list that fills a table.
    pub fn of_table(name: &str) -> Option<&'static Self> {
        LISTS.into_iter().find(|list| list.table.name == name)
    }

    /// The table that it fills.
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(self.table)
    }

    /// The field that dates its records.
    pub fn time(&self) -> TimeField {
        self.unfiltered().list().time
    }

    /// Whether the API filters it by time. If not, the beginning of a past window must be searched for, and
    /// the window cannot be divided and read in parallel.
    pub fn has_time_filter(&self) -> bool {
        self.unfiltered().list().has_time_filter()
    }

    /// Whether its records disappear from it by themselves after some time.
    pub fn expires(&self) -> bool {
        self.unfiltered().list().kept_for.is_some()
    }

    /// All of it, as `collectors` knows it.
    fn unfiltered(&self) -> Source {
        (self.source)(&Filters::default()).0
    }

    /// Whether a collector of this list has the key, besides those that all have.
    pub fn has(&self, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.key == key)
    }
}

impl PartialEq for ListDescriptor {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ListDescriptor {}

/// The names of the lists that meet a condition, for sentences.
pub fn names_where(holds: impl Fn(&ListDescriptor) -> bool) -> String {
    let names: Vec<&str> = LISTS.into_iter().filter(|list| holds(list)).map(|list| list.name).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::tables::{Origin, Tables};

    #[test]
    fn no_two_lists_share_a_name_a_table_or_a_key_of_settings() {
        let unique = |all: Vec<String>| all.iter().collect::<BTreeSet<_>>().len() == all.len();
        assert!(unique(LISTS.map(|list| list.name.to_owned()).to_vec()));
        assert!(unique(LISTS.map(|list| list.table().name.to_string()).to_vec()));
        assert!(unique(LISTS.iter().flat_map(|list| list.settings).map(|one| one.key.to_owned()).collect()));
    }

    #[test]
    fn the_table_of_a_list_is_built_in_under_its_name_and_dated_by_its_field() {
        for list in LISTS {
            let tables = Tables::built_in();
            let table = tables.named(&list.table.name).unwrap();
            assert_eq!((&*table.settings_key, table.of_records), (list.name, true));
            assert_eq!(list.unfiltered().list().name, list.name);
            let time = table.columns.iter().find(|column| column.name == table.time).unwrap();
            assert_eq!(time.from, Origin::Time(list.time().name().into()));
        }
    }
}
