//! How the database is opened.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{DetectDb, held::HeldMatches, outbox::ActionOutbox, schema};
use crate::sinks::{
    SinkError,
    disk::{self, Inode},
    sqlite::of_database,
};

/// The name of the database in the state directory.
pub const FILE_NAME: &str = "detect.db";

/// How long to wait for another process that is writing.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// The pause between two attempts that SQLite does not wait for.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// How many statements stay compiled: all that a batch uses.
const STATEMENTS: usize = 64;

/// `FULL` makes each commit survive a loss of power: the batch is acknowledged right after it.
const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -8192;
    PRAGMA wal_autocheckpoint = 2000;
    PRAGMA journal_size_limit = 8388608;
";

impl DetectDb {
    /// Opens the database, readable only by its owner, and creates it if it is missing.
    pub fn open(path: &Path, free_min: u64) -> Result<Self, SinkError> {
        Self::open_within(path, free_min, BUSY)
    }

    /// The same, waiting for another process at most so long: now, and from now on.
    pub(super) fn open_within(path: &Path, free_min: u64, wait: Duration) -> Result<Self, SinkError> {
        // An absolute path: SQLite would read a name that begins with "file:" as a URI.
        let path = std::path::absolute(path).map_err(|error| disk::failed(path, error))?;
        disk::create_private(&path, free_min)?;
        Self::open_there(path, wait)
    }

    /// Opens the database if there is one: commands do not create it.
    pub fn open_existing(path: &Path) -> Result<Option<Self>, SinkError> {
        let path = std::path::absolute(path).map_err(|error| disk::failed(path, error))?;
        if path.exists() { Self::open_there(path, BUSY).map(Some) } else { Ok(None) }
    }

    fn open_there(path: PathBuf, wait: Duration) -> Result<Self, SinkError> {
        let failed = |error| of_database(&path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
        connection.busy_timeout(wait).map_err(failed)?;
        begin_use(&connection, wait).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Not from an open file: closing one would release SQLite's locks on it in this process.
        let inode =
            path.metadata().map(|found| Inode::of(&found)).map_err(|error| disk::failed(&path, error))?;
        match schema::prepare(&mut connection).map_err(failed)? {
            Ok(()) => Ok(Self {
                inode,
                connection,
                path,
                book: None,
                held: HeldMatches::default(),
                rows_read: Cell::new(0),
                outbox: ActionOutbox::default(),
                alert_routes: Vec::new(),
            }),
            Err(reason) => Err(SinkError::Misplaced { path: disk::shown(&path), reason }),
        }
    }

    /// Waits for another process at most so long, from now on.
    pub(super) fn wait_for_locks(&self, wait: Duration) -> Result<(), SinkError> {
        self.connection.busy_timeout(wait).map_err(|error| of_database(&self.path, error))
    }

    /// Fails if the database cannot be written. Changes nothing.
    pub fn ensure_writable(&mut self) -> Result<(), SinkError> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        begun.map(drop).map_err(|error| of_database(&self.path, error))
    }

    /// Which file it is.
    pub(crate) fn inode(&self) -> Inode {
        self.inode
    }

    /// Whether the path still leads to this database.
    pub fn in_place(&self) -> bool {
        self.inode.is_at(&self.path)
    }

    /// Bytes in pages that are in use.
    pub(super) fn bytes_used(&self) -> rusqlite::Result<u64> {
        let sql = "SELECT (page_count - freelist_count) * page_size
                   FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        self.connection.query_row(sql, [], |row| row.get(0)).map(i64::unsigned_abs)
    }
}

/// SQLite waits for no other process while both change a new database to WAL: one of them must try again.
fn begin_use(connection: &Connection, wait: Duration) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match set_up(connection) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begun.elapsed() < wait =>
            {
                thread::sleep(BUSY_PAUSE);
            }
            done => return done,
        }
    }
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    // It counts only before the first table, and takes the lock of a writer, for which a command that reads must not wait.
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages == 0 {
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    connection.execute_batch(PRAGMAS)
}
