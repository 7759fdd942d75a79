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
    /// The field that is this column, if a detection asks for it.
    type_field: Option<FieldId>,
    /// The detections that only match events of a type, by its folded name.
    by_type: HashMap<String, Vec<usize>>,
    /// Those that may match any event.
    others: Vec<usize>,
}

/// A detection that judges.
#[derive(Debug)]
pub(super) struct CompiledDetection {
    pub rule: RuleIndex,
    pub check: Check,
    /// How many entries the check has, if one of them is about the type of the event; otherwise none.
    pub type_entries: usize,
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
    pub fn of(table: usize, mut detections: Vec<CompiledDetection>, fields: &Fields) -> Self {
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
        let field = field.map(FieldId);
        let mut by_type: HashMap<String, Vec<usize>> = HashMap::new();
        let mut others = Vec::new();
        for (place, CompiledDetection { check, type_entries, .. }) in detections.iter_mut().enumerate() {
            *type_entries = field.map_or(0, |field| check.entries_if_about(field));
            match field.and_then(|field| check.texts_of(field)) {
                Some(types) => {
                    types.into_iter().for_each(|kind| by_type.entry(kind).or_default().push(place))
                }
                None => others.push(place),
            }
        }
        let name = fields.tables[table].name.to_string();
        Self { name, detections, type_column: column, type_field: field, by_type, others }
    }

    /// Whether a record of this table may match without regard to its type, so that its row is needed in any case.
    pub fn always_reads(&self) -> bool {
        !self.others.is_empty()
    }

    /// The detections that can match a record whose type is this JSON text: those of the type, which most types do not have,
    /// and those that may match any.
    pub fn detections(&self, kind: Option<&[u8]>) -> impl Iterator<Item = &CompiledDetection> {
        let typed = kind.map_or(&[][..], |json| self.of_type(json));
        typed.iter().chain(&self.others).filter_map(|place| self.detections.get(*place))
    }

    /// The column of the type, if a detection asks for it.
    pub fn type_column(&self) -> Option<usize> {
        self.type_column.filter(|_| self.type_field.is_some())
    }

    /// The field of the type, if a detection asks for it.
    pub fn type_field(&self) -> Option<FieldId> {
        self.type_field
    }

    fn of_type(&self, json: &[u8]) -> &[usize] {
        let kind = if json.first() == Some(&b'"') { text(json) } else { Some(Cow::Owned(compact(json))) };
        let found = kind.and_then(|kind| self.by_type.get(&*folded(&kind)));
        found.map_or(&[], Vec::as_slice)
    }
}
