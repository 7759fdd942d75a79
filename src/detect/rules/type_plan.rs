//! What must be checked of the records of one type: all that a check asks about the type is answered once.

use std::borrow::Cow;

use super::{
    check::Check,
    field::FieldId,
    index::{CompiledDetection, TableIndex},
    judged_row::JudgedRow,
};

/// Types that have a plan: most records are of few types.
const TYPES_MAX: usize = 32;

/// Bytes of the JSON text of such a type. Expressions look at all of it, so that no record must say otherwise.
const TYPE_BYTES_MAX: usize = 256;

/// Entries of the checks in all plans: more would take long to make, and much memory.
const ENTRIES_MAX: usize = 10_000;

/// The plans for the types of earlier records.
#[derive(Default)]
pub(super) struct TypePlans<'a> {
    plans: Vec<TypePlan<'a>>,
    entries: usize,
    /// There is no room for another one.
    is_full: bool,
}

struct TypePlan<'a> {
    /// The type as JSON text.
    kind: &'a [u8],
    checks: Vec<PlannedCheck<'a>>,
}

/// A detection that records of a type can match, with what is left to check, or all of it.
pub(super) type PlannedCheck<'a> = (&'a CompiledDetection, Cow<'a, Check>);

impl<'a> TypePlans<'a> {
    /// No plans: for a single record one costs more than it saves.
    pub fn none() -> Self {
        Self { is_full: true, ..Self::default() }
    }

    /// What must be checked of `row`, whose type is this JSON text; `None` if all checks of the index are needed.
    pub fn of(
        &mut self,
        index: &'a TableIndex,
        kind: &'a [u8],
        row: &JudgedRow<'a>,
    ) -> Option<&[PlannedCheck<'a>]> {
        let known = self.plans.iter().position(|plan| plan.kind == kind);
        let place = match known {
            Some(place) => place,
            None if self.is_full || kind.len() > TYPE_BYTES_MAX => return None,
            None => self.add(index, kind, row)?,
        };
        self.plans.get(place).map(|plan| plan.checks.as_slice())
    }

    fn add(&mut self, index: &'a TableIndex, kind: &'a [u8], row: &JudgedRow<'a>) -> Option<usize> {
        let field = index.type_field()?;
        let entries = index.detections(Some(kind)).map(|detection| entries_of(&detection.check, field));
        self.entries = self.entries.saturating_add(entries.sum());
        self.is_full = self.entries > ENTRIES_MAX || self.plans.len() >= TYPES_MAX;
        if self.is_full {
            return None;
        }
        let left = |detection: &'a CompiledDetection| match entries_of(&detection.check, field) {
            0 => Some((detection, Cow::Borrowed(&detection.check))),
            _ => {
                let left = detection.check.knowing(field, &|item| item.holds(row));
                (!left.is_never()).then_some((detection, Cow::Owned(left)))
            }
        };
        let checks = index.detections(Some(kind)).filter_map(left).collect();
        self.plans.push(TypePlan { kind, checks });
        Some(self.plans.len() - 1)
    }
}

/// How many entries a check has, if one of them is about a field; otherwise none of it is copied.
fn entries_of(check: &Check, field: FieldId) -> usize {
    let (mut count, mut has_field) = (0, false);
    check.items(&mut |item| (count, has_field) = (count + 1, has_field || item.field == field));
    if has_field { count } else { 0 }
}
