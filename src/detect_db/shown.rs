//! What an alert shows of its records: the fields that its rule names, bounded in number and length.

use std::{borrow::Cow, collections::BTreeMap};

use smallvec::SmallVec;

use super::matches::SHOWN_FEW;
use crate::{detect::model::MatchShown, digest::digest_text};

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
    /// Adds a value that is not there yet, as long as there is room.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !self.fields.contains_key(name) {
            if self.fields.len() >= FIELDS_MAX {
                return;
            }
            self.fields.insert(name.to_owned(), Vec::new());
        }
        let Some(held) = self.fields.get_mut(name) else { return };
        let fits = self.bytes + value.len() <= BYTES_MAX && held.len() < VALUES_MAX;
        if fits && !held.iter().any(|known| known == value) {
            self.bytes += value.len();
            held.push(value.to_owned());
        }
    }

    /// Adds the values that JSON of another one holds.
    pub(super) fn add_all(&mut self, json: &str) {
        for (name, values) in parse(json) {
            values.iter().for_each(|value| self.add(&name, value));
        }
    }

    /// As JSON.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(&self.fields).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// What is kept of a match: fields with their values, a pair for each value.
pub(super) fn of_match(shown: &MatchShown) -> SmallVec<[(&str, &str); SHOWN_FEW]> {
    let mut pairs: SmallVec<[(&str, &str); SHOWN_FEW]> = SmallVec::new();
    let (mut bytes, mut fields, mut first) = (0, 0, 0);
    for (name, value) in shown.iter() {
        if pairs.len() == first || pairs[first].0 != name {
            (fields, first) = (fields + 1, pairs.len());
        }
        if fields > FIELDS_MAX {
            break;
        }
        let value = cut(value);
        let is_known = pairs[first..].iter().any(|(_, known)| *known == value);
        if !is_known && bytes + value.len() <= BYTES_MAX && pairs.len() - first < VALUES_MAX {
            bytes += value.len();
            pairs.push((name, value));
        }
    }
    pairs
}

fn cut(value: &str) -> &str {
    if value.len() <= VALUE_CHARS_MAX {
        return value;
    }
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => &value[..end],
        None => value,
    }
}

/// The fields that JSON of [`GatheredShown`] holds.
pub(super) fn parse(json: &str) -> ShownFields {
    serde_json::from_str(json).unwrap_or_default()
}

/// Names as a JSON array.
pub(super) fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    serde_json::to_string(&names).unwrap_or_else(|_| "[]".to_owned())
}

/// The names that JSON of [`names`] holds.
pub(super) fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// A text by which a record, a group or a value is known, at a bounded length.
pub(super) fn key(text: &str) -> Cow<'_, str> {
    if text.len() <= KEY_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let begin: String = text.chars().take(KEY_CHARS).collect();
    Cow::Owned(format!("{begin}…{}", digest_text(text.as_bytes())))
}
