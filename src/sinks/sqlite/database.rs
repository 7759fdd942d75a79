//! The open database: how it is opened, and how a batch is stored.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{
    classify::{DatabaseFault, of_database, of_row},
    encode::{bind, in_order_of_keys},
    schema,
};
use crate::{
    config::SqliteSettings,
    sinks::{Batch, Receipt, Refused, SinkError, disk, disk::Inode},
    tables::{
        SchemaDrift, Tables, Text,
        render::{self, RowKey},
        row,
    },
};

/// How long to wait for another process that is writing.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// `FULL` makes each commit survive a loss of power: the cursor moves right after it. The page size and `auto_vacuum`
/// count only before the first table. A batch of few records writes whole pages, so they are small; larger ones would take
/// fewer calls of the system in a catch-up. The cache holds what one batch changes: pages that it has no room for are
/// written, and read again, before the commit. The write-ahead log is copied back by ourselves, once a batch is acknowledged
/// and while the next one is gathered.
const PRAGMAS: &str = "
    PRAGMA page_size = 16384;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA cache_size = -8192;
";

/// An open database with all tables in place.
pub(super) struct Database {
    inode: Inode,
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// A database that others created may have other pages than ours.
    pub(super) page_bytes: u64,
    /// What identifies the rows of each table, by its name.
    keys: HashMap<Text, RowKey>,
    pub(super) tables: Tables,
}

impl Database {
    /// Opens the database, readable only by its owner, and creates or extends its tables.
    pub(super) fn open(settings: &SqliteSettings) -> Result<Self, SinkError> {
        // An absolute path: SQLite would read a name that begins with "file:" as a URI.
        let path =
            std::path::absolute(&settings.path).map_err(|error| disk::failed(&settings.path, error))?;
        disk::create_private(&path, settings.free_min)?;
        let failed = |error| of_database(&path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.execute_batch(PRAGMAS).map_err(failed)?;
        // Not from an open file: closing one would release SQLite's locks on it in this process.
        let inode =
            path.metadata().map(|found| Inode::of(&found)).map_err(|error| disk::failed(&path, error))?;
        match schema::prepare(&mut connection, &settings.tables).map_err(failed)? {
            Ok(keys) => {
                let bytes = connection.query_row("PRAGMA page_size", [], |row| row.get(0));
                let page_bytes = bytes.map(|bytes: u32| bytes.into()).map_err(failed)?;
                Ok(Self { inode, connection, path, page_bytes, keys, tables: settings.tables.clone() })
            }
            Err(reason) => Err(SinkError::Misplaced { path: disk::shown(&path), reason }),
        }
    }

    /// Whether the path still leads to this database.
    pub(super) fn in_place(&self) -> bool {
        self.inode.is_at(&self.path)
    }

    /// The newest time of a row, in Unix seconds.
    pub(super) fn newest(&self) -> rusqlite::Result<Option<i64>> {
        let mut newest = None;
        for table in &self.tables {
            let sql = format!("SELECT unixepoch(max(\"{}\")) FROM \"{}\"", table.time, table.name);
            newest = newest.max(self.connection.query_row(&sql, [], |row| row.get(0))?);
        }
        Ok(newest)
    }

    /// Stores a batch in one transaction. Refused rows are left out and named.
    pub(super) fn store(&mut self, batch: &Batch) -> Result<Receipt, SinkError> {
        let path = &self.path;
        let failed = |error| of_database(path, error);
        let mut drift = SchemaDrift::default();
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let key = self.keys.get(&batch.table.name).copied().unwrap_or(RowKey::TimeAndId);
        let receipt = insert(&begun, path, batch, key, &mut drift)?;
        begun.commit().map_err(failed)?;
        drift.report(&batch.table);
        Ok(receipt)
    }
}

/// Inserts the rows. If another process has changed the tables, that must show before the first row, as a
/// fault of the database, or every row would be blamed for it: so the schema is read again inside the
/// transaction (any query does that), and the statement is compiled against it.
fn insert(
    begun: &Transaction<'_>,
    path: &Path,
    batch: &Batch,
    key: RowKey,
    drift: &mut SchemaDrift,
) -> Result<Receipt, SinkError> {
    let failed = |error| of_database(path, error);
    begun.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(failed)?;
    let mut statement = begun.prepare(&render::sqlite_insert(&batch.table, key)).map_err(failed)?;
    let mut receipt = Receipt::default();
    for index in in_order_of_keys(batch) {
        let record = &batch.records[index].raw;
        let row = row::map(&batch.table, &batch.connector, record, drift);
        let done = bind(&mut statement, &row, record).and_then(|()| statement.raw_execute());
        match done {
            Ok(0) => receipt.already_there += 1,
            Ok(_) => receipt.accepted += 1,
            Err(error) => match of_row(path, error) {
                DatabaseFault::Row(reason) => {
                    receipt.refused.push(Refused { index, kind: "refused", reason })
                }
                DatabaseFault::Database(error) => return Err(error),
            },
        }
        if begun.is_autocommit() {
            let reason =
                "a trigger rolls back the whole transaction; make it RAISE(ABORT) instead".to_owned();
            return Err(SinkError::Misplaced { path: disk::shown(path), reason });
        }
    }
    receipt.refused.sort_by_key(|refused| refused.index);
    Ok(receipt)
}
