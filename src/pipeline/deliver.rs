//! The half of a route that writes: gathers pages into a batch, hands it over, and only then commits the cursor.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use collectors::{Change, Record, Unusable};
use state::CursorStore;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, timeout_at},
};

use super::{
    backoff::Delays,
    checkpoint::Checkpoint,
    fetch::{Fetched, pause},
    policy::{Action, Failure, judge},
    progress::{Half, Progress},
    rejects::{Reject, Rejects, Side},
    shutdown::Shutdown,
};
use crate::{
    sinks::{Batch, Receipt, Refused, Sink},
    tables::Table,
};

/// When a batch is full, and when progress is written that brought no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gathering {
    /// How long a batch waits for more while more is coming.
    pub batch_wait: Duration,
    /// How long progress without new records may stay uncommitted.
    pub commit_interval: Duration,
    /// The most bytes of one batch; less when the sink prefers less.
    pub batch_bytes_max: usize,
}

/// What one route delivers, and where to.
pub struct Delivery {
    /// Name of the collector, stored with each row.
    pub connector: Arc<str>,
    /// The table.
    pub table: &'static Table,
    /// The destination.
    pub sink: Arc<dyn Sink>,
    /// The checkpoint's place.
    pub store: CursorStore<Checkpoint>,
    /// The checkpoint as last committed.
    pub checkpoint: Checkpoint,
    /// Where records go that the sink does not take.
    pub rejects: Rejects,
    /// When to write.
    pub gathering: Gathering,
    /// Where it is shown.
    pub progress: Progress,
}

/// Pages gathered for one write and one commit.
#[derive(Default)]
struct Gathered {
    records: Vec<Record>,
    unusable: Vec<Unusable>,
    changes: Vec<Change>,
    bytes: usize,
    more: bool,
    room: Vec<OwnedSemaphorePermit>,
}

impl Gathered {
    fn add(&mut self, fetched: Fetched) {
        let page = fetched.page;
        self.bytes += page.bytes;
        self.more = page.more;
        self.records.extend(page.records);
        self.unusable.extend(page.unusable);
        self.changes.push(page.change);
        self.room.push(fetched.room);
    }

    fn is_bare(&self) -> bool {
        self.records.is_empty() && self.unusable.is_empty()
    }
}

impl Delivery {
    /// Delivers until no page comes any more. After an error nothing is in flight, and the walk must start again from the
    /// committed cursor.
    pub async fn run(
        &mut self,
        mut pages: mpsc::Receiver<Fetched>,
        mut shutdown: Shutdown,
    ) -> Result<(), Failure> {
        while let Some(first) = pages.recv().await {
            let gathered = self.gather(first, &mut pages).await;
            self.deliver(gathered, &mut shutdown).await?;
        }
        Ok(())
    }

    async fn gather(&self, first: Fetched, pages: &mut mpsc::Receiver<Fetched>) -> Gathered {
        let since = Instant::now();
        let mut gathered = Gathered::default();
        gathered.add(first);
        let full = self.sink.batch_bytes().min(self.gathering.batch_bytes_max);
        while gathered.more && gathered.bytes < full {
            let wait =
                if gathered.is_bare() { self.gathering.commit_interval } else { self.gathering.batch_wait };
            match timeout_at(since + wait, pages.recv()).await {
                Ok(Some(next)) => gathered.add(next),
                Ok(None) | Err(_) => break,
            }
        }
        gathered
    }

    async fn deliver(&mut self, gathered: Gathered, shutdown: &mut Shutdown) -> Result<(), Failure> {
        let records: Arc<[Record]> = gathered.records.into();
        let mut rejects = self.unusable(gathered.unusable);
        // Found out after the write, it would write the batch again with each try.
        self.rejects.ensure_room(rejects.clone()).await?;
        let receipt =
            if records.is_empty() { Receipt::default() } else { self.write(&records, shutdown).await? };
        rejects.extend(self.refused(receipt.refused, &records));
        let rejected = rejects.len() as u64;
        if rejected > 0 {
            self.rejects.keep(rejects).await?;
            tracing::error!(records = rejected, file = %self.rejects.path().display(), "records set aside in the rejects");
        }
        let last = records.iter().map(|record| record.second).max();
        self.commit(gathered.changes, records.len() as u64, last).await?;
        self.progress.update(|status| {
            status.already_there += receipt.already_there;
            status.rejected += rejected;
        });
        drop(gathered.room);
        if !records.is_empty() {
            let (bytes, already_there) = (gathered.bytes, receipt.already_there);
            tracing::info!(records = records.len(), already_there, rejected, bytes, "delivered");
        }
        Ok(())
    }

    /// Writes one batch. A failure that passes is repeated with the same batch: what was fetched ahead stays good.
    async fn write(&self, records: &Arc<[Record]>, shutdown: &mut Shutdown) -> Result<Receipt, Failure> {
        let batch = Batch { table: self.table, connector: self.connector.clone(), records: records.clone() };
        let mut delays = Delays::new();
        loop {
            let failure = match self.sink.write(batch.clone()).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => Failure::Sink(error),
            };
            match judge(&failure).action {
                Action::Wait(_) | Action::BackOff if !shutdown.is_requested() => {}
                Action::Wait(_) | Action::BackOff | Action::Park | Action::Stop => return Err(failure),
            }
            let Some(wait) = pause(&failure, &mut delays, &self.progress) else {
                return Err(failure);
            };
            if shutdown.or_sleep(wait).await {
                return Err(failure);
            }
        }
    }

    fn unusable(&self, unusable: Vec<Unusable>) -> Vec<Reject> {
        let reject = |one: Unusable| self.reject(Side::Source, "unusable", one.reason.to_owned(), one.raw);
        unusable.into_iter().map(reject).collect()
    }

    fn refused(&self, refused: Vec<Refused>, records: &[Record]) -> impl Iterator<Item = Reject> {
        refused.into_iter().filter_map(|one| {
            let record = records.get(one.index)?;
            Some(self.reject(Side::Sink, "refused", one.reason, record.raw.clone()))
        })
    }

    fn reject(&self, side: Side, kind: &'static str, reason: String, record: Bytes) -> Reject {
        Reject { connector: self.connector.clone(), table: self.table, side, kind, reason, record }
    }

    async fn commit(
        &mut self,
        changes: Vec<Change>,
        delivered: u64,
        last: Option<i64>,
    ) -> Result<(), Failure> {
        let mut checkpoint = self.checkpoint.clone();
        let mut parts = BTreeMap::new();
        let mut held = 0;
        for change in changes {
            let place = usize::from(change.walk);
            while checkpoint.walks.len() <= place {
                let fresh = collectors::Cursor::begin(checkpoint.start, None, false);
                checkpoint.walks.push(fresh);
            }
            checkpoint.walks[place] = change.cursor;
            parts.extend(change.parts);
            held = change.held;
        }
        checkpoint.delivered += delivered;
        checkpoint.last_record = checkpoint.last_record.max(last);
        if checkpoint != self.checkpoint || !parts.is_empty() {
            self.store.commit(&checkpoint, parts.into_iter().collect()).await?;
            self.checkpoint = checkpoint;
        }
        self.progress.mended(Half::Writing);
        self.progress.update(|status| {
            status.delivered = self.checkpoint.delivered;
            status.last_record = self.checkpoint.last_record;
            status.settled = self.checkpoint.walks.first().map(|walk| walk.settled);
            status.held = held;
            status.remaining_seconds = self.checkpoint.remaining_seconds();
        });
        Ok(())
    }
}
