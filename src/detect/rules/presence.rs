//! Which fields records have, as far as rules have looked: a rule whose field no record has cannot match.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    check::Check,
    field::FieldId,
    index::{MatchView, ViewedValues},
    item::referenced,
    judged_row::JudgedRow,
    set::RuleSet,
};

/// What was seen of a field since it was last asked.
#[derive(Debug)]
pub(super) struct FieldSight {
    pub field: FieldId,
    is_seen: AtomicBool,
    absent: AtomicU64,
    cut: AtomicU64,
}

/// What the records that a detection looked at had of a field since this was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPresence {
    /// The detection, by its slug.
    pub rule: Arc<str>,
    /// The field as rules name it.
    pub field: Arc<str>,
    /// Whether any had a value.
    pub is_seen: bool,
    /// How many had none, after the last one with a value.
    pub absent: u64,
    /// Values of which an expression looked at a part.
    pub cut: u64,
}

/// The fields that a detection reads, for itself and for correlations.
pub(super) fn sights(check: &Check, views: &[MatchView]) -> Vec<FieldSight> {
    let mut fields: BTreeSet<FieldId> = BTreeSet::new();
    check.items(&mut |item| {
        fields.insert(item.field);
        fields.extend(referenced(&item.matchers));
    });
    for view in views {
        fields.extend(&view.group);
        match &view.values {
            ViewedValues::None => {}
            ViewedValues::Texts(values) | ViewedValues::Numbers(values) => fields.extend(values),
        }
    }
    let sight = |field| FieldSight { field, is_seen: false.into(), absent: 0.into(), cut: 0.into() };
    fields.into_iter().map(sight).collect()
}

impl FieldSight {
    /// Notes whether a record has the field, if the detection came to look at it.
    pub fn note(&self, row: &JudgedRow<'_>) {
        match row.has(self.field) {
            None => {}
            Some(false) => _ = self.absent.fetch_add(1, Relaxed),
            Some(true) => self.note_value(),
        }
    }

    /// Notes that a record has the field.
    pub fn note_value(&self) {
        // Most often the one before had it, too, and nothing changes.
        if !self.is_seen.load(Relaxed) || self.absent.load(Relaxed) > 0 {
            self.is_seen.store(true, Relaxed);
            self.absent.store(0, Relaxed);
        }
    }

    /// Notes values of which only a part was looked at.
    pub fn note_cut(&self, values: u64) {
        self.cut.fetch_add(values, Relaxed);
    }
}

impl RuleSet {
    /// What detections saw of their fields since this was last asked; those of which they saw nothing are left out.
    pub fn take_presence(&self) -> Vec<FieldPresence> {
        let mut all = Vec::new();
        for detection in self.tables.iter().flat_map(|table| &table.detections) {
            let Some(rule) = self.rule(detection.rule) else { continue };
            for sight in &detection.sights {
                let (is_seen, absent) = (sight.is_seen.swap(false, Relaxed), sight.absent.swap(0, Relaxed));
                let cut = sight.cut.swap(0, Relaxed);
                if is_seen || absent > 0 || cut > 0 {
                    let field = Arc::clone(&self.fields.get(sight.field).name);
                    all.push(FieldPresence { rule: Arc::clone(&rule.slug), field, is_seen, absent, cut });
                }
            }
        }
        all
    }
}
