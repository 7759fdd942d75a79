//! Reading the embedded tables, beside a daemon that writes to them.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, types::ValueRef};

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

/// Why a query gave no (complete) result.
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
    /// There is something where the copy is to be.
    #[error("{path}: already exists; name a new file")]
    Exists {
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

/// SQLite's text says what its `source`, the bare error code, says.
impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Runs one SQL statement that reads, and hands its rows to `rows` as they come; answers how many there were. Makes no
/// file, changes nothing, and does not disturb a daemon that is writing.
pub fn run(path: &Path, sql: &str, rows: &mut dyn Rows) -> Result<u64, QueryError> {
    let connection = open(path)?;
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

/// Copies the database into a new file for its owner alone, as it is at this moment, and answers how large the copy is. A
/// daemon may go on writing meanwhile. What fails leaves no file.
pub fn backup(path: &Path, copy: &Path) -> Result<u64, QueryError> {
    let connection = open(path)?;
    let copy = std::path::absolute(copy).unwrap_or_else(|_| copy.to_owned());
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => QueryError::Exists { path: copy.clone() },
        _ => QueryError::Copy { path: copy.clone(), source },
    };
    // An empty file is filled; SQLite itself would make one that everybody may read.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy).map_err(failed)?;
    let copied = fill(&connection, &copy, &file).and_then(|()| file.metadata().map_err(failed));
    if copied.is_err() {
        let _ = std::fs::remove_file(&copy);
    }
    Ok(copied?.len())
}

fn fill(connection: &Connection, copy: &Path, file: &File) -> Result<(), QueryError> {
    let failed = |source| QueryError::Copy { path: copy.to_owned(), source };
    let name = copy.to_str().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    connection.execute("VACUUM INTO ?1", [name])?;
    file.sync_all().map_err(failed)?;
    let dir = copy.parent().unwrap_or(Path::new("/"));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)
}

fn open(path: &Path) -> Result<Connection, QueryError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if !path.exists() {
        return Err(QueryError::Missing { path });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY)?;
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
