//! Maps a record to a row: one pass over the JSON that borrows, no tree.

use std::borrow::Cow;

use super::{
    Column, ColumnKind, Origin, Table,
    json::{compact, compact_bytes, text},
    members::Members,
    schema_drift::SchemaDrift,
    time::SECOND_MAX,
};

/// The value of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValue<'a> {
    /// Missing, JSON `null`, or of a type that the column cannot hold.
    Null,
    /// A string column.
    Text(Cow<'a, str>),
    /// A long column.
    Long(i64),
    /// A real column; finite.
    Real(f64),
    /// A dynamic column: compact JSON text.
    Json(Cow<'a, str>),
    /// A datetime column: Unix seconds, 0 ..= 253402300799.
    Time(i64),
}

/// Maps a record to the values of the table's columns, in their order. Cannot fail: a missing value is null;
/// a value that does not fit is null and counted in `drift`.
pub fn map<'a>(
    table: &'a Table,
    connector: &'a str,
    record: &'a [u8],
    drift: &mut SchemaDrift,
) -> Vec<ColumnValue<'a>> {
    let mut row = Vec::with_capacity(table.columns.len());
    cells([table.columns.as_slice()], record, drift, |column, cell| {
        let (value, fits) = match cell {
            Cell::Null => (ColumnValue::Null, true),
            Cell::Connector => (ColumnValue::Text(Cow::Borrowed(connector)), true),
            Cell::Constant(text) => (ColumnValue::Text(Cow::Borrowed(text)), true),
            Cell::Json(json) => {
                value(column.kind, json).map_or((ColumnValue::Null, false), |value| (value, true))
            }
        };
        row.push(value);
        fits
    });
    row
}

/// What a record holds for one column.
pub(super) enum Cell<'a> {
    /// Nothing, or `null`.
    Null,
    /// The collector's name.
    Connector,
    /// Always this.
    Constant(&'a str),
    /// JSON text as received, other than `null`.
    Json(&'a [u8]),
}

/// Passes the cell of each column in order to `each`, which returns whether it fits. Those that do not fit
/// are counted in `drift`.
pub(super) fn cells<'a>(
    columns: impl IntoIterator<Item = &'a [Column]> + Clone,
    record: &'a [u8],
    drift: &mut SchemaDrift,
    mut each: impl FnMut(&'a Column, Cell<'a>) -> bool,
) {
    let members = Members::of(record, opened(columns.clone()));
    let details = members.get(b"type").and_then(text);
    for column in columns.into_iter().flatten() {
        let found = match &column.from {
            Origin::Connector => Some(Cell::Connector),
            Origin::Constant(text) => Some(Cell::Constant(text)),
            Origin::Field(name) | Origin::Time(name) => members.get(name.as_bytes()).map(Cell::Json),
            Origin::Details => details.as_deref().and_then(|key| members.get(key.as_bytes())).map(Cell::Json),
            Origin::Inner(_, member) => members.get_inner(member.as_bytes()).map(Cell::Json),
        };
        let cell = match found {
            None | Some(Cell::Json(b"null")) => Cell::Null,
            Some(cell) => cell,
        };
        if !each(column, cell) {
            drift.unfit(&column.name);
        }
    }
}

/// The field whose members have columns of their own. No table has two such fields.
pub(super) fn opened<'a>(columns: impl IntoIterator<Item = &'a [Column]>) -> Option<&'a str> {
    columns.into_iter().flatten().find_map(|column| match &column.from {
        Origin::Inner(field, _) => Some(&**field),
        Origin::Field(_) | Origin::Time(_) | Origin::Details | Origin::Connector | Origin::Constant(_) => {
            None
        }
    })
}

/// Parses JSON text other than `null` as a value of this type; `None` if it does not fit.
pub(super) fn value(kind: ColumnKind, json: &[u8]) -> Option<ColumnValue<'_>> {
    match kind {
        ColumnKind::String if json.starts_with(b"\"") => text(json).map(ColumnValue::Text),
        ColumnKind::String => Some(ColumnValue::Text(Cow::Owned(compact(json)))),
        ColumnKind::Long => whole(json).map(ColumnValue::Long),
        ColumnKind::Real => number(json).map(ColumnValue::Real),
        ColumnKind::Dynamic => dynamic(json).map(ColumnValue::Json),
        ColumnKind::DateTime => second(json).map(ColumnValue::Time),
    }
}

fn dynamic(json: &[u8]) -> Option<Cow<'_, str>> {
    match compact_bytes(json) {
        Cow::Borrowed(compact) => plain(compact).map(Cow::Borrowed),
        Cow::Owned(compact) => String::from_utf8(compact).ok().map(Cow::Owned),
    }
}

fn plain(json: &[u8]) -> Option<&str> {
    std::str::from_utf8(json).ok()
}

/// A JSON number that a finite float can express. (`parse` alone would accept the letters of "inf", and
/// `true` is not a number: only a digit or a minus begins one in JSON.)
pub(super) fn number(json: &[u8]) -> Option<f64> {
    let begins = json.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
    plain(json)?.parse().ok().filter(|number: &f64| begins && number.is_finite())
}

/// A JSON integer of 64 bits.
pub(super) fn whole(json: &[u8]) -> Option<i64> {
    plain(json)?.parse().ok()
}

/// A Unix second in a year that ISO 8601 writes with four digits. A fraction is cut off.
pub(super) fn second(json: &[u8]) -> Option<i64> {
    let second = whole(json).or_else(|| number(json).map(|seconds| seconds.floor() as i64));
    second.filter(|second| (0..=SECOND_MAX).contains(second))
}
