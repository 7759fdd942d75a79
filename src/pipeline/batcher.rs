//! Gathers pages into batches: as large as the sink prefers, as late as `batch_wait` allows.

use std::time::Duration;

use collectors::{Change, Record, Unusable};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, timeout_at},
};

use super::fetch::Fetched;

/// When a batch is full, and when progress without records is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// How long a batch waits for more records while more are coming.
    pub batch_wait: Duration,
    /// How long progress without new records may stay uncommitted.
    pub commit_interval: Duration,
    /// The most bytes of one batch.
    pub batch_bytes_max: usize,
}

/// Pages for one write and one commit.
#[derive(Default)]
pub struct Gathered {
    /// The records to deliver.
    pub records: Vec<Record>,
    /// The records that cannot be delivered.
    pub unusable: Vec<Unusable>,
    /// The changes to commit afterwards, in order.
    pub changes: Vec<Change>,
    /// Bytes of the records.
    pub bytes: usize,
    /// Byte budget of the pages, released after the commit.
    pub permits: Vec<OwnedSemaphorePermit>,
    more: bool,
}

impl Gathered {
    fn add(&mut self, fetched: Fetched) {
        let page = *fetched.page;
        self.bytes += page.bytes;
        self.more = page.more;
        self.records.extend(page.records);
        self.unusable.extend(page.unusable);
        self.changes.push(page.change);
        self.permits.push(fetched.permit);
    }

    fn is_bare(&self) -> bool {
        self.records.is_empty() && self.unusable.is_empty()
    }
}

/// Gathers the pages of one channel.
pub struct Batcher {
    pages: mpsc::Receiver<Fetched>,
    gathering: BatchLimits,
    /// The pages gathered so far, and since when.
    begun: Option<(Instant, Gathered)>,
}

impl Batcher {
    /// Receives pages from this channel.
    pub fn new(pages: mpsc::Receiver<Fetched>, gathering: BatchLimits) -> Self {
        Self { pages, gathering, begun: None }
    }

    /// The next batch; `None` when the channel is closed. Cancellation-safe.
    pub async fn next(&mut self) -> Option<Gathered> {
        if self.begun.is_none() {
            let mut gathered = Gathered::default();
            gathered.add(self.pages.recv().await?);
            self.begun = Some((Instant::now(), gathered));
        }
        // The batch stays in `begun` while more is awaited: if the caller drops this future, no page is lost.
        while let Some((since, gathered)) = &mut self.begun
            && gathered.more
            && gathered.bytes < self.gathering.batch_bytes_max
        {
            // A bare batch is only progress to store, which can wait longer than records.
            let wait =
                if gathered.is_bare() { self.gathering.commit_interval } else { self.gathering.batch_wait };
            match timeout_at(*since + wait, self.pages.recv()).await {
                Ok(Some(next)) => gathered.add(next),
                Ok(None) | Err(_) => break,
            }
        }
        self.begun.take().map(|(_, gathered)| gathered)
    }
}
