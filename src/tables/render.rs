//! The tables in other languages: SQLite, and Markdown for the manual.

use std::fmt::Write as _;

use super::{Column, ColumnKind, Origin, Table};

/// The column that dates the rows of our own tables, and of every table of Azure Monitor.
pub const TIME: &str = "TimeGenerated";
/// The column of the embedded tables with the record as received; no Sentinel table has it.
pub const RECORD: &str = "Record";

/// The SQLite type in which a column is stored.
pub const fn sqlite_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::String | ColumnKind::Dynamic | ColumnKind::DateTime => "TEXT",
        ColumnKind::Long => "INTEGER",
        ColumnKind::Real => "REAL",
    }
}

/// The columns of the SQLite table: name and type, the record as received last.
pub fn sqlite_columns(table: &Table) -> Vec<(&str, &'static str)> {
    let columns = table.columns.iter().map(|column| (&*column.name, sqlite_type(column.kind)));
    columns.chain([(RECORD, "TEXT")]).collect()
}

/// What identifies a row of a SQLite table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// Time and id. Ids are random: in an index of ids alone, each row of a batch is on a page of its own.
    TimeAndId,
    /// The id alone, as in databases that earlier builds made.
    Id,
}

impl RowKey {
    /// The columns of the primary key, in order.
    pub fn columns(self, table: &Table) -> Vec<&str> {
        match self {
            Self::TimeAndId => vec![&table.time, &table.key],
            Self::Id => vec![&table.key],
        }
    }
}

/// The statement that creates the SQLite table, with [`RowKey::TimeAndId`].
pub fn sqlite_create(table: &Table) -> String {
    let key = RowKey::TimeAndId.columns(table);
    let line = |(name, kind): (&str, &str)| match name {
        _ if name == RECORD || key.contains(&name) => format!("  \"{name}\" {kind} NOT NULL"),
        _ => format!("  \"{name}\" {kind}"),
    };
    let mut lines: Vec<String> = sqlite_columns(table).into_iter().map(line).collect();
    lines.push(format!("  PRIMARY KEY ({})", quoted(&key)));
    format!("CREATE TABLE \"{}\" (\n{}\n)", table.name, lines.join(",\n"))
}

/// The statement that creates an index on time unless it is there, for a table with [`RowKey::Id`].
pub fn sqlite_index(table: &Table) -> String {
    format!("CREATE INDEX IF NOT EXISTS \"{0}_{1}\" ON \"{0}\" (\"{1}\")", table.name, table.time)
}

/// The statement that inserts a row: the columns in order, then the record. The first version of a row wins, unless the
/// table says otherwise.
pub fn sqlite_insert(table: &Table, key: RowKey) -> String {
    let names: Vec<&str> = sqlite_columns(table).into_iter().map(|(name, _)| name).collect();
    let places = vec!["?"; names.len()].join(", ");
    let set =
        names.iter().map(|name| format!("\"{name}\" = excluded.\"{name}\"")).collect::<Vec<_>>().join(", ");
    let (names, key, name) = (quoted(&names), quoted(&key.columns(table)), &table.name);
    let otherwise = if table.newest_wins { format!("UPDATE SET {set}") } else { "NOTHING".to_owned() };
    format!("INSERT INTO \"{name}\" ({names}) VALUES ({places}) ON CONFLICT({key}) DO {otherwise}")
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// The table's columns as a Markdown table.
pub fn markdown(table: &Table) -> String {
    let mut text = String::from("| column | type | from | meaning |\n| --- | --- | --- | --- |\n");
    for Column { name, kind, from, about } in &table.columns {
        let from = match from {
            Origin::Field(field) | Origin::Time(field) => format!("`{field}`"),
            Origin::Inner(field, member) => format!("`{field}.{member}`"),
            Origin::Details => "the key named by `type`".to_owned(),
            Origin::Connector => "the collector's name".to_owned(),
            Origin::Constant(text) => format!("always `{text}`"),
        };
        let kind = kind.name();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{name}` | {kind} | {from} | {about} |");
    }
    text
}
