//! A record while rules judge it: each field is found once, when the first rule asks for it.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
};

use smallvec::SmallVec;

use super::{
    check::SelectionItem,
    derived::{Visit, at_path, contents, every_value, roles},
    field::{ColumnPath, FieldId, FieldSource, Fields},
    remembered::RememberedAnswers,
    value::RowValue,
};
use crate::{
    digest::digest_text,
    tables::{ColumnKind, LazyRow, Table},
};

/// Values of one field that are kept for the next rule. Beyond it they are found again, so that a long array costs time but
/// no memory.
const VALUES_KEPT_MAX: usize = 1000;

/// A record as the fields of a set, and then the next one: what it needs for one is used again.
pub(super) struct JudgedRow<'a> {
    fields: &'a Fields,
    table: &'a Table,
    row: LazyRow<'a>,
    found: Vec<OnceCell<FoundValues<'a>>>,
    /// The fields that were asked for.
    asked: RefCell<Vec<FieldId>>,
    /// Values of which an expression looked at a part, by field: how many, and the bytes of the rest.
    cut: RefCell<BTreeMap<FieldId, (u64, u64)>>,
    remembered: RememberedAnswers<'a>,
}

/// The values of a field. Most have one or none.
enum FoundValues<'a> {
    None,
    /// One that is neither a list nor an object, as received, and as a value once somebody asks for it.
    Scalar(&'a [u8], OnceCell<Option<RowValue<'a>>>),
    All(SmallVec<[RowValue<'a>; 1]>),
    TooMany,
}

impl<'a> JudgedRow<'a> {
    /// The row of a record of this table.
    pub fn of(fields: &'a Fields, table: &'a Table, connector: &'a str, record: &'a [u8]) -> Self {
        let mut found = Vec::new();
        found.resize_with(fields.list.len(), OnceCell::new);
        Self {
            fields,
            table,
            row: LazyRow::of(table, connector, record),
            found,
            asked: RefCell::default(),
            cut: RefCell::default(),
            remembered: RememberedAnswers::default(),
        }
    }

    /// Turns it into the row of another record.
    pub fn turn_to(&mut self, record: &'a [u8]) {
        self.row.turn_to(record);
        if !self.asked.get_mut().is_empty() {
            self.remembered.begin();
        }
        for field in self.asked.get_mut().drain(..) {
            self.found[field.0].take();
        }
        self.cut.get_mut().clear();
    }

    /// The JSON text of a column.
    pub fn json(&self, column: usize) -> Option<&'a [u8]> {
        self.row.json(column)
    }

    /// The values of a field, up to the one of which `each` is true; whether there is one.
    pub fn any(&self, field: FieldId, each: &mut dyn FnMut(&RowValue<'a>) -> bool) -> bool {
        match self.found(field) {
            None | Some(FoundValues::None) => false,
            Some(FoundValues::Scalar(json, value)) => {
                value.get_or_init(|| RowValue::of_json(json)).as_ref().is_some_and(each)
            }
            Some(FoundValues::All(values)) => values.iter().any(each),
            Some(FoundValues::TooMany) => self.search(field, &mut |value| each(&value)),
        }
    }

    /// What an entry says that only looks at its own field: `judge` finds out unless that is remembered of an earlier record.
    pub fn remembered(&self, item: &SelectionItem, judge: impl FnOnce() -> bool) -> bool {
        match self.found(item.field) {
            Some(FoundValues::Scalar(json, _)) => self.remembered.of(item, json, judge),
            Some(FoundValues::None | FoundValues::All(_) | FoundValues::TooMany) | None => judge(),
        }
    }

    /// Whether the record has a value of a field; `None` if no rule has asked for it.
    pub fn has(&self, field: FieldId) -> Option<bool> {
        self.found.get(field.0)?.get().map(|found| !matches!(found, FoundValues::None))
    }

    fn found(&self, field: FieldId) -> Option<&FoundValues<'a>> {
        let place = self.found.get(field.0)?;
        Some(place.get_or_init(|| {
            self.asked.borrow_mut().push(field);
            self.find(field)
        }))
    }

    fn find(&self, field: FieldId) -> FoundValues<'a> {
        if let FieldSource::Path(path) = &self.fields.get(field).source
            && let Some(found) = self.single(path)
        {
            return found;
        }
        let mut values = SmallVec::new();
        let too_many = self.search(field, &mut |value| {
            values.push(value);
            values.len() > VALUES_KEPT_MAX
        });
        match values.len() {
            _ if too_many => FoundValues::TooMany,
            0 => FoundValues::None,
            _ => FoundValues::All(values),
        }
    }

    /// What is at a path, if that is at most one value.
    fn single(&self, path: &ColumnPath) -> Option<FoundValues<'a>> {
        let json = match self.table.columns.get(path.column)?.kind {
            ColumnKind::Dynamic => match self.row.inside(path.column, &path.names) {
                Some((json, [])) => json,
                Some(_) => return None,
                None => return Some(FoundValues::None),
            },
            ColumnKind::String => self.row.json(path.column).filter(|json| json.first() == Some(&b'"'))?,
            ColumnKind::Long | ColumnKind::Real | ColumnKind::DateTime => return None,
        };
        match json.first()? {
            b'"' | b't' | b'f' | b'-' | b'0'..=b'9' => Some(FoundValues::Scalar(json, OnceCell::new())),
            b'n' => Some(FoundValues::None),
            _ => None,
        }
    }

    /// Whether the values of a field are content.
    pub fn is_hidden(&self, field: FieldId) -> bool {
        self.fields.get(field).hidden
    }

    /// Notes that an expression looked at a part of a value.
    pub fn note_cut(&self, field: FieldId, rest: u64) {
        let mut cut = self.cut.borrow_mut();
        let (values, bytes) = cut.entry(field).or_default();
        *values += 1;
        *bytes += rest;
    }

    /// What was noted since this was last asked, if anything was.
    pub fn take_cut(&self) -> Option<BTreeMap<FieldId, (u64, u64)>> {
        let is_noted = !self.cut.borrow().is_empty();
        is_noted.then(|| self.cut.take())
    }

    fn search(&self, field: FieldId, visit: Visit<'_, 'a>) -> bool {
        match &self.fields.get(field).source {
            FieldSource::Path(path) => self.at(path, visit),
            FieldSource::All(paths) => paths.iter().any(|path| self.at(path, visit)),
            FieldSource::First(paths) => {
                for path in paths {
                    let mut has_any = false;
                    let ended = self.at(path, &mut |value| {
                        has_any = true;
                        visit(value)
                    });
                    if has_any {
                        return ended;
                    }
                }
                false
            }
            FieldSource::Roles(column) => self.row.json(*column).is_some_and(|json| roles(json, visit)),
            FieldSource::Contents(path) => {
                self.row.json(path.column).is_some_and(|json| contents(json, &path.names, visit))
            }
            FieldSource::Everything => self.table.columns.iter().enumerate().any(|(place, column)| {
                if column.kind == ColumnKind::Dynamic {
                    return self.row.json(place).is_some_and(|json| every_value(json, visit));
                }
                match RowValue::of_column(self.row.value(place)) {
                    Some(RowValue::Time(_)) => false,
                    Some(value) => visit(value),
                    // What no row can hold is searched all the same.
                    None => self.row.json(place).is_some_and(|json| every_value(json, visit)),
                }
            }),
        }
    }

    fn at(&self, path: &ColumnPath, visit: Visit<'_, 'a>) -> bool {
        let Some(column) = self.table.columns.get(path.column) else { return false };
        if column.kind != ColumnKind::Dynamic {
            // A text is judged as received, also one that no row can hold.
            let text = self.row.json(path.column).filter(|json| json.first() == Some(&b'"'));
            let value = match text.filter(|_| column.kind == ColumnKind::String) {
                Some(json) => RowValue::of_json(json),
                None => RowValue::of_column(self.row.value(path.column)),
            };
            return value.is_some_and(visit);
        }
        let inside = self.row.inside(path.column, &path.names);
        inside.is_some_and(|(json, names)| at_path(json, names, visit))
    }
}

/// Characters of a value that an alert shows.
const SHOWN_CHARS_MAX: usize = 256;

/// A value cut to what an alert shows.
pub(super) fn shortened(text: &str) -> &str {
    if text.len() <= SHOWN_CHARS_MAX {
        return text;
    }
    text.char_indices().nth(SHOWN_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

/// What replaces a content by which records are grouped or counted: the same for the same text, and not the text.
pub(super) fn disguised(text: &str) -> String {
    format!("(text {})", digest_text(text.as_bytes()))
}

/// Appends a value by which records are grouped or counted. The rest of a long one is a hash, so that different values stay
/// different.
pub(super) fn identifying(text: &str, out: &mut String) {
    let short = shortened(text);
    out.push_str(short);
    if short.len() < text.len() {
        out.push('…');
        out.push_str(&digest_text(text.as_bytes()));
    }
}
