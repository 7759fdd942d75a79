//! The half of a route that writes: hands batches over, and commits the cursor of each, in order, once it is acknowledged.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use bytes::Bytes;
use collectors::{Change, Record, Unusable};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesOrdered};
use state::CursorStore;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span};

use super::{
    checkpoint::Checkpoint,
    gather::{Gathered, Gatherer},
    half::Half,
    meters::Settled,
    patience::mended,
    policy::Failure,
    progress::Progress,
    rejects::{Reject, Rejects, Side},
    shutdown::Shutdown,
    told::{Delivered, Told},
    write::Writer,
};
use crate::{
    sinks::{Cut, Receipt, Refused},
    tables::Oddities,
};

/// What one route delivers, and where to.
pub struct Delivery {
    /// Writes its batches.
    pub writer: Writer,
    /// The checkpoint's place.
    pub store: CursorStore<Checkpoint>,
    /// The checkpoint as last committed.
    pub checkpoint: Checkpoint,
    /// Where records go that the sink does not take.
    pub rejects: Rejects,
    /// Where it is shown.
    pub progress: Progress,
    /// What is said of it.
    pub told: Told,
}

/// A batch that is settled at the sink and waits for its commit.
struct Written {
    records: Arc<[Record]>,
    receipt: Receipt,
    /// Records without usable id or time, which no sink saw.
    unusable: Vec<Reject>,
    changes: Vec<Change>,
    bytes: usize,
    room: Vec<OwnedSemaphorePermit>,
    span: Span,
}

impl Delivery {
    /// Delivers until no page comes any more. After an error nothing is in flight, and the walk must start again from the
    /// committed cursor.
    pub async fn run(&mut self, mut gatherer: Gatherer, shutdown: Shutdown) -> Result<(), Failure> {
        let writes_max = self.writer.sink.writes_in_flight().max(1);
        let mut writing: FuturesOrdered<BoxFuture<'static, Result<Written, Failure>>> = FuturesOrdered::new();
        let mut more = true;
        while more || !writing.is_empty() {
            tokio::select! {
                biased;
                Some(written) = writing.next() => self.settle(written?).await?,
                gathered = gatherer.next(), if more && writing.len() < writes_max => match gathered {
                    Some(gathered) => writing.push_back(self.begin(gathered, shutdown.clone()).await?),
                    None => more = false,
                },
                () = self.told.in_time() => {}
            }
        }
        Ok(())
    }

    /// Begins to write a batch.
    async fn begin(
        &self,
        gathered: Gathered,
        shutdown: Shutdown,
    ) -> Result<BoxFuture<'static, Result<Written, Failure>>, Failure> {
        let unusable = self.unusable(gathered.unusable);
        // Found out after the write, it would write the batch again with each try.
        self.rejects.ensure_room(unusable.clone()).await?;
        let records: Arc<[Record]> = gathered.records.into();
        self.name_unknown_fields(&records);
        let span = tracing::debug_span!(
            target: "telemetry",
            "batch",
            route = self.progress.status().route,
            records = records.len() as i64,
            bytes = gathered.bytes as i64
        );
        let (writer, changes, bytes, room) =
            (self.writer.clone(), gathered.changes, gathered.bytes, gathered.room);
        Ok(Box::pin(async move {
            let write = tracing::debug_span!(target: "telemetry", parent: &span, "write");
            let receipt = writer.write(records.clone(), shutdown).instrument(write).await?;
            Ok(Written { records, receipt, unusable, changes, bytes, room, span })
        }))
    }

    /// Keeps what was refused or cut, and commits.
    async fn settle(&mut self, written: Written) -> Result<(), Failure> {
        let Written { records, receipt, unusable: mut rejects, changes, bytes, room, span } = written;
        let (already_there, cut) = (receipt.already_there, receipt.cut.len() as u64);
        let refused = receipt.refused.len() as u64;
        rejects.extend(self.refused(receipt.refused, &records));
        let rejected = rejects.len() as u64;
        let words = rejects.iter().map(|reject| reject.kind).collect();
        rejects.extend(self.cut(receipt.cut, &records));
        if !rejects.is_empty() {
            self.rejects.keep(rejects).await?;
            self.told.rejected(rejected);
            self.told.cut(cut);
        }
        let last = records.iter().map(|record| record.second).max();
        let commit = tracing::debug_span!(target: "telemetry", parent: &span, "commit");
        self.commit(changes, records.len() as u64, last).instrument(commit).await?;
        let settled = Settled { records: records.len() as u64, already_there, cut, rejected: words, refused };
        self.progress.count(|meters| meters.settle(settled));
        drop(room);
        if !records.is_empty() {
            let records = records.len() as u64;
            self.told.delivered(Delivered { batches: 1, records, already_there, rejected, bytes });
        }
        Ok(())
    }

    /// Here, before any sink, because not every sink looks at fields.
    fn name_unknown_fields(&self, records: &[Record]) {
        let mut oddities = Oddities::default();
        for record in records.iter().filter(|record| record.odd) {
            oddities.look(self.writer.table, &record.raw);
        }
        oddities.report(self.writer.table);
    }

    fn unusable(&self, unusable: Vec<Unusable>) -> Vec<Reject> {
        let reject = |one: Unusable| self.reject(Side::Source, "unusable", one.reason.to_owned(), one.raw);
        unusable.into_iter().map(reject).collect()
    }

    fn refused(&self, refused: Vec<Refused>, records: &[Record]) -> impl Iterator<Item = Reject> {
        refused.into_iter().filter_map(|one| {
            let record = records.get(one.index)?;
            Some(self.reject(Side::Sink, one.kind, one.reason, record.raw.clone()))
        })
    }

    fn cut(&self, cut: Vec<Cut>, records: &[Record]) -> impl Iterator<Item = Reject> {
        cut.into_iter().filter_map(|one| {
            let record = records.get(one.index)?;
            Some(self.reject(Side::Sink, "cut", one.reason, record.raw.clone()))
        })
    }

    fn reject(&self, side: Side, kind: &'static str, reason: String, record: Bytes) -> Reject {
        let Writer { connector, table, .. } = &self.writer;
        Reject { connector: connector.clone(), table, side, kind, reason, record }
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
            let begun = Instant::now();
            self.store.commit(&checkpoint, parts.into_iter().collect()).await?;
            self.progress.count(|meters| meters.commit(begun.elapsed()));
            self.checkpoint = checkpoint;
        }
        mended(Half::Writing, &self.progress);
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
