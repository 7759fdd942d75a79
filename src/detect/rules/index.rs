//! Which detections can match a record, by the type of the event.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{
    check::{Check, SelectionItem},
    field::{FieldId, FieldSource, Fields},
    fold::folded,
    presence::FieldSight,
};
use crate::{
    detect::model::RuleIndex,
    tables::{Origin, compact, text},
};

/// The detections of one table.
#[derive(Debug)]
pub(super) struct TableIndex {
    pub name: String,
    pub detections: Vec<CompiledDetection>,
    /// The column of the type, if rows have one.
    type_column: Option<usize>,
    /// The detections that only match events of a type, by its folded name.
    by_type: HashMap<String, Vec<TypedDetection>>,
    /// Those that may match any event.
    others: Vec<usize>,
}

/// Entries of all types of a detection up to which each type has its own check: more would take long to load, and much memory.
const KNOWING_MAX: usize = 10_000;

/// A detection that only matches events of some types.
#[derive(Debug)]
struct TypedDetection {
    place: usize,
    /// What is left of its check in events of one of them, or all of it.
    check: Arc<Check>,
}

/// Detections that only match events of a type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidates<'i>(&'i [TypedDetection]);

/// A detection that judges.
#[derive(Debug)]
pub(super) struct CompiledDetection {
    pub rule: RuleIndex,
    pub check: Check,
    /// What alerts show: fields that are no content, without repeats.
    pub shown: Vec<FieldId>,
    /// Entries about content, of which only is shown that they match.
    pub hidden: Vec<Arc<SelectionItem>>,
    pub views: Vec<MatchView>,
    /// What it sees of the fields that it reads.
    pub sights: Vec<FieldSight>,
}

/// What a correlation takes from a match.
#[derive(Debug)]
pub(super) struct MatchView {
    pub by: RuleIndex,
    pub input: u32,
    pub group: Vec<FieldId>,
    pub values: ViewedValues,
    pub skips_missing_group: bool,
}

/// What is counted or added.
#[derive(Debug)]
pub(super) enum ViewedValues {
    /// The match itself.
    None,
    /// Distinct values of these fields, together.
    Texts(Vec<FieldId>),
    /// Numbers.
    Numbers(Vec<FieldId>),
}

impl TableIndex {
    /// The index of these detections.
    pub fn of(table: usize, detections: Vec<CompiledDetection>, fields: &Fields) -> Self {
        let columns = &fields.tables[table].columns;
        let column = columns.iter().position(|column| column.from == Origin::Field("type".into()));
        let is_type = |source: &FieldSource| match source {
            FieldSource::Path(path) => Some(path.column) == column && path.names.is_empty(),
            FieldSource::First(_)
            | FieldSource::All(_)
            | FieldSource::Roles(_)
            | FieldSource::Contents(_)
            | FieldSource::Everything => false,
        };
        let field = fields.list.iter().position(|field| field.table == table && is_type(&field.source));
        let mut by_type: HashMap<String, Vec<TypedDetection>> = HashMap::new();
        let mut others = Vec::new();
        for (place, CompiledDetection { check, .. }) in detections.iter().enumerate() {
            let typed = field.map(FieldId).and_then(|field| Some((field, check.texts_of(field)?)));
            let Some((field, types)) = typed else {
                others.push(place);
                continue;
            };
            let mut entries = 0_usize;
            check.items(&mut |_| entries += 1);
            let whole = (entries.saturating_mul(types.len()) > KNOWING_MAX).then(|| Arc::new(check.clone()));
            for kind in types {
                let check = whole.clone().unwrap_or_else(|| Arc::new(check.knowing(field, &kind)));
                by_type.entry(kind).or_default().push(TypedDetection { place, check });
            }
        }
        let name = fields.tables[table].name.to_string();
        Self { name, detections, type_column: column, by_type, others }
    }

    /// Whether a record of this table may match without regard to its type, so that its row is needed in any case.
    pub fn always_reads(&self) -> bool {
        !self.others.is_empty()
    }

    /// The detections that can match a record whose type is this JSON text, beside those that may match any; none for most
    /// records.
    pub fn candidates(&self, kind: Option<&[u8]>) -> Candidates<'_> {
        Candidates(kind.map_or(&[][..], |json| self.of_type(json)))
    }

    /// These detections, and those that may match any record, each with what must be checked of the record.
    pub fn detections<'i>(
        &'i self,
        candidates: Candidates<'i>,
    ) -> impl Iterator<Item = (&'i CompiledDetection, &'i Check)> {
        let typed = candidates.0.iter().map(|typed| (&self.detections[typed.place], &*typed.check));
        let others = self.others.iter().map(|place| &self.detections[*place]);
        typed.chain(others.map(|detection| (detection, &detection.check)))
    }

    /// The column of the type, if detections are divided by it.
    pub fn type_column(&self) -> Option<usize> {
        self.type_column.filter(|_| !self.by_type.is_empty())
    }

    fn of_type(&self, json: &[u8]) -> &[TypedDetection] {
        let kind = if json.first() == Some(&b'"') { text(json) } else { Some(Cow::Owned(compact(json))) };
        let found = kind.and_then(|kind| self.by_type.get(&*folded(&kind)));
        found.map_or(&[], Vec::as_slice)
    }
}
