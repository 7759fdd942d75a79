//! Destinations. A sink gets a batch of records of one table and responds once all of them are safe.

mod age;
pub mod buffers;
pub mod comparable;
pub mod counters;
pub mod detect;
pub mod disk;
pub mod elasticsearch;
pub mod http;
pub mod kibana_index;
pub mod line_file;
pub mod logs_ingestion;
pub mod ndjson;
pub mod original;
mod patience;
pub mod registry;
pub mod remote;
pub mod request_size;
#[cfg(test)]
mod samples;
pub mod sink_thread;
pub mod sqlite;
mod upkeep;

use std::sync::Arc;

use async_trait::async_trait;
use collectors::Record;
use tokio::sync::watch;

use self::{counters::SinkCounters, remote::RemoteError};
use crate::{tables::Table, units::size};

/// Records of one table and one collector, in the order in which they were read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The table they belong to.
    pub table: Arc<Table>,
    /// The collector's name, stored as `ConnectorName`.
    pub connector: Arc<str>,
    /// The records. Never empty.
    pub records: Arc<[Record]>,
}

/// The outcome of a batch. `accepted + already_there + refused.len()` is the number of its records.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Newly stored.
    pub accepted: u64,
    /// Stored before, by an earlier delivery of the same record.
    pub already_there: u64,
    /// Records that the destination will never accept; the pipeline keeps them in the rejects.
    pub refused: Vec<Refused>,
    /// Accepted records that had to be shortened; the pipeline keeps the whole ones in the rejects.
    pub cut: Vec<Cut>,
}

impl Receipt {
    /// Adds the outcome of a part of the batch; `places` gives the positions of its records in the batch.
    pub fn add(&mut self, part: Receipt, places: &[usize]) {
        let place = |index: usize| places.get(index).copied().unwrap_or(index);
        self.accepted += part.accepted;
        self.already_there += part.already_there;
        let refused = part.refused.into_iter();
        self.refused.extend(refused.map(|one| Refused { index: place(one.index), ..one }));
        let cut = part.cut.into_iter();
        self.cut.extend(cut.map(|one| Cut { index: place(one.index), ..one }));
    }
}

/// A record that a sink does not accept.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the batch.
    pub index: usize,
    /// A fixed word to count by, such as `refused` or `too_large`.
    pub kind: &'static str,
    /// The reason, in the destination's words. May quote content: only for the rejects file, never for a log.
    pub reason: String,
}

/// One record that was made shorter.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its place in the batch.
    pub index: usize,
    /// Which fields, and to how many bytes.
    pub reason: String,
}

/// A write that failed.
#[derive(Debug)]
pub struct WriteFailure {
    /// Why.
    pub error: SinkError,
    /// What was acknowledged or refused before; `None` if nothing was.
    pub partial: Option<Box<PartialWrite>>,
}

/// The part of a batch that was acknowledged or refused before the write failed.
#[derive(Debug)]
pub struct PartialWrite {
    /// What became of it.
    pub receipt: Receipt,
    /// The places in the batch of all other records, in order: these must be written again.
    pub left: Vec<usize>,
}

impl<E: Into<SinkError>> From<E> for WriteFailure {
    fn from(error: E) -> Self {
        Self { error: error.into(), partial: None }
    }
}

/// What a repeated batch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redelivery {
    /// Nothing: the sink recognises records by id.
    Harmless,
    /// The records stand there twice.
    Repeats,
}

/// Why a write or check failed.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Too little disk space is left; nothing was written.
    #[error("{path}: {} of disk space free, {} required", size(*free), size(*wanted))]
    DiskFull {
        /// The file or directory written to.
        path: String,
        /// Bytes free there.
        free: u64,
        /// Bytes that must stay free.
        wanted: u64,
    },
    /// Another process is using the destination; it may be free soon.
    #[error("{path}: in use by another process")]
    Busy {
        /// The file or directory.
        path: String,
    },
    /// The destination is not what it should be (a directory in place of a file, not a database, no
    /// permission).
    #[error("{path}: {reason}")]
    Misplaced {
        /// The file or directory.
        path: String,
        /// What is wrong, from the operating system or the database.
        reason: String,
    },
    /// The rules of a sink of alerts cannot be used.
    #[error("rules: {reason}")]
    BrokenRules {
        /// What is wrong with them, a line each.
        reason: String,
    },
    /// The reader of the output is gone, and does not come back.
    #[error("{path}: closed by its reader")]
    Closed {
        /// What it was.
        path: String,
    },
    /// The process may not write larger files; nothing was written.
    #[error("{path}: at this process's limit on the size of a file")]
    SizeLimit {
        /// The file.
        path: String,
    },
    /// Reading or writing failed in a way that may pass.
    #[error("{path}")]
    Io {
        /// The file or directory.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The service did not carry out the request.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// What a check found where a write would work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What was found, a line each.
    pub text: String,
    /// What an operator should look at before the first record.
    pub concerns: Vec<Concern>,
}

/// Something that does not fail a write, but may not be as the operator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// What was found.
    pub text: String,
    /// What to do.
    pub advice: &'static str,
}

impl From<String> for Looked {
    fn from(text: String) -> Self {
        Self { text, concerns: Vec::new() }
    }
}

impl std::fmt::Display for Looked {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.text)?;
        self.concerns.iter().try_for_each(|concern| write!(out, "\n{}", concern.text))
    }
}

/// A destination. `Ok` from `write` is the acknowledgement: there is no other one.
#[async_trait]
pub trait Sink: Send + Sync {
    /// What a repeated batch does.
    fn redelivery(&self) -> Redelivery;

    /// A good size of one write in bytes of records: the pipeline gathers about that many.
    fn batch_bytes(&self) -> usize;

    /// How many batches of one route may be written at the same time. They may be acknowledged in any order,
    /// and are committed in their own.
    fn writes_in_flight(&self) -> usize {
        1
    }

    /// Identifies the destination of a table's rows (the path of a file, a URL and index): if it changes, the
    /// checkpoint belongs to another destination.
    fn identity(&self, table: &Table) -> String;

    /// Proves that a write to these tables would work, without writing a row; makes what is missing and ours to make (a directory, an
    /// empty table).
    async fn check(&self, tables: &[Arc<Table>]) -> Result<Looked, SinkError>;

    /// Installs what the destination needs for these tables and a write does not create (index templates).
    /// Returns what was done, one line each; `None` if the sink has nothing to install.
    async fn install(&self, tables: &[Arc<Table>]) -> Result<Option<String>, SinkError> {
        _ = tables;
        Ok(None)
    }

    /// Stores every record of the batch durably, or says which ones it refuses, or which of them are done when it
    /// fails.
    ///
    /// When the future is dropped the write may still happen: a batch may be handed in again.
    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure>;

    /// Signals when the sink has raised or changed alerts. `None` for all but the one that judges.
    fn alert_changes(&self) -> Option<watch::Receiver<()>> {
        None
    }

    /// What was counted since the sink was built. `None` if nothing is sent to a service.
    fn counters(&self) -> SinkCounters {
        SinkCounters::default()
    }

    /// Removes what was created only for this process. Called once, after the last write of an orderly end.
    async fn close(&self) -> Result<(), SinkError> {
        Ok(())
    }
}
