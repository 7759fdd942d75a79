//! The tables of the database: created if missing, given the columns that an older version lacked, and
//! refused if they are not ours.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

use crate::tables::{
    Table, Tables, Text,
    render::{self, RowKey},
};

/// A column as the database has it.
struct FoundColumn {
    name: String,
    kind: String,
    /// Whether every insertion must give it a value.
    demanded: bool,
    /// Its place in the primary key, from 1; 0 outside it.
    key: i64,
}

/// Creates or extends every table, and returns what identifies the rows of each, by its name. `Ok(Err(reason))` says
/// why a table cannot be ours.
pub(super) fn prepare(
    connection: &mut Connection,
    tables: &Tables,
) -> rusqlite::Result<Result<HashMap<Text, RowKey>, String>> {
    let change = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut keys = HashMap::new();
    for table in tables {
        let columns = columns(&change, &table.name)?;
        let key = if columns.is_empty() {
            change.execute_batch(&render::sqlite_create(table))?;
            RowKey::TimeAndId
        } else {
            let key = match row_key(&change, table, &columns)? {
                Ok(key) => key,
                Err(reason) => return Ok(Err(reason)),
            };
            add_missing(&change, table, &columns)?;
            key
        };
        match key {
            // Its primary key is the index.
            RowKey::TimeAndId => {}
            RowKey::Id => change.execute_batch(&render::sqlite_index(table))?,
        }
        keys.insert(table.name.clone(), key);
    }
    change.commit()?;
    Ok(Ok(keys))
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<FoundColumn>> {
    let sql = "SELECT name, type, \"notnull\" AND dflt_value IS NULL, pk FROM pragma_table_info(?1)";
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([table], |row| {
        Ok(FoundColumn { name: row.get(0)?, kind: row.get(1)?, demanded: row.get(2)?, key: row.get(3)? })
    })?;
    found.collect()
}

/// What identifies the rows of a table of this name, or why it is not one of ours.
fn row_key(
    connection: &Connection,
    table: &Table,
    found: &[FoundColumn],
) -> rusqlite::Result<Result<RowKey, String>> {
    let name = &*table.name;
    let sql = "SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')";
    let kind: Option<String> = connection.query_row(sql, [name], |row| row.get(0)).optional()?;
    if kind.as_deref() != Some("table") {
        return Ok(Err(format!("{name} is not a table")));
    }
    let mut found_key: Vec<&FoundColumn> = found.iter().filter(|column| column.key > 0).collect();
    found_key.sort_by_key(|column| column.key);
    let found_key: Vec<&str> = found_key.into_iter().map(|column| column.name.as_str()).collect();
    let ours = [RowKey::TimeAndId, RowKey::Id].into_iter().find(|key| key.columns(table) == found_key);
    let Some(row_key) = ours else {
        let (time, key) = (&table.time, &table.key);
        return Ok(Err(format!("the primary key of table {name} is neither ({time}, {key}) nor {key}")));
    };
    let wanted = render::sqlite_columns(table);
    for column in found {
        let ours = wanted.iter().find(|(name, _)| *name == column.name);
        match ours {
            Some((_, kind)) if !column.kind.eq_ignore_ascii_case(kind) => {
                let (column, is) = (&column.name, &column.kind);
                return Ok(Err(format!("column {column} of table {name} has type {is}, not {kind}")));
            }
            None if column.demanded => {
                let column = &column.name;
                return Ok(Err(format!(
                    "column {column} of table {name} is not one of ccfd's and requires a \
                                        value"
                )));
            }
            Some(_) | None => {}
        }
    }
    Ok(Ok(row_key))
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
