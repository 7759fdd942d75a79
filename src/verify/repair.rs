//! The sink of a repair: of what is read, only what is missing reaches the real one.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use async_trait::async_trait;
use collectors::Record;
use rusqlite::OptionalExtension as _;

use super::ledger::Ledger;
use crate::{
    sinks::{
        Batch, Looked, PartialWrite, Receipt, Redelivery, Sink, SinkError, WriteFailure,
        counters::SinkCounters,
    },
    tables::Table,
};

/// Passes on the records that the ledger names as missing.
pub struct MissingOnly {
    inner: Arc<dyn Sink>,
    ledger: Ledger,
    delivered: Arc<AtomicU64>,
}

impl MissingOnly {
    /// Counts in `delivered` what the real sink took.
    pub fn new(inner: Arc<dyn Sink>, ledger: Ledger, delivered: Arc<AtomicU64>) -> Self {
        Self { inner, ledger, delivered }
    }

    /// The places of the missing records in a batch.
    async fn missing(&self, batch: &Batch) -> Result<Vec<usize>, SinkError> {
        let records = batch.records.clone();
        self.ledger
            .run(move |connection| {
                let mut is_missing = connection.prepare_cached("SELECT 1 FROM missing WHERE id = ?1")?;
                let mut places = Vec::new();
                for (place, record) in records.iter().enumerate() {
                    let Some(id) = record.id_text() else { continue };
                    if is_missing.query_row([&*id], |_| Ok(())).optional()?.is_some() {
                        places.push(place);
                    }
                }
                Ok(places)
            })
            .await
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
        match self.inner.write(Batch { records, ..batch }).await {
            Ok(part) => {
                self.delivered.fetch_add(part.accepted + part.already_there, Relaxed);
                receipt.add(part, &places);
                Ok(receipt)
            }
            Err(WriteFailure { error, partial: None }) => Err(WriteFailure { error, partial: None }),
            Err(WriteFailure { error, partial: Some(partial) }) => {
                let PartialWrite { receipt: part, left } = *partial;
                self.delivered.fetch_add(part.accepted + part.already_there, Relaxed);
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
