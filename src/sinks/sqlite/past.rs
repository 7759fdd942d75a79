//! Records that the tables hold, read back for `ccfd rules test`.

use std::path::Path;

use collectors::{Record, TimeField};
use rusqlite::params;

use super::{classify::of_database, compare::open};
use crate::{
    sinks::{SinkError, disk},
    tables::{Table, iso8601, render::RECORD},
};

/// Hands out the records of a table since a second, oldest first, with the names of their collectors. A database or a table
/// that does not exist has none.
///
/// # Errors
///
/// If the database cannot be read.
pub fn past_records(
    path: &Path,
    table: &Table,
    time: TimeField,
    since: i64,
    mut each: impl FnMut(&str, Record) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    let path = std::path::absolute(path).map_err(|error| disk::failed(path, error))?;
    if !path.exists() {
        return Ok(());
    }
    let failed = |error| of_database(&path, error);
    let connection = open(&path).map_err(failed)?;
    let known = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let tables: i64 = connection.query_row(known, [&*table.name], |row| row.get(0)).map_err(failed)?;
    if tables == 0 {
        return Ok(());
    }
    let sql = format!(
        "SELECT \"ConnectorName\", \"{RECORD}\" FROM \"{}\" WHERE \"{time}\" >= ?1 ORDER BY \"{time}\"",
        table.name,
        time = table.time
    );
    let mut query = connection.prepare(&sql).map_err(failed)?;
    let mut rows = query.query(params![iso8601(since).as_str()]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let connector: Option<String> = row.get(0).map_err(failed)?;
        // Of any type: somebody may have written something else than text.
        let record = row.get_ref(1).map_err(failed)?.as_bytes().unwrap_or_default();
        if let Ok(record) = Record::read(record, time) {
            each(connector.as_deref().unwrap_or_default(), record)?;
        }
    }
    Ok(())
}
