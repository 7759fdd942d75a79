//! What the tables did not expect in the records: fields that have no column, values that do not fit their
//! column. Names only, never values, and a limited number of them, because names come from outside.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::{Table, Text, json::text, members::Members};

/// How many unknown names are remembered per table.
const NAMES_MAX: usize = 100;
/// How many characters of a name are remembered.
const NAME_CHARS_MAX: usize = 100;

/// Collects what is unexpected in a batch. Empty, it costs nothing; [`SchemaDrift::report`] adds it to the
/// process's counts.
#[derive(Debug, Default)]
pub struct SchemaDrift {
    unknown: BTreeMap<String, u64>,
    unfit: BTreeMap<Text, u64>,
}

/// What this process has found so far, by table. Global, so that each name is logged once, however many sinks
/// map it.
static MET: Mutex<BTreeMap<Text, SchemaDrift>> = Mutex::new(BTreeMap::new());

impl SchemaDrift {
    /// Finds top-level fields of a record that have no column.
    pub fn look(&mut self, table: &Table, record: &[u8]) {
        let members = Members::of(record, None);
        let details = members.get(b"type").and_then(text);
        for key in members.keys().filter(|key| !table.holds_beside(key, details.as_deref())) {
            self.unknown(&key);
        }
    }

    /// Counts a top-level field that has no column.
    fn unknown(&mut self, name: &str) {
        let cut = name.char_indices().nth(NAME_CHARS_MAX).map_or(name, |(at, _)| &name[..at]);
        self.count_unknown(cut, 1);
    }

    /// Counts a value that does not fit its column.
    pub(super) fn unfit(&mut self, column: &Text) {
        match self.unfit.get_mut(column) {
            Some(count) => *count += 1,
            None => drop(self.unfit.insert(column.clone(), 1)),
        }
    }

    /// The columns whose values did not fit.
    #[cfg(test)]
    pub(crate) fn unfit_columns(&self) -> Vec<&str> {
        self.unfit.keys().map(|column| &**column).collect()
    }

    /// Adds to the count of a name; true if the name is new. Names beyond the limit are not remembered.
    fn count_unknown(&mut self, name: &str, times: u64) -> bool {
        if let Some(count) = self.unknown.get_mut(name) {
            *count += times;
            return false;
        }
        let room = self.unknown.len() < NAMES_MAX;
        if room {
            self.unknown.insert(name.to_owned(), times);
        }
        room
    }

    /// Adds these to the process's counts, and logs each name that is new for the table.
    pub fn report(self, table: &Table) {
        if self.unknown.is_empty() && self.unfit.is_empty() {
            return;
        }
        let mut met = MET.lock().unwrap_or_else(PoisonError::into_inner);
        met.entry(table.name.clone()).or_default().absorb(self, &table.name);
    }

    fn absorb(&mut self, found: Self, table: &str) {
        for (name, times) in found.unknown {
            if self.count_unknown(&name, times) {
                tracing::info!(table, field = ?name, "records contain a field that has no column");
            }
        }
        for (column, times) in found.unfit {
            if !self.unfit.contains_key(&column) {
                let column = &*column;
                tracing::warn!(table, column, "a value does not fit its column and is stored as null");
            }
            *self.unfit.entry(column).or_default() += times;
        }
    }
}

/// The fields without a column that this process has found in the table, each with its number of records.
pub fn unknown_fields(table: &Table) -> Vec<(String, u64)> {
    let met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    let fields = met.get(&table.name).map(|drift| drift.unknown.iter());
    fields.into_iter().flatten().map(|(name, count)| (name.clone(), *count)).collect()
}

/// The same for every table that has such fields, by its name.
pub fn all_unknown_fields() -> BTreeMap<String, BTreeMap<String, u64>> {
    let met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    let odd = met.iter().filter(|(_, drift)| !drift.unknown.is_empty());
    odd.map(|(table, drift)| (table.to_string(), drift.unknown.clone())).collect()
}

/// Values that did not fit their columns, as found by this process: table, column, number. A row that is
/// mapped again, for another sink or another attempt, counts again.
pub fn unfit_values() -> Vec<(Text, Text, u64)> {
    let met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    let of = |(table, drift): (&Text, &SchemaDrift)| {
        let table = table.clone();
        let of_column = |(column, count): (&Text, &u64)| (table.clone(), column.clone(), *count);
        drift.unfit.iter().map(of_column).collect::<Vec<_>>()
    };
    met.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::AUDIT_LOGS, *};

    #[test]
    fn a_field_is_new_once_and_counted_always() {
        let mut met = SchemaDrift::default();
        assert!(met.count_unknown("surprise", 2));
        assert!(!met.count_unknown("surprise", 3));
        assert_eq!(met.unknown["surprise"], 5);
    }

    #[test]
    fn remembered_names_are_bounded_in_number_and_length() {
        let mut met = SchemaDrift::default();
        met.unknown(&"ü".repeat(5000));
        assert_eq!(met.unknown.keys().next().map(|name| name.chars().count()), Some(NAME_CHARS_MAX));
        for number in 0..5000 {
            met.unknown(&number.to_string());
        }
        assert_eq!(met.unknown.len(), NAMES_MAX);
    }

    #[test]
    fn looking_finds_the_fields_that_no_column_holds() {
        let mut found = SchemaDrift::default();
        let record =
            br#"{"object":"x","type":"a.b","a.b":{},"id":"1","actor":null,"glass_source":"s","a.c":1}"#;
        found.look(&AUDIT_LOGS, record);
        assert_eq!(found.unknown.into_keys().collect::<Vec<_>>(), ["a.c", "glass_source"]);
    }

    #[test]
    fn what_was_met_can_be_listed_by_table() {
        let own = Table { name: "Own_CL".into(), columns: Vec::new(), ..Table::clone(&AUDIT_LOGS) };
        for _ in 0..2 {
            let mut found = SchemaDrift::default();
            found.unknown("mystery");
            found.report(&own);
        }
        assert_eq!(unknown_fields(&own), [("mystery".to_owned(), 2)]);
    }

    #[test]
    fn what_did_not_fit_is_counted_by_table_and_column() {
        let own = Table { name: "Other_CL".into(), columns: Vec::new(), ..Table::clone(&AUDIT_LOGS) };
        for _ in 0..2 {
            let mut found = SchemaDrift::default();
            found.unfit(&"Seed".into());
            found.report(&own);
        }
        assert!(unfit_values().contains(&("Other_CL".into(), "Seed".into(), 2)));
    }
}
