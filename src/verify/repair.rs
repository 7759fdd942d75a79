//! The sink of a repair: of what is read, only what is missing reaches the real one.

use std::{
    collections::HashSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use collectors::Record;
use rusqlite::{OptionalExtension as _, params};

use super::ledger::Ledger;
use crate::{
    reasons::with_reasons,
    sinks::{
        Batch, Looked, PartialWrite, Receipt, Redelivery, Sink, SinkError, WriteFailure,
        counters::SinkCounters,
    },
    tables::Table,
};

/// Notes that something is about to be delivered.
pub type NoteRepair = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// Passes on the records that the ledger names as missing, each of them once: what is read again after a failure was taken
/// already.
pub struct MissingOnly {
    inner: Arc<dyn Sink>,
    ledger: Ledger,
    delivered: Arc<AtomicU64>,
    note: Option<NoteRepair>,
}

impl MissingOnly {
    /// Counts in `delivered` what the real sink took. Before each write there is a `note`, if one is wanted.
    pub fn new(
        inner: Arc<dyn Sink>,
        ledger: Ledger,
        delivered: Arc<AtomicU64>,
        note: Option<NoteRepair>,
    ) -> Self {
        Self { inner, ledger, delivered, note }
    }

    /// The places of the missing records in a batch.
    async fn missing(&self, batch: &Batch) -> Result<Vec<usize>, SinkError> {
        let (records, note) = (batch.records.clone(), self.note.clone());
        let found = self
            .ledger
            .run(move |connection| {
                let mut is_missing = connection.prepare_cached("SELECT 1 FROM missing WHERE id = ?1")?;
                let mut places = Vec::new();
                for (place, record) in records.iter().enumerate() {
                    let Some(id) = record.id_text() else { continue };
                    if is_missing.query_row([&*id], |_| Ok(())).optional()?.is_some() {
                        places.push(place);
                    }
                }
                let noted = note.filter(|_| !places.is_empty()).map_or(Ok(()), |note| note());
                Ok(noted.map(|()| places))
            })
            .await?;
        let path = || self.ledger.dir().display().to_string();
        found.map_err(|source| SinkError::Io { path: path(), source })
    }

    /// Counts what the sink took of these records, and does not count it as missing any more. Those that it refused are not
    /// safe until they are in the rejects.
    async fn taken(&self, part: &Receipt, records: &[Record], left: &[usize]) {
        self.delivered.fetch_add(part.accepted + part.already_there, Relaxed);
        let kept: HashSet<usize> =
            left.iter().copied().chain(part.refused.iter().map(|one| one.index)).collect();
        let taken = records.iter().enumerate().filter(|(place, _)| !kept.contains(place));
        let ids: Vec<String> = taken.filter_map(|(_, record)| Some(record.id_text()?.into_owned())).collect();
        let noted = self
            .ledger
            .run(move |connection| {
                let change = connection.transaction()?;
                for id in ids {
                    change.execute("DELETE FROM missing WHERE id = ?1", params![id])?;
                }
                change.commit()
            })
            .await;
        // The records are written: a failure now must not look like one of the sink.
        if let Err(error) = noted {
            tracing::warn!(error = with_reasons(&error), "what a repair delivered is not noted");
        }
    }
}

#[async_trait]
impl Sink for MissingOnly {
    fn redelivery(&self) -> Redelivery {
        self.inner.redelivery()
    }

    fn batch_bytes(&self) -> usize {
        self.inner.batch_bytes()
    }

    fn writes_in_flight(&self) -> usize {
        self.inner.writes_in_flight()
    }

    fn identity(&self, table: &Table) -> String {
        self.inner.identity(table)
    }

    async fn check(&self, tables: &[Arc<Table>]) -> Result<Looked, SinkError> {
        self.inner.check(tables).await
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        let places = self.missing(&batch).await?;
        let passed_over = (batch.records.len() - places.len()) as u64;
        let mut receipt = Receipt { already_there: passed_over, ..Receipt::default() };
        if places.is_empty() {
            return Ok(receipt);
        }
        let records: Arc<[Record]> = places.iter().map(|place| batch.records[*place].clone()).collect();
        match self.inner.write(Batch { records: records.clone(), ..batch }).await {
            Ok(part) => {
                self.taken(&part, &records, &[]).await;
                receipt.add(part, &places);
                Ok(receipt)
            }
            Err(WriteFailure { error, partial: None }) => Err(WriteFailure { error, partial: None }),
            Err(WriteFailure { error, partial: Some(partial) }) => {
                let PartialWrite { receipt: part, left } = *partial;
                self.taken(&part, &records, &left).await;
                receipt.add(part, &places);
                let left = left.into_iter().filter_map(|place| places.get(place).copied()).collect();
                Err(WriteFailure { error, partial: Some(Box::new(PartialWrite { receipt, left })) })
            }
        }
    }

    fn counters(&self) -> SinkCounters {
        self.inner.counters()
    }
}
