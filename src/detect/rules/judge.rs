//! Judging one record.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

use collectors::Record;
use serde_json::Value;

use super::{
    check::Check,
    field::FieldId,
    fold::folded,
    index::{CompiledDetection, MatchView, TableIndex, ViewedValues},
    judged_row::{JudgedRow, disguised, identifying, shortened},
    set::RuleSet,
    type_plan::TypePlans,
    value::RowValue,
};
use crate::{
    detect::model::{Match, MatchShown, MatchValue, Matches, SeenBy},
    digest::TextsDigest,
    tables::{Table, top_level},
};

/// Values of one field that an alert shows.
const SHOWN_MAX: usize = 10;

/// Under this name an alert shows the fields of which expressions looked at a part.
const NOT_EXAMINED: &str = "(not examined whole)";

/// Values of one record that a correlation counts. An alert and a log line say when there were more.
const VALUES_MAX: usize = 1000;

/// Under this name an alert shows the fields of which a correlation counted a part.
const NOT_COUNTED: &str = "(not counted whole)";

/// Is between the values of several fields that are counted together.
const SEPARATOR: char = '\u{1f}';

/// Is before what replaces one of these two in a value.
const ESCAPE: char = '\u{1e}';

/// Judges the records of one table, one after the other: what it needs for one is used again for the next.
pub struct RecordJudge<'a> {
    set: &'a RuleSet,
    index: Option<&'a TableIndex>,
    row: JudgedRow<'a>,
    plans: TypePlans<'a>,
}

impl<'a> RecordJudge<'a> {
    /// Adds a match for every detection that matches a record, with what each correlation sees in it. A detection that raises
    /// alerts of its own sees itself, with the group of its alerts.
    pub fn judge(&mut self, record: &'a Record, out: &mut Matches) {
        let Some(index) = self.index else { return };
        self.row.turn_to(&record.raw);
        let (set, row) = (self.set, &self.row);
        // The bytes are read once: where the row is needed anyway, by the row.
        let kind = index.type_column().and_then(|column| match index.always_reads() {
            true => row.json(column),
            false => top_level(&record.raw, "type"),
        });
        match kind.and_then(|kind| self.plans.of(index, kind, row)) {
            Some(plan) => {
                plan.note_type();
                for (detection, check) in &plan.checks {
                    set.look(detection, check, row, record, out);
                }
            }
            None => index
                .detections(kind)
                .for_each(|detection| set.look(detection, &detection.check, row, record, out)),
        }
    }
}

impl RuleSet {
    /// Judges records of this table from this collector.
    pub fn judging<'a>(&'a self, table: &'a Table, connector: &'a str) -> RecordJudge<'a> {
        let index = self.tables.iter().find(|index| index.name == table.name);
        let row = JudgedRow::of(&self.fields, table, connector, b"");
        RecordJudge { set: self, index, row, plans: TypePlans::default() }
    }

    /// Judges one record.
    pub fn judge(&self, table: &Table, connector: &str, record: &Record, out: &mut Matches) {
        self.judging(table, connector).judge(record, out);
    }

    /// Adds a match if a record is as a detection wants it.
    fn look(
        &self,
        detection: &CompiledDetection,
        check: &Check,
        row: &JudgedRow<'_>,
        record: &Record,
        out: &mut Matches,
    ) {
        let holds = check.holds(row);
        let cut = row.take_cut();
        if let Some(cut) = &cut {
            self.count_cut(detection, cut);
        }
        // Records without a usable id go to the rejects.
        if holds && let Some(id) = record.id_text() {
            let found = out.add();
            (found.rule, found.at) = (detection.rule, record.second);
            found.record.push_str(&id);
            self.describe(detection, row, found);
            if let Some(cut) = &cut {
                let names = cut.keys().map(|field| &*self.fields.get(*field).name);
                note(&mut found.shown, NOT_EXAMINED, names);
            }
            // What is only shown does not count.
            row.take_cut();
        }
        detection.sights.iter().for_each(|sight| sight.note(row));
    }

    fn count_cut(&self, detection: &CompiledDetection, cut: &BTreeMap<FieldId, (u64, u64)>) {
        for (field, (values, bytes)) in cut {
            self.cut_values.fetch_add(*values, Ordering::Relaxed);
            self.not_looked_at.fetch_add(*bytes, Ordering::Relaxed);
            let sight = detection.sights.iter().find(|sight| sight.field == *field);
            sight.into_iter().for_each(|sight| sight.note_cut(*values));
        }
    }

    /// Adds to a match what correlations see of it, and what alerts show.
    fn describe(&self, detection: &CompiledDetection, row: &JudgedRow<'_>, found: &mut Match) {
        let mut cut: Vec<FieldId> = Vec::new();
        detection.views.iter().for_each(|view| cut.extend(see(view, row, &mut found.seen_by)));
        self.show(detection, row, &mut found.shown);
        if !cut.is_empty() {
            self.not_counted.fetch_add(1, Ordering::Relaxed);
            let names: BTreeSet<&str> = cut.iter().map(|field| &*self.fields.get(*field).name).collect();
            note(&mut found.shown, NOT_COUNTED, names);
        }
    }

    fn show(&self, detection: &CompiledDetection, row: &JudgedRow<'_>, shown: &mut MatchShown) {
        shown.reserve(detection.shown.len() + detection.hidden.len());
        for field in &detection.shown {
            let name = &self.fields.get(*field).name;
            let mut count = 0;
            row.any(*field, &mut |value| {
                count += 1;
                shown.add(name, shortened(&value.text()));
                count >= SHOWN_MAX
            });
        }
        // Content may be a secret: an alert says which selection matched it, and no more.
        for item in detection.hidden.iter().filter(|item| item.holds(row)) {
            let name = &self.fields.get(item.field).name;
            shown.add(name, &format!("(matches {})", item.selection));
        }
    }
}

/// Notes fields of which an alert does not say everything.
fn note<'n>(shown: &mut MatchShown, what: &str, names: impl IntoIterator<Item = &'n str>) {
    let what = what.into();
    names.into_iter().take(SHOWN_MAX).for_each(|name| shown.add(&what, name));
}

/// Adds what a correlation sees in a match. Returns the field of which it sees only a part.
fn see(view: &MatchView, row: &JudgedRow<'_>, seen_by: &mut SeenBy) -> Option<FieldId> {
    seen_by.begin(view.by, view.input);
    let mut is_whole = true;
    for field in &view.group {
        seen_by.add_group(|text| {
            let is_there = join(row, *field, text);
            is_whole &= is_there;
            is_there
        });
    }
    if view.skips_missing_group && !is_whole {
        seen_by.take_back();
        return None;
    }
    match &view.values {
        ViewedValues::None => None,
        ViewedValues::Texts(fields) => {
            let (texts, cut) = texts(row, fields);
            texts.iter().for_each(|text| seen_by.add_value(MatchValue::Text(text)));
            cut
        }
        ViewedValues::Numbers(fields) => {
            let (numbers, cut) = numbers(row, fields);
            numbers.iter().for_each(|number| seen_by.add_value(MatchValue::Number(*number)));
            cut
        }
    }
}

/// Appends the values of a field as one text, in the form by which records are grouped. Whether there are any. One value is
/// what it is; several are in quotes, and so is one that could be taken for them. Those behind the first ten are a hash.
fn join(row: &JudgedRow<'_>, field: FieldId, out: &mut String) -> bool {
    let begin = out.len();
    let (mut count, mut rest): (usize, Option<TextsDigest>) = (0, None);
    row.any(field, &mut |value| {
        count += 1;
        if count > SHOWN_MAX {
            rest.get_or_insert_default().add(&folded(&value.text()));
            return false;
        }
        if count == 2 {
            quote(out, begin);
        }
        if count > 1 {
            out.push_str(", ");
        }
        let next = out.len();
        identify(value, row.is_hidden(field), out);
        if count > 1 {
            quote(out, next);
        }
        false
    });
    if let Some(rest) = rest {
        out.push_str(", …");
        out.push_str(&rest.text());
    }
    if count == 1 && out[begin..].starts_with('"') {
        quote(out, begin);
    }
    count > 0
}

/// Puts what begins there in quotes, as JSON.
fn quote(out: &mut String, begin: usize) {
    let quoted = Value::from(&out[begin..]).to_string();
    out.replace_range(begin.., &quoted);
}

/// Appends a value in the form by which records are grouped. It is kept and shown, so a content is not what it says.
fn identify(value: &RowValue<'_>, is_hidden: bool, out: &mut String) {
    match is_hidden {
        true => out.push_str(&disguised(&folded(&value.text()))),
        false => identifying(&folded(&value.text()), out),
    }
}

/// Distinct values; of several fields each combination, so that a record without one of them has none. And the field that
/// has more than are counted.
fn texts(row: &JudgedRow<'_>, fields: &[FieldId]) -> (BTreeSet<String>, Option<FieldId>) {
    let mut combined: BTreeSet<String> = BTreeSet::new();
    let mut cut = None;
    for (place, field) in fields.iter().enumerate() {
        let mut own = BTreeSet::new();
        let has_more = row.any(*field, &mut |value| {
            let mut text = String::new();
            identify(value, row.is_hidden(*field), &mut text);
            let value = if fields.len() > 1 { separable(&text) } else { text };
            if own.len() >= VALUES_MAX && !own.contains(&value) {
                return true;
            }
            own.insert(value);
            false
        });
        let with = |before: &String| {
            own.iter().map(move |value| format!("{before}{SEPARATOR}{value}")).collect::<Vec<_>>()
        };
        let is_too_many = place > 0 && combined.len().saturating_mul(own.len()) > VALUES_MAX;
        combined = match place {
            0 => own,
            _ => combined.iter().flat_map(with).take(VALUES_MAX).collect(),
        };
        if has_more || is_too_many {
            cut = Some(*field);
        }
    }
    (combined, cut)
}

/// A value that can stand beside others: without the separator, and different from every other value.
fn separable(value: &str) -> String {
    match value.contains([SEPARATOR, ESCAPE]) {
        true => value.replace(ESCAPE, "\u{1e}e").replace(SEPARATOR, "\u{1e}s"),
        false => value.to_owned(),
    }
}

fn numbers(row: &JudgedRow<'_>, fields: &[FieldId]) -> (Vec<f64>, Option<FieldId>) {
    let (mut numbers, mut cut) = (Vec::new(), None);
    for field in fields {
        let has_more = row.any(*field, &mut |value| {
            let number = value.number().map(super::value::Number::real);
            let is_full = numbers.len() >= VALUES_MAX && number.is_some();
            numbers.extend(number.filter(|_| !is_full));
            is_full
        });
        if has_more {
            cut = Some(*field);
        }
    }
    (numbers, cut)
}
