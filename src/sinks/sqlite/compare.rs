//! What the tables hold, for `ccfd verify`: read with a connection of its own, beside a daemon that writes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use tokio::sync::mpsc;

use super::{classify::of_database, database::BUSY, functions, retain};
use crate::{
    config::SqliteSettings,
    sinks::{
        SinkError,
        comparable::{
            Comparable, HourDigest, PAGE_ROWS, Question, Shows, SinkRow, Span, Statement, hour_of,
            record_hash, record_seed,
        },
        disk,
        sink_thread::SinkThread,
    },
    tables::{iso8601, render::RECORD},
};

/// The column with the collector's name.
const CONNECTOR: &str = "ConnectorName";

/// Reads the tables of a sink.
pub struct SqliteRows {
    settings: SqliteSettings,
    thread: SinkThread,
}

impl SqliteRows {
    /// Touches nothing yet.
    pub fn new(settings: SqliteSettings) -> Self {
        Self { settings, thread: SinkThread::default() }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SinkError> {
        let path = self.path();
        let done = self.thread.run(move || {
            let failed = |error| of_database(&path, error);
            let connection = open(&path).map_err(failed)?;
            work(&connection).map_err(failed)
        });
        done.await.map_err(|error| disk::failed(&self.settings.path, error)).and_then(|done| done)
    }

    fn path(&self) -> PathBuf {
        std::path::absolute(&self.settings.path).unwrap_or_else(|_| self.settings.path.clone())
    }
}

/// Opens the database to read, with the functions of `ccfd query`.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    functions::register(&connection)?;
    Ok(connection)
}

/// The digest of the ids, and that of the records.
fn sums(question: &Question) -> [String; 2] {
    let (key, time) = (&question.table.key, &question.table.time);
    [
        format!("bit_xor(xxh64(\"{key}\"))"),
        format!("bit_xor(xxh64_json(\"{RECORD}\", xxh64(\"{key}\" || \"{time}\")))"),
    ]
}

/// The rows of the question within two times that are given as parameters, or as text.
fn rows_between(question: &Question, [connector, from, to]: [&str; 3]) -> String {
    let (table, time) = (&question.table.name, &question.table.time);
    format!(
        "FROM \"{table}\" WHERE \"{CONNECTOR}\" = {connector} AND \"{time}\" >= {from} AND \"{time}\" < {to}"
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[async_trait]
impl Comparable for SqliteRows {
    fn identity(&self) -> String {
        format!("sqlite {}", disk::absolute(&self.settings.path))
    }

    fn shows(&self) -> Shows {
        Shows { records: true, doubled: true, collectors: true }
    }

    fn limits(&self, question: &Question) -> Vec<String> {
        vec![
            format!(
                "rows whose {CONNECTOR} is not `{}` are those of other collectors and are not compared",
                question.connector
            ),
            format!("of a row its id, its time and `{RECORD}` are compared, and no other column"),
        ]
    }

    fn statements(&self, question: &Question) -> Vec<Statement> {
        let (key, time) = (&question.table.key, &question.table.time);
        let [from, to] =
            [question.window.from, question.window.to].map(|second| quoted(iso8601(second).as_str()));
        let rows = rows_between(question, [&quoted(&question.connector), &from, &to]);
        let [of_ids, of_records] = sums(question);
        let by_hour = format!(
            "SELECT substr(\"{time}\", 1, 13) AS hour, count(*) AS \"rows\", count(*) AS ids, \
             {of_ids} AS id_digest, {of_records} AS record_digest {rows} GROUP BY 1 ORDER BY 1"
        );
        let ids = format!("SELECT \"{key}\", \"{time}\" {rows} ORDER BY \"{time}\", \"{key}\"");
        let statement = |about: &str, text| Statement { about: about.to_owned(), language: "SQL", text };
        vec![
            statement(
                "the digests of each hour, as signed numbers: for `ccfd query`, which has these functions",
                by_hour,
            ),
            statement("every id and its time: for `ccfd query` or the sqlite3 shell", ids),
        ]
    }

    async fn held_from(&self, question: &Question, now: i64) -> Result<Option<i64>, SinkError> {
        let age = |retention: std::time::Duration| i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
        let by_age = self.settings.retention.map(|retention| now.saturating_sub(age(retention)));
        let Some(size_max) = self.settings.size_max else { return Ok(by_age) };
        let (table, time) = (question.table.name.clone(), question.table.time.clone());
        let by_size = self.run(move |connection| {
            // Rows are removed down to half of the limit, where the log takes the other half; far below that none were.
            if retain::bytes_used(connection)? < size_max / 4 {
                return Ok(None);
            }
            let oldest = format!("SELECT unixepoch(min(\"{time}\")) FROM \"{table}\"");
            let oldest: Option<i64> = connection.query_row(&oldest, [], |row| row.get(0))?;
            // Of the oldest second some rows may be gone; of a table without rows, all.
            Ok(Some(oldest.map_or(i64::MAX, |second| second + 1)))
        });
        Ok(by_age.max(by_size.await?))
    }

    async fn of_others(
        &self,
        question: &Question,
        ids: Vec<(String, i64)>,
    ) -> Result<BTreeMap<String, String>, SinkError> {
        let question = question.clone();
        self.run(move |connection| {
            let (table, key, time) = (&question.table.name, &question.table.key, &question.table.time);
            let sql = format!(
                "SELECT \"{CONNECTOR}\" FROM \"{table}\" WHERE \"{time}\" = ?1 AND \"{key}\" = ?2 AND \"{CONNECTOR}\" <> ?3"
            );
            let mut of_id = connection.prepare(&sql)?;
            let mut found = BTreeMap::new();
            for (id, second) in ids {
                let time = iso8601(second);
                let other =
                    of_id.query_row(params![time.as_str(), id, &*question.connector], |row| row.get(0));
                found.extend(other.optional()?.map(|other: String| (id, other)));
            }
            Ok(found)
        })
        .await
    }

    async fn hours(&self, question: &Question) -> Result<Option<Vec<HourDigest>>, SinkError> {
        let question = question.clone();
        let hours = self.run(move |connection| {
            let rows = rows_between(&question, ["?1", "?2", "?3"]);
            let sql = format!("SELECT count(*), {} {rows}", sums(&question).join(", "));
            // An hour at a time: grouped by one statement, SQLite would sort whole records.
            let mut of_hour = connection.prepare(&sql)?;
            let mut hours = Vec::new();
            let mut next = next_hour(connection, &question, question.window.from)?;
            while let Some(hour) = next {
                let (from, to) = (hour.max(question.window.from), (hour + 3600).min(question.window.to));
                let (from, end) = (iso8601(from), iso8601(to));
                let found =
                    of_hour.query_row(params![&*question.connector, from.as_str(), end.as_str()], |row| {
                        Ok(HourDigest {
                            hour,
                            rows: count(row, 0)?,
                            ids: count(row, 0)?,
                            id_digest: row.get::<_, i64>(1)? as u64,
                            record_digest: Some(row.get::<_, i64>(2)? as u64),
                        })
                    })?;
                hours.push(found);
                next = next_hour(connection, &question, to)?;
            }
            Ok(hours)
        });
        hours.await.map(Some)
    }

    async fn rows(
        &self,
        question: &Question,
        spans: &[Span],
        pages: mpsc::Sender<Vec<SinkRow>>,
    ) -> Result<(), SinkError> {
        let (question, spans) = (question.clone(), spans.to_vec());
        self.run(move |connection| {
            let (key, time) = (&question.table.key, &question.table.time);
            let sql = format!(
                "SELECT \"{key}\", unixepoch(\"{time}\"), \"{RECORD}\", \"{time}\" {}",
                rows_between(&question, ["?1", "?2", "?3"])
            );
            let mut of_span = connection.prepare(&sql)?;
            let mut page = Vec::with_capacity(PAGE_ROWS);
            for span in spans {
                let (from, to) = (iso8601(span.from), iso8601(span.to));
                let mut rows = of_span.query(params![&*question.connector, from.as_str(), to.as_str()])?;
                while let Some(row) = rows.next()? {
                    let id: String = row.get(0)?;
                    // Of any type: somebody may have written something else than text.
                    let record = row.get_ref(2)?.as_bytes().unwrap_or_default();
                    // So may the time, which only sorts between the two.
                    let second = row.get::<_, Option<i64>>(1)?.unwrap_or(span.from);
                    let seed = record_seed(&id, row.get_ref(3)?.as_bytes().unwrap_or_default());
                    page.push(of(&question, id, second, (seed, record)));
                    if page.len() == PAGE_ROWS && pages.blocking_send(std::mem::take(&mut page)).is_err() {
                        return Ok(());
                    }
                }
            }
            _ = pages.blocking_send(page);
            Ok(())
        })
        .await
    }
}

/// SQLite has signed numbers only.
fn count(row: &rusqlite::Row<'_>, place: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(place).map(i64::unsigned_abs)
}

/// The row of a record, and the seed of its hash.
fn of(question: &Question, id: String, second: i64, (seed, record): (u64, &[u8])) -> SinkRow {
    let redacted = question.redact.as_ref().and_then(|redact| redact(&Bytes::copy_from_slice(record)));
    SinkRow {
        second,
        copies: 1,
        record: Some(record_hash(seed, record)),
        redacted: redacted.map(|record| record_hash(seed, &record)),
        id,
    }
}

/// The first hour at or after a second that has rows, of whichever collector.
fn next_hour(connection: &Connection, question: &Question, from: i64) -> rusqlite::Result<Option<i64>> {
    if from >= question.window.to {
        return Ok(None);
    }
    let (table, time) = (&question.table.name, &question.table.time);
    let sql = format!(
        "SELECT count(*), coalesce(unixepoch(min(\"{time}\")), unixepoch(substr(min(\"{time}\"), 1, 13) || ':00:00Z')) \
         FROM (SELECT \"{time}\" FROM \"{table}\" WHERE \"{time}\" >= ?1 AND \"{time}\" < ?2 ORDER BY \"{time}\" LIMIT 1)"
    );
    let (begin, end) = (iso8601(from), iso8601(question.window.to));
    let (rows, first): (i64, Option<i64>) =
        connection
            .query_row(&sql, params![begin.as_str(), end.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // A text that is no time only sorts between two: no hour may be left out because of it.
    Ok((rows > 0).then(|| hour_of(first.unwrap_or(from))))
}
