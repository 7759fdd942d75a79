//! One batch on its way to the sink: written until all of it is settled, or until a person must act.

use std::{sync::Arc, time::Instant};

use collectors::Record;

use super::{
    backoff::Delays,
    patience::pause,
    policy::{Action, Failure, judge},
    progress::Progress,
    shutdown::Shutdown,
};
use crate::{
    sinks::{Batch, Receipt, Sink, Unfinished},
    tables::Table,
};

/// Writes batches of one route.
#[derive(Clone)]
pub struct Writer {
    /// Name of the collector, stored with each row.
    pub connector: Arc<str>,
    /// The table.
    pub table: &'static Table,
    /// The destination.
    pub sink: Arc<dyn Sink>,
    /// Where failures are shown.
    pub progress: Progress,
    /// Whether the route is to end rather than to wait for a person.
    pub ends: bool,
}

impl Writer {
    /// Writes one batch. A failure that passes is repeated with the records that are not settled yet: what was fetched
    /// ahead stays good.
    pub async fn write(&self, records: Arc<[Record]>, mut shutdown: Shutdown) -> Result<Receipt, Failure> {
        let mut settled = Receipt::default();
        let mut places: Vec<usize> = (0..records.len()).collect();
        let mut left = records.clone();
        let mut delays = Delays::new();
        while !left.is_empty() {
            let batch = Batch { table: self.table, connector: self.connector.clone(), records: left.clone() };
            let begun = Instant::now();
            let Unfinished { error, partly } = match self.sink.write(batch).await {
                Ok(receipt) => {
                    self.progress.count(|meters| meters.write(begun.elapsed()));
                    settled.add(receipt, &places);
                    return Ok(settled);
                }
                Err(unfinished) => unfinished,
            };
            if let Some(partly) = partly {
                settled.add(partly.receipt, &places);
                places = partly.left.iter().filter_map(|place| places.get(*place).copied()).collect();
                left = places.iter().filter_map(|place| records.get(*place).cloned()).collect();
                delays.reset();
            }
            let failure = Failure::Sink(error);
            let stays = match judge(&failure).action {
                Action::Wait(_) | Action::BackOff => true,
                // Given up, the part that is settled would be written again.
                Action::Park => !self.ends && left.len() < records.len(),
                Action::End | Action::Stop => false,
            };
            if !stays || shutdown.is_requested() {
                return Err(failure);
            }
            let Some(wait) = pause(&failure, &mut delays, &self.progress) else {
                return Err(failure);
            };
            if shutdown.or_sleep(wait).await {
                return Err(failure);
            }
        }
        Ok(settled)
    }
}
