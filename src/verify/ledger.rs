//! The ledger of a run: what the source listed and, where it differs, what the sink holds. A database of its own in the
//! run's folder, so that memory does not grow with the window: some 60 bytes a record on disk, removed at the end.

use std::{
    collections::BTreeSet,
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use rusqlite::{Connection, params};

use crate::{
    sinks::{
        Batch, Looked, Receipt, Redelivery, Sink, SinkError, WriteFailure,
        comparable::{HourDigest, SinkRow, Span, hour_of, record_hash, record_seed},
        sink_thread::SinkThread,
        sqlite::functions,
    },
    tables::{Table, iso8601},
};

/// Nothing has to survive: a run that was killed starts over. Keys are in order of time, as the source is read, so that a
/// small cache is enough.
const SCHEMA: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -16384;
    CREATE TABLE source (
        hour INTEGER NOT NULL, id TEXT NOT NULL, second INTEGER NOT NULL, record INTEGER NOT NULL,
        PRIMARY KEY (hour, id)
    ) WITHOUT ROWID;
    CREATE TABLE sink (
        hour INTEGER NOT NULL, id TEXT NOT NULL, second INTEGER NOT NULL, copies INTEGER NOT NULL,
        record INTEGER, redacted INTEGER, varies INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (hour, id)
    ) WITHOUT ROWID;
    CREATE TABLE missing (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
";

const DIGEST_SOURCE: &str =
    "SELECT hour, count(*), count(*), bit_xor(xxh64(id)), bit_xor(record) FROM source GROUP BY hour";
const DIGEST_SINK: &str = "SELECT hour, sum(copies), count(*), bit_xor(xxh64(id)), bit_xor(record), min(record IS NOT NULL) FROM sink \
                           GROUP BY hour";
/// The digests of ids do not have the time of a row.
const MOVED: &str = "SELECT DISTINCT s.hour FROM source AS s JOIN sink AS k ON k.hour = s.hour AND k.id = s.id \
                     WHERE k.second <> s.second OR k.varies";
const BATCH_BYTES: usize = 1 << 20;

/// The ledger. Cheap to clone; the last clone removes it.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<LedgerState>,
}

struct LedgerState {
    thread: SinkThread,
    connection: Mutex<Option<Connection>>,
    dir: PathBuf,
}

impl Drop for LedgerState {
    fn drop(&mut self) {
        drop(self.connection.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            tracing::warn!(%error, dir = %self.dir.display(), "ledger of a verification not removed");
        }
    }
}

impl Ledger {
    /// An empty ledger in a new folder.
    pub fn create(dir: &Path) -> Result<Self, SinkError> {
        let failed = |source| SinkError::Io { path: dir.display().to_string(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let open = || {
            let connection = Connection::open(dir.join("ledger.db"))?;
            functions::register(&connection)?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| of_ledger(dir, error))?;
        let state = LedgerState {
            thread: SinkThread::default(),
            connection: Mutex::new(Some(connection)),
            dir: dir.to_owned(),
        };
        Ok(Self { shared: Arc::new(state) })
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Works on the database, on its own thread.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SinkError> {
        let shared = self.shared.clone();
        let done = self.shared.thread.run(move || {
            let mut held = shared.connection.lock().unwrap_or_else(PoisonError::into_inner);
            held.as_mut().map_or(Err(rusqlite::Error::InvalidQuery), work)
        });
        let path = || self.shared.dir.display().to_string();
        let done = done.await.map_err(|source| SinkError::Io { path: path(), source })?;
        done.map_err(|error| of_ledger(&self.shared.dir, error))
    }

    /// The digests of what the source listed, in order.
    pub async fn source_hours(&self) -> Result<Vec<HourDigest>, SinkError> {
        self.run(|connection| {
            let mut hours = connection.prepare(DIGEST_SOURCE)?;
            let found = hours.query_map([], |row| digest(row, true))?;
            found.collect()
        })
        .await
    }

    /// The digests of the rows that were fetched from the sink, in order.
    pub async fn sink_hours(&self) -> Result<Vec<HourDigest>, SinkError> {
        self.run(|connection| {
            let mut hours = connection.prepare(DIGEST_SINK)?;
            let found = hours.query_map([], |row| digest(row, row.get(5)?))?;
            found.collect()
        })
        .await
    }

    /// The hours with rows that have another second in the sink than at the source.
    pub async fn moved_hours(&self) -> Result<BTreeSet<i64>, SinkError> {
        self.run(|connection| {
            let mut hours = connection.prepare(MOVED)?;
            let found = hours.query_map([], |row| row.get(0))?;
            found.collect()
        })
        .await
    }

    /// Adds rows of the sink.
    pub async fn add_rows(&self, rows: Vec<SinkRow>) -> Result<(), SinkError> {
        self.run(move |connection| {
            let change = connection.transaction()?;
            {
                let mut add = change.prepare_cached(
                    "INSERT INTO sink (hour, id, second, copies, record, redacted) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                     ON CONFLICT DO UPDATE SET copies = copies + excluded.copies, \
                     varies = varies OR record IS NOT excluded.record OR second <> excluded.second",
                )?;
                for row in &rows {
                    let (record, redacted) = (row.record.map(|hash| hash as i64), row.redacted.map(|hash| hash as i64));
                    let copies = i64::try_from(row.copies).unwrap_or(i64::MAX);
                    add.execute(params![hour_of(row.second), row.id, row.second, copies, record, redacted])?;
                }
            }
            change.commit()
        })
        .await
    }

    /// Forgets what was fetched from the sink, before it is asked again.
    pub async fn forget_rows(&self) -> Result<(), SinkError> {
        self.run(|connection| connection.execute_batch("DELETE FROM sink; DELETE FROM missing;")).await
    }
}

fn digest(row: &rusqlite::Row<'_>, has_records: bool) -> rusqlite::Result<HourDigest> {
    let record_digest = row.get::<_, i64>(4)? as u64;
    Ok(HourDigest {
        hour: row.get(0)?,
        rows: row.get::<_, i64>(1)?.unsigned_abs(),
        ids: row.get::<_, i64>(2)?.unsigned_abs(),
        id_digest: row.get::<_, i64>(3)? as u64,
        record_digest: has_records.then_some(record_digest),
    })
}

fn of_ledger(dir: &Path, error: rusqlite::Error) -> SinkError {
    SinkError::Io { path: dir.display().to_string(), source: std::io::Error::other(error.to_string()) }
}

/// Takes the records of the source in place of a destination, and keeps of each its id, its second and its hash.
pub struct LedgerSink {
    ledger: Ledger,
    window: Span,
}

impl LedgerSink {
    /// Records outside of the window are not noted.
    pub fn new(ledger: Ledger, window: Span) -> Self {
        Self { ledger, window }
    }
}

#[async_trait]
impl Sink for LedgerSink {
    fn redelivery(&self) -> Redelivery {
        Redelivery::Harmless
    }

    fn batch_bytes(&self) -> usize {
        BATCH_BYTES
    }

    fn identity(&self, _: &Table) -> String {
        "verification".to_owned()
    }

    async fn check(&self, _: &[Arc<Table>]) -> Result<Looked, SinkError> {
        Ok(String::new().into())
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        let window = self.window;
        let written = self.ledger.run(move |connection| {
            let mut accepted = 0;
            let change = connection.transaction()?;
            {
                let mut add = change.prepare_cached(
                    "INSERT INTO source (hour, id, second, record) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )?;
                for record in batch.records.iter().filter(|record| window.has(record.second)) {
                    let Some(id) = record.id_text() else { continue };
                    let seed = record_seed(&id, iso8601(record.second).as_str().as_bytes());
                    let hash = record_hash(seed, &record.raw) as i64;
                    accepted += add.execute(params![hour_of(record.second), id, record.second, hash])? as u64;
                }
            }
            change.commit()?;
            let already_there = batch.records.len() as u64 - accepted;
            Ok(Receipt { accepted, already_there, ..Receipt::default() })
        });
        Ok(written.await?)
    }
}
