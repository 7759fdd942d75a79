//! `ccfd query --schema`: the tables and views, as the definitions of the tables have them.

use std::io;

use crate::{
    cli::rows::Finish,
    sinks::sqlite::query::{ResultCell, views::views},
    tables::{ColumnKind, Tables, render::RECORD},
};

/// A row for each column of each table and view.
pub fn write(mut rows: impl Finish) -> io::Result<()> {
    rows.columns(&["table", "column", "type", "meaning"])?;
    let mut row = |table: &str, column: &str, kind: ColumnKind, about: &str| {
        rows.row(&[table, column, kind.name(), about].map(ResultCell::Text))
    };
    for view in views() {
        for column in &view.columns {
            row(view.name, column.name, column.kind, column.about)?;
        }
    }
    for table in &Tables::built_in() {
        for column in &table.columns {
            row(&table.name, &column.name, column.kind, &column.about)?;
        }
        row(&table.name, RECORD, ColumnKind::String, "The record as received")?;
    }
    rows.finish()
}
