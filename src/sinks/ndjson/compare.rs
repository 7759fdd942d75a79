//! What the files hold, for `ccfd verify`: one scan, beside a daemon that appends.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, ErrorKind},
    path::PathBuf,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Days};
use collectors::Record;
use tokio::sync::mpsc;

use super::name::{self, FileName};
use crate::{
    config::{LineShape, NdjsonSettings},
    sinks::{
        SinkError,
        comparable::{
            Comparable, PAGE_ROWS, Question, Shows, SinkRow, Span, Statement, cover, record_hash, record_seed,
        },
        disk,
        sink_thread::SinkThread,
    },
    tables::{iso8601, utc_day},
};

/// Bytes read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// Reads the files of a sink.
pub struct NdjsonRows {
    dir: PathBuf,
    settings: NdjsonSettings,
    thread: SinkThread,
}

impl NdjsonRows {
    /// Touches nothing yet. The directory is that of the settings.
    pub fn new(dir: PathBuf, settings: NdjsonSettings) -> Self {
        Self { dir, settings, thread: SinkThread::default() }
    }

    /// The files in which rows of the window may be, oldest first. A row is in the file of the day on which it was
    /// written: on its own day if it was delivered at once, later if it was history then, and a day earlier if the clock
    /// was slow.
    fn files(&self, question: &Question) -> Result<Vec<FileName>, SinkError> {
        let day = utc_day(question.window.from);
        let first = day.checked_sub_days(Days::new(1)).unwrap_or(day);
        let mut files = name::all(&self.dir, &self.settings.tables)?;
        files.retain(|name| *name.table == *question.table.name && name.day >= first);
        files.sort();
        Ok(files)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, SinkError> {
        let done = self.thread.run(work).await;
        done.map_err(|error| disk::failed(&self.dir, error)).and_then(|done| done)
    }
}

#[async_trait]
impl Comparable for NdjsonRows {
    fn identity(&self) -> String {
        format!("ndjson {}", disk::absolute(&self.dir))
    }

    fn shows(&self) -> Shows {
        let is_record = self.settings.shape == LineShape::Record;
        Shows { records: is_record, doubled: true, collectors: !is_record }
    }

    fn limits(&self, question: &Question) -> Vec<String> {
        let first = utc_day(question.window.from);
        let mut limits = vec![format!(
            "files of days before the day before {first} are not read; a last line without a line break was never \
             acknowledged and does not count"
        )];
        match self.settings.shape {
            LineShape::Record => limits.push("lines do not name their collector".to_owned()),
            LineShape::Table => {
                limits.push(
                    "ids only: lines with the columns of the table are not compared with the record"
                        .to_owned(),
                );
            }
        }
        limits
    }

    fn statements(&self, question: &Question) -> Vec<Statement> {
        let dir = disk::absolute(&self.dir).replace('\'', "'\\''");
        let (table, Span { from, to }) = (&question.table.name, question.window);
        let filter = match self.settings.shape {
            LineShape::Record => {
                let time = question.time.name();
                format!("select(.{time} >= {from} and .{time} < {to}) | .id")
            }
            LineShape::Table => {
                let (key, time) = (&question.table.key, &question.table.time);
                format!(
                    "select(.ConnectorName == \"{}\" and (.{time} | fromdate) >= {from} and (.{time} | fromdate) < {to}) | .{key}",
                    question.connector
                )
            }
        };
        let text = format!("cat '{dir}'/{table}-*.ndjson | jq -r '{filter}' | sort | uniq -c");
        vec![Statement { about: "every id, and how often it is there".to_owned(), language: "shell", text }]
    }

    async fn held_from(&self, question: &Question, now: i64) -> Result<Option<i64>, SinkError> {
        let age = |retention: std::time::Duration| i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
        // A record is written on its own day or later, and a file is removed when its whole day is too old.
        let by_age = self.settings.retention.map(|retention| now.saturating_sub(age(retention)));
        let Some(size_max) = self.settings.size_max else { return Ok(by_age) };
        let (dir, tables, table) =
            (self.dir.clone(), self.settings.tables.clone(), question.table.name.clone());
        let file_size_max = self.settings.file_size_max;
        let by_size = self.run(move || {
            let (mut bytes, mut oldest) = (0_u64, None);
            for name in name::all(&dir, &tables)? {
                let path = dir.join(name.text());
                bytes += path.metadata().map_err(|error| disk::failed(&path, error))?.len();
                if *name.table == *table {
                    oldest = oldest.into_iter().chain([name.day]).min();
                }
            }
            // A file goes once all of them are too large: well below that none did.
            let may_have_removed = bytes.saturating_add(file_size_max) >= size_max;
            let day_after =
                |day: chrono::NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() + 86_400;
            // Without any file, all may be gone.
            Ok(may_have_removed.then(|| oldest.map_or(i64::MAX, day_after)))
        });
        Ok(by_age.max(by_size.await?))
    }

    async fn rows(
        &self,
        question: &Question,
        spans: &[Span],
        pages: mpsc::Sender<Vec<SinkRow>>,
    ) -> Result<(), SinkError> {
        let files = self.files(question)?;
        let (dir, shape) = (self.dir.clone(), self.settings.shape);
        let (question, spans) = (question.clone(), spans.to_vec());
        self.run(move || {
            let mut page = Vec::with_capacity(PAGE_ROWS);
            for name in files {
                let path = dir.join(name.text());
                let failed = |error| disk::failed(&path, error);
                let mut lines = match File::open(&path) {
                    Ok(file) => BufReader::with_capacity(PIECE_BYTES, file),
                    // Removed meanwhile, by age or by a person: its rows are gone.
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) => return Err(failed(error)),
                };
                let mut line = Vec::new();
                while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 && line.ends_with(b"\n") {
                    let row = match shape {
                        LineShape::Record => of_record(&question, &line),
                        LineShape::Table => of_columns(&question, &line),
                    };
                    line.clear();
                    page.extend(row.filter(|row| cover(&spans, row.second)));
                    if page.len() >= PAGE_ROWS && pages.blocking_send(std::mem::take(&mut page)).is_err() {
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

/// A record as received, on one line.
fn of_record(question: &Question, line: &[u8]) -> Option<SinkRow> {
    let record = Record::read(line, question.time).ok()?;
    let id = record.id_text()?.into_owned();
    let seed = record_seed(&id, iso8601(record.second).as_str().as_bytes());
    let redacted = question.redact.as_ref().and_then(|redact| redact(&Bytes::copy_from_slice(&record.raw)));
    Some(SinkRow {
        second: record.second,
        copies: 1,
        record: Some(record_hash(seed, &record.raw)),
        redacted: redacted.map(|record| record_hash(seed, &record)),
        id,
    })
}

/// The columns of the table, as one object.
fn of_columns(question: &Question, line: &[u8]) -> Option<SinkRow> {
    let columns: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).ok()?;
    let text = |column: &str| columns.get(column).and_then(serde_json::Value::as_str);
    (text("ConnectorName") == Some(&*question.connector)).then_some(())?;
    let second = DateTime::parse_from_rfc3339(text(&question.table.time)?).ok()?.timestamp();
    let id = text(&question.table.key)?.to_owned();
    Some(SinkRow { id, second, copies: 1, record: None, redacted: None })
}
