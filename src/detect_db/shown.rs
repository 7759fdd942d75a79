//! What an alert shows of its records: the fields that its rule names, bounded in number and length.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use xxhash_rust::xxh3::xxh3_128;

/// Fields of a match or an alert.
const FIELDS_MAX: usize = 40;
/// Values of one field.
const VALUES_MAX: usize = 10;
/// Characters of one value.
const VALUE_CHARS_MAX: usize = 256;
/// Bytes of all values of a match or an alert.
const BYTES_MAX: usize = 8 << 10;
/// A longer text that something is known by is cut, and distinguished from others by a hash.
const KEY_BYTES_MAX: usize = 512;
/// What is left of it.
const KEY_CHARS: usize = 96;

/// Fields with their values.
pub(super) type ShownFields = BTreeMap<String, Vec<String>>;

/// Collects the values of several records.
#[derive(Debug, Default)]
pub(super) struct GatheredShown {
    fields: ShownFields,
    bytes: usize,
}

impl GatheredShown {
    /// Adds values that are not there yet, as long as there is room.
    pub(super) fn add<'v>(&mut self, name: &str, values: impl IntoIterator<Item = &'v String>) {
        if !self.fields.contains_key(name) && self.fields.len() >= FIELDS_MAX {
            return;
        }
        for value in values {
            let value: String = value.chars().take(VALUE_CHARS_MAX).collect();
            let held = self.fields.entry(name.to_owned()).or_default();
            let fits = self.bytes + value.len() <= BYTES_MAX && held.len() < VALUES_MAX;
            if fits && !held.contains(&value) {
                self.bytes += value.len();
                held.push(value);
            }
        }
    }

    /// As JSON.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(&self.fields).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// What is kept of a match.
pub(super) fn of_match(shown: &BTreeMap<Arc<str>, Vec<String>>) -> GatheredShown {
    let mut gathered = GatheredShown::default();
    for (name, values) in shown {
        gathered.add(name, values);
    }
    gathered
}

/// The fields that JSON of [`GatheredShown`] holds.
pub(super) fn parse(json: &str) -> ShownFields {
    serde_json::from_str(json).unwrap_or_default()
}

/// A set of names as a JSON array.
pub(super) fn names(names: &BTreeSet<String>) -> String {
    serde_json::to_string(names).unwrap_or_else(|_| "[]".to_owned())
}

/// A text by which a record, a group or a value is known, at a bounded length.
pub(super) fn key(text: &str) -> String {
    if text.len() <= KEY_BYTES_MAX {
        return text.to_owned();
    }
    let begin: String = text.chars().take(KEY_CHARS).collect();
    format!("{begin}…{:032x}", xxh3_128(text.as_bytes()))
}
