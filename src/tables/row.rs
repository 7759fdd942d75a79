//! From one record to one row: a single borrowing pass over the JSON, no tree.

use std::borrow::Cow;

use super::json::{Members, compact, text};
use super::oddities::Oddities;
use super::time::SECOND_MAX;
use super::{Column, Kind, Origin, Table};

/// The value of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Missing, JSON `null`, or of a type that the column cannot hold.
    Null,
    /// A string column.
    Text(Cow<'a, str>),
    /// A long column.
    Long(i64),
    /// A real column; finite.
    Real(f64),
    /// A dynamic column: JSON text as received. May hold line breaks.
    Json(&'a str),
    /// A datetime column: Unix seconds, 0 ..= 253402300799.
    Time(i64),
}

/// Maps a record to the values of the table's columns, in their order. Cannot fail: what is missing is null; what is
/// there but does not fit is null and counted in `oddities`.
pub fn map<'a>(
    table: &Table,
    connector: &'a str,
    record: &'a [u8],
    oddities: &mut Oddities,
) -> Vec<Value<'a>> {
    let mut row = Vec::with_capacity(table.columns.len());
    cells([table.columns], record, oddities, |column, cell| {
        let (value, fits) = match cell {
            Cell::Null => (Value::Null, true),
            Cell::Connector => (Value::Text(Cow::Borrowed(connector)), true),
            Cell::Constant(text) => (Value::Text(Cow::Borrowed(text)), true),
            Cell::Json(json) => value(column.kind, json).map_or((Value::Null, false), |value| (value, true)),
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
    Constant(&'static str),
    /// JSON text as received, other than `null`.
    Json(&'a str),
}

/// Hands out the cell of each column in order; `each` says whether it fits. What does not is counted in `oddities`.
pub(super) fn cells<'a>(
    columns: impl IntoIterator<Item = &'static [Column]>,
    record: &'a [u8],
    oddities: &mut Oddities,
    mut each: impl FnMut(&'static Column, Cell<'a>) -> bool,
) {
    let members = Members::of(std::str::from_utf8(record).unwrap_or_default());
    let details = members.get("type").and_then(text);
    let mut inner: Option<(&str, Members<'a>)> = None;
    for column in columns.into_iter().flatten() {
        let found = match column.from {
            Origin::Connector => Some(Cell::Connector),
            Origin::Constant(text) => Some(Cell::Constant(text)),
            Origin::Field(name) | Origin::Time(name) => members.get(name).map(Cell::Json),
            Origin::Details => details.as_deref().and_then(|key| members.get(key)).map(Cell::Json),
            Origin::Inner(name, member) => {
                if inner.as_ref().is_none_or(|(of, _)| *of != name) {
                    inner = Some((name, Members::of(members.get(name).unwrap_or_default())));
                }
                inner.as_ref().and_then(|(_, members)| members.get(member)).map(Cell::Json)
            }
        };
        let cell = match found {
            None | Some(Cell::Json("null")) => Cell::Null,
            Some(cell) => cell,
        };
        if !each(column, cell) {
            oddities.unfit(column.name);
        }
    }
}

/// Whether a column holds the top-level field `key`, or none is meant to.
pub(super) fn holds(table: &Table, key: &str, details: Option<&str>) -> bool {
    let by_column = |from: &Origin| match *from {
        Origin::Field(name) | Origin::Time(name) | Origin::Inner(name, _) => name == key,
        Origin::Details => details == Some(key),
        Origin::Connector | Origin::Constant(_) => false,
    };
    table.columns.iter().any(|column| by_column(&column.from)) || table.omitted.contains(&key)
}

/// Reads JSON text other than `null` as a value of this kind; `None` when it does not fit.
fn value(kind: Kind, json: &str) -> Option<Value<'_>> {
    match kind {
        Kind::String if json.starts_with('"') => text(json).map(Value::Text),
        Kind::String => Some(Value::Text(Cow::Owned(compact(json)))),
        Kind::Long => json.parse().ok().map(Value::Long),
        Kind::Real => number(json).map(Value::Real),
        Kind::Dynamic => Some(Value::Json(json)),
        Kind::DateTime => second(json).map(Value::Time),
    }
}

/// A JSON number that a finite float can express. (`parse` alone would take the letters of "inf", and `true` is no
/// number either: only digits and a minus begin one in JSON.)
pub(super) fn number(json: &str) -> Option<f64> {
    let begins = json.as_bytes().first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
    json.parse().ok().filter(|number: &f64| begins && number.is_finite())
}

/// A Unix second within the years that ISO 8601 writes with four digits. A fraction is cut off.
pub(super) fn second(json: &str) -> Option<i64> {
    let whole = json.parse().ok().or_else(|| number(json).map(|seconds| seconds.floor() as i64));
    whole.filter(|second| (0..=SECOND_MAX).contains(second))
}
