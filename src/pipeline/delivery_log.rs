//! The log lines about deliveries: one per batch, or one for several when batches come fast. Nothing is left
//! out: what is not logged yet is logged when its time comes, and at the latest when the delivery ends.

use std::{
    future::pending,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::sleep_until;

use crate::log_throttle::LogThrottle;

/// The time between two lines about batches.
const DELIVERED_INTERVAL: Duration = Duration::from_secs(10);
/// The time between two lines about rejects: an operator who reads the first one will look at all of them.
const REJECTED_INTERVAL: Duration = Duration::from_secs(300);

/// The outcome of one batch or of several.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Batches with records.
    pub batches: u64,
    /// Records delivered to the sink.
    pub records: u64,
    /// Of those: records that it already had.
    pub already_there: u64,
    /// Records put into the rejects.
    pub rejected: u64,
    /// Bytes of the records.
    pub bytes: usize,
}

/// Logs batches, in the span of the route.
#[derive(Debug)]
pub struct DeliveryLog {
    rejects: PathBuf,
    copies: PathBuf,
    delivered: LogThrottle<Delivered>,
    rejected: LogThrottle<u64>,
    cut: LogThrottle<u64>,
}

impl DeliveryLog {
    /// `rejects` and `copies` are the files that the lines name: of rejects, and of copies of records
    /// delivered with fields cut.
    pub fn new(rejects: PathBuf, copies: PathBuf) -> Self {
        Self {
            rejects,
            copies,
            delivered: LogThrottle::new(DELIVERED_INTERVAL),
            rejected: LogThrottle::new(REJECTED_INTERVAL),
            cut: LogThrottle::new(REJECTED_INTERVAL),
        }
    }

    /// A batch was committed.
    pub fn delivered(&mut self, batch: Delivered) {
        let sum = self.delivered.add(|sum| {
            sum.batches += batch.batches;
            sum.records += batch.records;
            sum.already_there += batch.already_there;
            sum.rejected += batch.rejected;
            sum.bytes += batch.bytes;
        });
        log_delivered(sum);
    }

    /// This many records were written to the rejects.
    pub fn rejected(&mut self, records: u64) {
        if records > 0 {
            let sum = self.rejected.add(|sum| *sum += records);
            log_rejected(sum, &self.rejects);
        }
    }

    /// This many records were delivered with fields cut.
    pub fn cut(&mut self, records: u64) {
        if records > 0 {
            let sum = self.cut.add(|sum| *sum += records);
            log_cut(sum, &self.copies);
        }
    }

    /// Waits until a line may be logged, and logs it; waits for ever if there is none. Cancellation-safe.
    pub async fn in_time(&mut self) {
        let dues = [self.rejected.due(), self.cut.due(), self.delivered.due()];
        match dues.into_iter().flatten().min() {
            Some(due) => sleep_until(due).await,
            None => pending().await,
        }
        log_rejected(self.rejected.due_now(), &self.rejects);
        log_cut(self.cut.due_now(), &self.copies);
        log_delivered(self.delivered.due_now());
    }
}

impl Drop for DeliveryLog {
    fn drop(&mut self) {
        log_rejected(self.rejected.rest(), &self.rejects);
        log_cut(self.cut.rest(), &self.copies);
        log_delivered(self.delivered.rest());
    }
}

fn log_rejected(records: Option<u64>, file: &Path) {
    if let Some(records) = records {
        let advice = "see `ccfd rejects list`; once the cause is fixed, `ccfd rejects retry` sends them \
                      again";
        tracing::error!(records, file = %file.display(), advice, "records rejected");
    }
}

fn log_cut(records: Option<u64>, file: &Path) {
    if let Some(records) = records {
        let file = file.display();
        tracing::warn!(records, %file, "records delivered with shortened fields: whole copies are kept for \
                                        a while");
    }
}

fn log_delivered(sum: Option<Delivered>) {
    if let Some(Delivered { batches, records, already_there, rejected, bytes }) = sum {
        tracing::info!(records, already_there, rejected, bytes, batches, "delivered");
    }
}
