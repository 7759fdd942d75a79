//! Judging one record.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use collectors::Record;

use super::{
    field::FieldId,
    fold::folded,
    index::{CompiledDetection, MatchView, ViewedValues},
    judged_row::{JudgedRow, identifying},
    set::RuleSet,
    value::RowValue,
};
use crate::{
    detect::model::{GroupKey, Match, MatchValue, Seen},
    tables::{Table, top_level},
};

/// Values of one field that an alert shows.
const SHOWN_MAX: usize = 10;

/// Under this name an alert shows the fields of which expressions looked at a part.
const NOT_EXAMINED: &str = "(not examined whole)";

/// Values of one record that a correlation counts.
const VALUES_MAX: usize = 100;

impl RuleSet {
    /// Adds a match for every detection that matches a record of this table, with what each correlation sees in it. A
    /// detection that raises alerts of its own sees itself, with the group of its alerts.
    pub fn judge(&self, table: &Table, connector: &str, record: &Record, out: &mut Vec<Match>) {
        let Some(index) = self.tables.iter().find(|index| index.name == table.name) else { return };
        let of = || JudgedRow::of(&self.fields, table, connector, &record.raw);
        // The bytes are read once: where the row is needed anyway, by the row.
        let mut row = index.always_reads().then(of);
        let kind = index.type_column().and_then(|column| match &row {
            Some(row) => row.json(column),
            None => top_level(&record.raw, "type"),
        });
        for detection in index.candidates(kind) {
            let row = row.get_or_insert_with(of);
            let holds = detection.check.holds(row);
            let cut = row.take_cut();
            if !cut.is_empty() {
                self.count_cut(detection, &cut);
            }
            if holds && let Some(mut found) = self.found(detection, row, record) {
                if !cut.is_empty() {
                    let names = cut.keys().map(|field| self.fields.get(*field).name.to_string());
                    found.shown.insert(NOT_EXAMINED.into(), names.take(SHOWN_MAX).collect());
                }
                // What is only shown does not count.
                row.take_cut();
                out.push(found);
            }
            detection.sights.iter().for_each(|sight| sight.note(row));
        }
    }

    fn count_cut(&self, detection: &CompiledDetection, cut: &BTreeMap<FieldId, (u64, u64)>) {
        for (field, (values, bytes)) in cut {
            self.cut_values.fetch_add(*values, Ordering::Relaxed);
            self.not_looked_at.fetch_add(*bytes, Ordering::Relaxed);
            let sight = detection.sights.iter().find(|sight| sight.field == *field);
            sight.into_iter().for_each(|sight| sight.note_cut(*values));
        }
    }

    fn found(&self, detection: &CompiledDetection, row: &JudgedRow<'_>, record: &Record) -> Option<Match> {
        let mut seen_by = Vec::new();
        detection.views.iter().for_each(|view| see(view, row, &mut seen_by));
        Some(Match {
            rule: detection.rule,
            // Records without a usable id go to the rejects.
            record: record.id_text()?.into_owned(),
            at: record.second,
            shown: self.shown(detection, row),
            seen_by,
        })
    }

    fn shown(&self, detection: &CompiledDetection, row: &JudgedRow<'_>) -> BTreeMap<Arc<str>, Vec<String>> {
        let mut shown = BTreeMap::new();
        for field in &detection.shown {
            let texts = row.texts(*field, SHOWN_MAX);
            if !texts.is_empty() {
                shown.insert(Arc::clone(&self.fields.get(*field).name), texts);
            }
        }
        // Content may be a secret: an alert says which selection matched it, and no more.
        for item in &detection.hidden {
            if item.holds(row) {
                let name = &self.fields.get(item.field).name;
                let texts: &mut Vec<String> = shown.entry(Arc::clone(name)).or_default();
                let text = format!("(matches {})", item.selection);
                if texts.len() < SHOWN_MAX && !texts.contains(&text) {
                    texts.push(text);
                }
            }
        }
        shown
    }
}

/// What a correlation sees in a match.
fn see(view: &MatchView, row: &JudgedRow<'_>, seen_by: &mut Vec<Seen>) {
    let group: Vec<Option<String>> = view.group.iter().map(|field| joined(row, *field)).collect();
    if view.skips_missing_group && group.iter().any(Option::is_none) {
        return;
    }
    let group = GroupKey(group);
    let values = match &view.values {
        ViewedValues::None => Vec::new(),
        ViewedValues::Texts(fields) => texts(row, fields).into_iter().map(MatchValue::Text).collect(),
        ViewedValues::Numbers(fields) => numbers(row, fields).into_iter().map(MatchValue::Number).collect(),
    };
    let seen = |value| Seen { by: view.by, input: view.input, group: group.clone(), value };
    if values.is_empty() {
        seen_by.push(seen(None));
    } else {
        seen_by.extend(values.into_iter().map(|value| seen(Some(value))));
    }
}

/// The values of a field as one text, in the form by which records are grouped; `None` if there are none.
fn joined(row: &JudgedRow<'_>, field: FieldId) -> Option<String> {
    let mut texts = Vec::new();
    row.any(field, &mut |value| {
        texts.push(identity(value));
        texts.len() >= SHOWN_MAX
    });
    (!texts.is_empty()).then(|| texts.join(", "))
}

fn identity(value: &RowValue<'_>) -> String {
    identifying(folded(&value.text()).into_owned().into())
}

/// Distinct values; of several fields each combination, so that a record without one of them has none.
fn texts(row: &JudgedRow<'_>, fields: &[FieldId]) -> BTreeSet<String> {
    let mut combined: BTreeSet<String> = BTreeSet::new();
    for (place, field) in fields.iter().enumerate() {
        let mut own = BTreeSet::new();
        row.any(*field, &mut |value| {
            own.insert(identity(value));
            own.len() >= VALUES_MAX
        });
        if place == 0 {
            combined = own;
        } else {
            let with = |before: &String| {
                own.iter().map(move |value| format!("{before}\u{1f}{value}")).collect::<Vec<_>>()
            };
            combined = combined.iter().flat_map(with).take(VALUES_MAX).collect();
        }
    }
    combined
}

fn numbers(row: &JudgedRow<'_>, fields: &[FieldId]) -> Vec<f64> {
    let mut numbers = Vec::new();
    for field in fields {
        row.any(*field, &mut |value| {
            numbers.extend(value.number().map(super::value::Number::real));
            numbers.len() >= VALUES_MAX
        });
    }
    numbers
}
