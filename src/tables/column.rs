//! A column: one line of a table.

use std::borrow::Cow;

/// A name or a sentence of a table: borrowed if built in, owned if it came at run time.
pub type Text = Cow<'static, str>;

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name at every destination.
    pub name: Text,
    /// What it holds.
    pub kind: ColumnKind,
    /// Where in a record its value is found.
    pub from: Origin,
    /// Its meaning: one plain sentence for the manual, without a full stop.
    pub about: Text,
}

impl Column {
    /// Lets a table be written with one line per column.
    pub fn new(name: impl Into<Text>, kind: ColumnKind, from: Origin, about: impl Into<Text>) -> Self {
        Self { name: name.into(), kind, from, about: about.into() }
    }
}

/// The type of a column, named as in Azure Monitor tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text.
    String,
    /// A signed 64-bit integer.
    Long,
    /// A finite 64-bit floating point number.
    Real,
    /// Any JSON value.
    Dynamic,
    /// A whole second, shown as ISO 8601 in UTC.
    DateTime,
}

impl ColumnKind {
    /// The word itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Long => "long",
            Self::Real => "real",
            Self::Dynamic => "dynamic",
            Self::DateTime => "datetime",
        }
    }
}

/// Where a column's value is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The top-level field of this name.
    Field(Text),
    /// A member of the object in a top-level field: the field, the member.
    Inner(Text, Text),
    /// The value under the key named by the record's `type`.
    Details,
    /// The name of the collector that read the record.
    Connector,
    /// The top-level field of this name, in Unix seconds.
    Time(Text),
    /// The same text in every row.
    Constant(Text),
}
