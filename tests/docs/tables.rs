use ccfd::tables::{ALL, Table, render::markdown};

use super::is_written;

fn section(table: &Table) -> String {
    let (name, source) = (table.name, table.source.key());
    format!("\n## `{name}` (`{source}`)\n\n{}", markdown(table))
}

#[test]
fn the_columns_in_the_manual_are_those_of_the_tables() {
    is_written("docs/tables.md", "tables", &ALL.into_iter().map(section).collect::<String>());
}
