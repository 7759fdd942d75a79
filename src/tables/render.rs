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

/// The statement that creates the SQLite table.
pub fn sqlite_create(table: &Table) -> String {
    let line = |(name, kind): (&str, &str)| match name {
        _ if name == table.key => format!("  \"{name}\" {kind} NOT NULL PRIMARY KEY"),
        RECORD => format!("  \"{name}\" {kind} NOT NULL"),
        _ => format!("  \"{name}\" {kind}"),
    };
    let lines: Vec<String> = sqlite_columns(table).into_iter().map(line).collect();
    format!("CREATE TABLE \"{}\" (\n{}\n)", table.name, lines.join(",\n"))
}

/// The statement that creates the index on time, unless it is there.
pub fn sqlite_index(table: &Table) -> String {
    format!("CREATE INDEX IF NOT EXISTS \"{0}_{1}\" ON \"{0}\" (\"{1}\")", table.name, table.time)
}

/// The statement that inserts a row: the columns in order, then the record. The first version of a row wins.
pub fn sqlite_insert(table: &Table) -> String {
    let names: Vec<String> = sqlite_columns(table).iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let places = vec!["?"; names.len()].join(", ");
    let names = names.join(", ");
    let Table { name, key, .. } = table;
    format!("INSERT INTO \"{name}\" ({names}) VALUES ({places}) ON CONFLICT(\"{key}\") DO NOTHING")
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
