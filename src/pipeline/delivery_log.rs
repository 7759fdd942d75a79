//! The lines about what was delivered: one a batch, or one for several when batches come fast. Nothing goes untold: what
//! is left is told when its time comes, and at the latest with the end of the delivery, however it ends.

use std::{
    future::pending,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::sleep_until;

use crate::log_throttle::LogThrottle;

/// The time between two lines about batches.
const DELIVERED_INTERVAL: Duration = Duration::from_secs(10);
/// The time between two lines about records in the rejects: who reads the first one will look at all of them.
const REJECTED_INTERVAL: Duration = Duration::from_secs(300);

/// What became of one batch, or of several together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Batches that held records.
    pub batches: u64,
    /// Records handed to the sink.
    pub records: u64,
    /// Of those: the ones that it had already.
    pub already_there: u64,
    /// Records put into the rejects.
    pub rejected: u64,
    /// Bytes of the records.
    pub bytes: usize,
}

/// Tells of batches, in the span of the route.
#[derive(Debug)]
pub struct DeliveryLog {
    rejects: PathBuf,
    copies: PathBuf,
    delivered: LogThrottle<Delivered>,
    rejected: LogThrottle<u64>,
    cut: LogThrottle<u64>,
}

impl DeliveryLog {
    /// Nothing is told yet. `rejects` is the file that is named with what was set aside, `copies` the one with copies of
    /// what was cut.
    pub fn new(rejects: PathBuf, copies: PathBuf) -> Self {
        Self {
            rejects,
            copies,
            delivered: LogThrottle::new(DELIVERED_INTERVAL),
            rejected: LogThrottle::new(REJECTED_INTERVAL),
            cut: LogThrottle::new(REJECTED_INTERVAL),
        }
    }

    /// A batch is committed.
    pub fn delivered(&mut self, batch: Delivered) {
        let sum = self.delivered.add(|sum| {
            sum.batches += batch.batches;
            sum.records += batch.records;
            sum.already_there += batch.already_there;
            sum.rejected += batch.rejected;
            sum.bytes += batch.bytes;
        });
        tell_delivered(sum);
    }

    /// So many records lie in the rejects because nobody takes them.
    pub fn rejected(&mut self, records: u64) {
        if records > 0 {
            let sum = self.rejected.add(|sum| *sum += records);
            tell_rejected(sum, &self.rejects);
        }
    }

    /// So many records were delivered with fields cut.
    pub fn cut(&mut self, records: u64) {
        if records > 0 {
            let sum = self.cut.add(|sum| *sum += records);
            tell_cut(sum, &self.copies);
        }
    }

    /// Waits until something may be told, and tells it; for ever while there is nothing. Dropped, it has lost nothing.
    pub async fn in_time(&mut self) {
        let dues = [self.rejected.due(), self.cut.due(), self.delivered.due()];
        match dues.into_iter().flatten().min() {
            Some(due) => sleep_until(due).await,
            None => pending().await,
        }
        tell_rejected(self.rejected.due_now(), &self.rejects);
        tell_cut(self.cut.due_now(), &self.copies);
        tell_delivered(self.delivered.due_now());
    }
}

impl Drop for DeliveryLog {
    fn drop(&mut self) {
        tell_rejected(self.rejected.rest(), &self.rejects);
        tell_cut(self.cut.rest(), &self.copies);
        tell_delivered(self.delivered.rest());
    }
}

fn tell_rejected(records: Option<u64>, file: &Path) {
    if let Some(records) = records {
        let advice = "see `ccfd rejects list`; once the cause is fixed, `ccfd rejects retry` sends them \
                      again";
        tracing::error!(records, file = %file.display(), advice, "records rejected");
    }
}

fn tell_cut(records: Option<u64>, file: &Path) {
    if let Some(records) = records {
        let file = file.display();
        tracing::warn!(records, %file, "records delivered with shortened fields: whole copies are kept for \
                                        a while");
    }
}

fn tell_delivered(sum: Option<Delivered>) {
    if let Some(Delivered { batches, records, already_there, rejected, bytes }) = sum {
        tracing::info!(records, already_there, rejected, bytes, batches, "delivered");
    }
}
