//! What must be checked of the records of one type: all that a check asks about the type is answered once.

use std::borrow::Cow;

use super::{
    check::Check,
    index::{CompiledDetection, TableIndex},
    judged_row::JudgedRow,
    presence::FieldSight,
};

/// Types of a batch that have a plan: most records are of few types.
const TYPES_MAX: usize = 32;

/// Bytes of the JSON text of such a type. Expressions look at all of it, so that no record must say otherwise.
const TYPE_BYTES_MAX: usize = 256;

/// Entries of the checks that plans copy: more would take long, and much memory.
const ENTRIES_MAX: usize = 10_000;

/// The plans for the types of a batch.
#[derive(Default)]
pub(super) struct TypePlans<'a> {
    plans: Vec<TypePlan<'a>>,
    /// Types of which one record came. A plan costs more than it saves for one.
    seen_once: Vec<&'a [u8]>,
    entries: usize,
    /// There is no room for another one.
    is_full: bool,
}

/// The plan for a type.
pub(super) struct TypePlan<'a> {
    /// The type as JSON text.
    kind: &'a [u8],
    /// The detections that records of it can match, each with what is left to check, or all of it.
    pub checks: Vec<(&'a CompiledDetection, Cow<'a, Check>)>,
    /// What detections see of the type, also those that are left out.
    sights: Vec<&'a FieldSight>,
}

impl TypePlan<'_> {
    /// Notes that a record has a type, as each of its detections would that looked at it.
    pub fn note_type(&self) {
        self.sights.iter().for_each(|sight| sight.note_value());
    }
}

impl<'a> TypePlans<'a> {
    /// The plan for `row`, whose type is this JSON text; `None` if all checks of the index are needed.
    pub fn of(
        &mut self,
        index: &'a TableIndex,
        kind: &'a [u8],
        row: &JudgedRow<'a>,
    ) -> Option<&TypePlan<'a>> {
        let place = match self.plans.iter().position(|plan| plan.kind == kind) {
            Some(place) => place,
            None if self.is_full || kind.len() > TYPE_BYTES_MAX => return None,
            None => self.begin(index, kind, row)?,
        };
        self.plans.get(place)
    }

    fn begin(&mut self, index: &'a TableIndex, kind: &'a [u8], row: &JudgedRow<'a>) -> Option<usize> {
        if !self.seen_once.contains(&kind) {
            // What is not of the first types is judged by all checks.
            if self.seen_once.len() < TYPES_MAX {
                self.seen_once.push(kind);
            }
            return None;
        }
        let field = index.type_field()?;
        let detections = || index.detections(Some(kind));
        let entries: usize = detections().map(|detection| detection.type_entries).sum();
        self.entries = self.entries.saturating_add(entries);
        self.is_full = self.entries > ENTRIES_MAX;
        if self.is_full {
            return None;
        }
        let left = |detection: &'a CompiledDetection| {
            if detection.type_entries == 0 {
                return Some((detection, Cow::Borrowed(&detection.check)));
            }
            let left = detection.check.knowing(field, &|item| item.holds(row));
            (!left.is_never()).then_some((detection, Cow::Owned(left)))
        };
        let sights =
            detections().flat_map(|detection| &detection.sights).filter(|sight| sight.field == field);
        self.plans.push(TypePlan {
            kind,
            checks: detections().filter_map(left).collect(),
            sights: sights.collect(),
        });
        Some(self.plans.len() - 1)
    }
}
