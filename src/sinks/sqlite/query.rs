//! Reads the embedded tables, next to a daemon that writes to them.

mod backup;
pub mod since;
pub mod views;

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use collectors::Clock;
use rusqlite::{Connection, OpenFlags, types::ValueRef};

pub use self::backup::backup;

/// How long to wait while another process recovers the database.
const BUSY: Duration = Duration::from_secs(5);

/// One value of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResultCell<'a> {
    /// SQL NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A floating point number.
    Real(f64),
    /// Text; dynamic columns are JSON text.
    Text(&'a str),
    /// Bytes, or text that is not UTF-8.
    Bytes(&'a [u8]),
}

/// Takes a result, row by row.
pub trait Rows {
    /// The names of the columns; called once, before the first row.
    fn columns(&mut self, names: &[&str]) -> io::Result<()>;

    /// The next row: a value for each column.
    fn row(&mut self, values: &[ResultCell<'_>]) -> io::Result<()>;
}

/// Why a query gave no result, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no database yet.
    #[error("{path}: no such database")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The statement would change something.
    #[error("only read-only statements are allowed")]
    Writes,
    /// The database, or the text of the query, is at fault.
    #[error("{0}")]
    Sql(rusqlite::Error),
    /// The rows could not be passed on.
    #[error(transparent)]
    Output(io::Error),
    /// Something exists at the path of the copy.
    #[error("{path}: already exists; name a new file")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process is writing this copy.
    #[error("{path}: another backup is being written there")]
    Copying {
        /// The file.
        path: PathBuf,
    },
    /// The copy could not be made.
    #[error("{path}")]
    Copy {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// SQLite's text contains what its `source`, the error code, says.
impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Runs one SQL statement that reads, and hands its rows to `rows` as they come; answers how many there were. Makes no
/// file, changes nothing, and does not disturb a daemon that is writing. The statement may use [`since`] and the
/// [`views`].
pub fn run(path: &Path, sql: &str, rows: &mut dyn Rows) -> Result<u64, QueryError> {
    run_at(path, sql, Clock::system().now(), rows)
}

/// As [`run`], at this Unix second.
fn run_at(path: &Path, sql: &str, now: i64, rows: &mut dyn Rows) -> Result<u64, QueryError> {
    let connection = open(path)?;
    since::add(&connection, now)?;
    views::add(&connection)?;
    let mut statement = connection.prepare(sql)?;
    if !statement.readonly() {
        return Err(QueryError::Writes);
    }
    let names: Vec<&str> = statement.column_names().collect();
    rows.columns(&names).map_err(QueryError::Output)?;
    let width = names.len();
    let mut results = statement.raw_query();
    let mut count = 0;
    while let Some(row) = results.next()? {
        let mut values = Vec::with_capacity(width);
        for column in 0..width {
            values.push(cell(row.get_ref(column)?));
        }
        rows.row(&values).map_err(QueryError::Output)?;
        count += 1;
    }
    Ok(count)
}

fn open(path: &Path) -> Result<Connection, QueryError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if !path.exists() {
        return Err(QueryError::Missing { path });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY)?;
    super::functions::register(&connection)?;
    Ok(connection)
}

fn cell(value: ValueRef<'_>) -> ResultCell<'_> {
    match value {
        ValueRef::Null => ResultCell::Null,
        ValueRef::Integer(number) => ResultCell::Integer(number),
        ValueRef::Real(number) => ResultCell::Real(number),
        ValueRef::Text(text) => std::str::from_utf8(text).map_or(ResultCell::Bytes(text), ResultCell::Text),
        ValueRef::Blob(bytes) => ResultCell::Bytes(bytes),
    }
}

#[cfg(test)]
mod tests;
