use ccfd::tables::{Table, Tables, render::markdown};

use super::is_written;

fn section(table: &Table) -> String {
    let (name, key) = (&table.name, &table.settings_key);
    format!("\n## `{name}` (`{key}`)\n\n{}", markdown(table))
}

#[test]
fn the_columns_in_the_manual_are_those_of_the_tables() {
    is_written(
        "docs/tables.md",
        "tables",
        &Tables::built_in().iter().map(|table| section(table)).collect::<String>(),
    );
}
