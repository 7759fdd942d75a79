//! Writes one batch to the sink: until all of it is acknowledged, or an operator must act.

use std::{sync::Arc, time::Instant};

use collectors::Record;

use super::{
    backoff::RetryDelays,
    flight::{FlightSlot, Trying},
    policy::Failure,
    shutdown::Shutdown,
};
use crate::{
    sinks::{Batch, PartialWrite, Receipt, Sink, WriteFailure},
    tables::Table,
};

/// A batch that was given up.
#[derive(Debug)]
pub struct GivenUpWrite {
    /// Why.
    pub failure: Failure,
    /// The part that was written before; `None` if nothing was.
    pub partial: Option<Box<PartialWrite>>,
}

impl From<GivenUpWrite> for Failure {
    fn from(given_up: GivenUpWrite) -> Self {
        given_up.failure
    }
}

/// Writes the batches of one route.
#[derive(Clone)]
pub struct BatchWriter {
    /// Name of the collector, stored with each row.
    pub connector: Arc<str>,
    /// The table.
    pub table: Arc<Table>,
    /// The destination.
    pub sink: Arc<dyn Sink>,
    /// How long its failures wait.
    pub retry: RetryDelays,
    /// How failures are retried.
    pub trying: Trying,
}

impl BatchWriter {
    /// Writes one batch. After a failure that passes, only the records that are not acknowledged yet are
    /// written again, so pages that were fetched ahead remain valid.
    pub async fn write(
        &self,
        records: Arc<[Record]>,
        place: &mut FlightSlot,
        shutdown: &Shutdown,
    ) -> Result<Receipt, GivenUpWrite> {
        let mut receipt = Receipt::default();
        let mut places: Vec<usize> = (0..records.len()).collect();
        let mut left = records.clone();
        let mut tries = self.trying.begin(self.retry, place, shutdown);
        while !left.is_empty() {
            let batch =
                Batch { table: self.table.clone(), connector: self.connector.clone(), records: left.clone() };
            let begun = Instant::now();
            let WriteFailure { error, partial } = match self.sink.write(batch).await {
                Ok(rest) => {
                    self.trying.progress.count(|counters| counters.write(begun.elapsed()));
                    receipt.add(rest, &places);
                    return Ok(receipt);
                }
                Err(failed) => failed,
            };
            if let Some(partial) = partial {
                receipt.add(partial.receipt, &places);
                places = partial.left.iter().filter_map(|place| places.get(*place).copied()).collect();
                left = places.iter().filter_map(|place| records.get(*place).cloned()).collect();
                tries.succeeded();
            }
            let is_partial = left.len() < records.len();
            if let Err(failure) = tries.wait_out(Failure::Sink(error), is_partial).await {
                let partial = is_partial.then(|| Box::new(PartialWrite { receipt, left: places }));
                return Err(GivenUpWrite { failure, partial });
            }
        }
        Ok(receipt)
    }
}
