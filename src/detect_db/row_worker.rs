//! Who works through rows that are to be done. A worker that was given up while it waited for a lock may still get it, after the
//! next one has begun: a row that it claimed then would never end.

use rusqlite::{Connection, OptionalExtension as _};

/// One worker of a kind of rows, by its number: only the last one that has begun claims rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowWorker(i64);

impl RowWorker {
    /// Begins another one. What earlier ones have claimed is to be done again: that is for the same transaction.
    pub(crate) fn begin(begun: &Connection, rows: &str) -> rusqlite::Result<Self> {
        let sql = "INSERT INTO counter VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1
                   RETURNING value";
        begun.query_row(sql, [counter(rows)], |row| row.get(0)).map(Self)
    }

    /// Whether no other one has begun since.
    pub(crate) fn is_last(self, begun: &Connection, rows: &str) -> rusqlite::Result<bool> {
        let sql = "SELECT value FROM counter WHERE name = ?1";
        let last = begun.prepare_cached(sql)?.query_row([counter(rows)], |row| row.get(0)).optional()?;
        Ok(last == Some(self.0))
    }
}

fn counter(rows: &str) -> String {
    format!("worker of {rows}")
}
