//! The embedded tables: a database of its own, one table an index. That of records is another file.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{SecondsFormat, Utc};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use serde_json::{Map, Value, json};

use super::{
    names::ReservedNames,
    target::{IndexFailure, IndexTarget, IndexWrite},
};
use crate::sinks::{SinkError, disk, sink_thread::SinkThread, sqlite::of_database};

/// Bytes of disk that stay free.
const FREE_MIN: u64 = 64 << 20;
/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(5);
/// Bytes of a random id.
const ID_BYTES: usize = 15;

/// The tables.
pub(super) struct IndexTables {
    path: PathBuf,
    size_max: u64,
    reserved: ReservedNames,
    open: Arc<Mutex<Option<OpenTables>>>,
    thread: SinkThread,
}

struct OpenTables {
    connection: Connection,
    inode: disk::Inode,
}

impl IndexTables {
    /// Opens nothing yet.
    pub(super) fn new(path: PathBuf, size_max: u64, reserved: ReservedNames) -> Self {
        Self { path, size_max, reserved, open: Arc::default(), thread: SinkThread::default() }
    }
}

#[async_trait]
impl IndexTarget for IndexTables {
    async fn write(&self, write: IndexWrite<'_>) -> Result<Value, IndexFailure> {
        self.reserved.check(write.index).map_err(IndexFailure::lasting)?;
        let (path, size_max, open) = (self.path.clone(), self.size_max, Arc::clone(&self.open));
        let (index, documents, refresh) = (write.index.to_owned(), write.documents.to_vec(), write.refresh);
        let done = self.thread.run(move || {
            let held = open.lock().unwrap_or_else(PoisonError::into_inner).take();
            let tables = match held.filter(|held| held.inode.is_at(&path)) {
                Some(tables) => tables,
                None => OpenTables::at(&path)?,
            };
            disk::ensure_free(&path, FREE_MIN)?;
            let mut tables = tables;
            let written = tables.write(&index, &documents, refresh, size_max);
            *open.lock().unwrap_or_else(PoisonError::into_inner) = Some(tables);
            written.map_err(|error| of_database(&path, error))
        });
        match done.await.unwrap_or_else(|error| Err(disk::failed(&self.path, error))) {
            Ok(Some(response)) => Ok(response),
            Ok(None) => Err(IndexFailure {
                reason: "the embedded tables are full: see `index_size_max` in `[connectors]`".to_owned(),
                is_temporary: true,
                is_sent: false,
            }),
            Err(error) => Err(of_sink(&error)),
        }
    }
}

fn of_sink(error: &SinkError) -> IndexFailure {
    // The caller need not know where the file is.
    tracing::error!(error = crate::reasons::with_reasons(error), "documents of a connector are not written");
    let reason = "the embedded tables cannot be written".to_owned();
    IndexFailure { reason, is_temporary: true, is_sent: false }
}

impl OpenTables {
    fn at(path: &Path) -> Result<Self, SinkError> {
        let path = std::path::absolute(path).map_err(|error| disk::failed(path, error))?;
        let failed = |error| of_database(&path, error);
        disk::create_private(&path, FREE_MIN)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        let pragmas =
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 8388608;";
        connection.execute_batch(pragmas).map_err(failed)?;
        let found = path.metadata().map_err(|error| disk::failed(&path, error))?;
        Ok(Self { connection, inode: disk::Inode::of(&found) })
    }

    /// Writes all of them or none; `None` if there is no room.
    fn write(
        &mut self,
        index: &str,
        documents: &[Map<String, Value>],
        refresh: bool,
        size_max: u64,
    ) -> rusqlite::Result<Option<Value>> {
        let began = Instant::now();
        let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let bytes: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        if bytes.unsigned_abs() >= size_max {
            return Ok(None);
        }
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // The name of an index has no quotation mark.
        begun.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS \"{index}\" (_id TEXT PRIMARY KEY, \"@timestamp\" TEXT NOT NULL, document TEXT NOT NULL)"
        ))?;
        let mut insert = begun.prepare(&format!("INSERT INTO \"{index}\" VALUES (?1, ?2, ?3)"))?;
        let mut items = Vec::with_capacity(documents.len());
        for document in documents {
            let id = new_id().ok_or(rusqlite::Error::InvalidQuery)?;
            insert.execute(params![
                id,
                timestamp(document),
                serde_json::to_string(document).unwrap_or_default()
            ])?;
            items.push(created(index, &id, begun.last_insert_rowid() - 1, refresh));
        }
        drop(insert);
        begun.commit()?;
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Some(json!({ "took": took, "errors": false, "items": items })))
    }
}

/// The item of a document in a bulk response.
fn created(index: &str, id: &str, number: i64, refresh: bool) -> Value {
    let mut item = json!({
        "_index": index, "_id": id, "_version": 1, "result": "created",
        "_shards": { "total": 1, "successful": 1, "failed": 0 },
        "_seq_no": number, "_primary_term": 1, "status": 201
    });
    if refresh && let Some(item) = item.as_object_mut() {
        item.insert("forced_refresh".to_owned(), true.into());
    }
    json!({ "create": item })
}

/// The document's own time, else now.
fn timestamp(document: &Map<String, Value>) -> String {
    match document.get("@timestamp") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
            Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
        }
    }
}

fn new_id() -> Option<String> {
    let mut bytes = [0; ID_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}
