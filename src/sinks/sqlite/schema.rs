//! The tables of the database: created if missing, given the columns that an older version lacked, and
//! refused if they are not ours.

use rusqlite::{Connection, OptionalExtension as _};

use crate::tables::{Table, Tables, render};

/// A column as the database has it.
struct FoundColumn {
    name: String,
    kind: String,
    /// Whether every insertion must give it a value.
    demanded: bool,
    key: bool,
}

/// Creates or extends every table. `Ok(Err(reason))` says why a table cannot be ours.
pub(super) fn prepare(connection: &mut Connection, tables: &Tables) -> rusqlite::Result<Result<(), String>> {
    let change = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for table in tables {
        let columns = columns(&change, &table.name)?;
        match columns.is_empty() {
            true => change.execute_batch(&render::sqlite_create(table))?,
            false => {
                if let Some(reason) = stranger(&change, table, &columns)? {
                    return Ok(Err(reason));
                }
                add_missing(&change, table, &columns)?;
            }
        }
        change.execute_batch(&render::sqlite_index(table))?;
    }
    change.commit()?;
    Ok(Ok(()))
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<FoundColumn>> {
    let sql = "SELECT name, type, \"notnull\" AND dflt_value IS NULL, pk FROM pragma_table_info(?1)";
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([table], |row| {
        Ok(FoundColumn {
            name: row.get(0)?,
            kind: row.get(1)?,
            demanded: row.get(2)?,
            key: row.get::<_, i64>(3)? > 0,
        })
    })?;
    found.collect()
}

/// Why a table of this name is not one of ours; `None` if it is.
fn stranger(
    connection: &Connection,
    table: &Table,
    found: &[FoundColumn],
) -> rusqlite::Result<Option<String>> {
    let name = &*table.name;
    let sql = "SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')";
    let kind: Option<String> = connection.query_row(sql, [name], |row| row.get(0)).optional()?;
    if kind.as_deref() != Some("table") {
        return Ok(Some(format!("{name} is not a table")));
    }
    let keys: Vec<&str> =
        found.iter().filter(|column| column.key).map(|column| column.name.as_str()).collect();
    if keys != [&*table.key] {
        return Ok(Some(format!("the primary key of table {name} is not {}", table.key)));
    }
    let wanted = render::sqlite_columns(table);
    for column in found {
        let ours = wanted.iter().find(|(name, _)| *name == column.name);
        match ours {
            Some((_, kind)) if !column.kind.eq_ignore_ascii_case(kind) => {
                let (column, is) = (&column.name, &column.kind);
                return Ok(Some(format!("column {column} of table {name} has type {is}, not {kind}")));
            }
            None if column.demanded => {
                let column = &column.name;
                return Ok(Some(format!(
                    "column {column} of table {name} is not one of ccfd's and requires a \
                                        value"
                )));
            }
            Some(_) | None => {}
        }
    }
    Ok(None)
}

fn add_missing(connection: &Connection, table: &Table, found: &[FoundColumn]) -> rusqlite::Result<()> {
    for (name, kind) in render::sqlite_columns(table) {
        if !found.iter().any(|column| column.name == name) {
            connection
                .execute_batch(&format!("ALTER TABLE \"{}\" ADD COLUMN \"{name}\" {kind}", table.name))?;
            tracing::info!(table = &*table.name, column = name, "added a column to the database");
        }
    }
    Ok(())
}
