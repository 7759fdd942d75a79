//! The writing stage of a route: writes batches, and commits the cursor of each, in order, once it is
//! acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    pin::pin,
    sync::Arc,
    time::Instant,
};

use collectors::{Change, Record};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesOrdered};
use state::{CursorStore, StateError};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span};

use super::{
    acknowledgement::{Acknowledged, Acknowledgement},
    backoff::RetryDelays,
    batcher::{Batcher, Gathered},
    checkpoint::Checkpoint,
    delivery_log::{Delivered, DeliveryLog},
    doubt::SinkDoubt,
    flight::{Flight, FlightSlot},
    policy::Failure,
    progress::Progress,
    rejects::Rejects,
    retry::mended,
    shutdown::Shutdown,
    stage::Stage,
    tap::TapInlet,
    write::BatchWriter,
};
use crate::tables::SchemaDrift;

/// Everything that the writing stage of one route uses.
pub struct Delivery {
    /// Writes its batches.
    pub writer: BatchWriter,
    /// Stores the checkpoint.
    pub store: CursorStore<Checkpoint>,
    /// The checkpoint as last committed.
    pub checkpoint: Checkpoint,
    /// Takes the records that the sink does not.
    pub rejects: Rejects,
    /// Shows the route's status.
    pub progress: Progress,
    /// Logs deliveries.
    pub log: DeliveryLog,
    /// The batches that are being written.
    pub flight: Flight,
    /// Whether the destination takes any records.
    pub doubt: SinkDoubt,
    /// Shows delivered records to those who watch.
    pub tap: TapInlet,
}

/// A batch that the sink acknowledged, with its rejects saved. It waits for its commit.
struct UncommittedBatch {
    place: FlightSlot,
    acknowledged: Acknowledged,
    changes: Vec<Change>,
    bytes: usize,
    permits: Vec<OwnedSemaphorePermit>,
    span: Span,
}

/// A batch that was given up. Later batches of the same walks must not be committed.
struct GivenUpBatch {
    failure: Failure,
    walks: BTreeSet<u8>,
}

/// Batches that are being written, in order.
#[derive(Default)]
struct InFlight {
    writing: FuturesOrdered<BoxFuture<'static, Result<UncommittedBatch, GivenUpBatch>>>,
    /// Those that ended while another future was awaited.
    ended: VecDeque<Result<UncommittedBatch, GivenUpBatch>>,
}

impl InFlight {
    fn len(&self) -> usize {
        self.writing.len() + self.ended.len()
    }

    /// The next batch in order. Cancellation-safe.
    async fn next(&mut self) -> Option<Result<UncommittedBatch, GivenUpBatch>> {
        match self.ended.pop_front() {
            Some(ended) => Some(ended),
            None => self.writing.next().await,
        }
    }

    /// Awaits something else while the writes continue.
    async fn while_writing<T>(&mut self, meanwhile: impl Future<Output = T>) -> T {
        let mut meanwhile = pin!(meanwhile);
        loop {
            tokio::select! {
                biased;
                done = &mut meanwhile => return done,
                Some(ended) = self.writing.next() => self.ended.push_back(ended),
            }
        }
    }
}

impl Delivery {
    /// Delivers until no more pages come. After an error nothing is in flight, and the walk must restart from
    /// the committed cursor.
    pub async fn run(&mut self, mut batcher: Batcher, shutdown: Shutdown) -> Result<(), Failure> {
        let writes_max = self.writer.sink.writes_in_flight().max(1);
        let mut in_flight = InFlight::default();
        let mut more = true;
        while more || in_flight.len() > 0 {
            let takes_more = more && in_flight.len() < writes_max && !self.flight.has_given_up();
            tokio::select! {
                // Finished writes first: a commit frees budget and moves the cursor, so it must not wait
                // behind new batches.
                biased;
                Some(ended) = in_flight.next() => match ended {
                    Ok(written) => self.finish(written, &mut in_flight, &shutdown).await?,
                    Err(given_up) => return Err(self.finish_rest(given_up, in_flight, &shutdown).await),
                },
                gathered = batcher.next(), if takes_more => match gathered {
                    // A batch was given up during the wait. This one would be written now and read again
                    // later.
                    Some(_) if self.flight.has_given_up() => {}
                    Some(gathered) => in_flight.writing.push_back(self.begin(gathered, shutdown.clone())),
                    None => more = false,
                },
                () = self.log.in_time() => {}
            }
        }
        Ok(())
    }

    /// Commits later batches that do not depend on the one given up: those of other windows of a backfill.
    async fn finish_rest(
        &mut self,
        first: GivenUpBatch,
        mut in_flight: InFlight,
        shutdown: &Shutdown,
    ) -> Failure {
        let GivenUpBatch { failure, mut walks } = first;
        while let Some(ended) = in_flight.next().await {
            match ended {
                Ok(written) if written.changes.iter().all(|change| !walks.contains(&change.walk)) => {
                    if self.finish(written, &mut in_flight, shutdown).await.is_err() {
                        break;
                    }
                }
                // A walk's cursor includes the page that was given up, so none of its later changes may be
                // committed either.
                Ok(written) => walks.extend(written.changes.iter().map(|change| change.walk)),
                Err(given_up) => walks.extend(given_up.walks),
            }
        }
        failure
    }

    /// Starts to write a batch.
    fn begin(
        &self,
        gathered: Gathered,
        shutdown: Shutdown,
    ) -> BoxFuture<'static, Result<UncommittedBatch, GivenUpBatch>> {
        let mut gathered = gathered;
        let records: Arc<[Record]> = std::mem::take(&mut gathered.records).into();
        self.name_unknown_fields(&records);
        let span = tracing::debug_span!(
            target: "telemetry",
            "batch",
            route = self.progress.status().route,
            records = records.len() as i64,
            bytes = gathered.bytes as i64
        );
        let (writer, rejects, doubt) = (self.writer.clone(), self.rejects.clone(), self.doubt.clone());
        let acknowledgement = Acknowledgement { writer, rejects, doubt, tap: self.tap.clone(), shutdown };
        let Gathered { unusable, changes, bytes, permits, .. } = gathered;
        let mut place = self.flight.begin();
        Box::pin(async move {
            match acknowledgement.run(records, unusable, bytes, &mut place, &span).await {
                Ok(acknowledged) => {
                    Ok(UncommittedBatch { place, acknowledged, changes, bytes, permits, span })
                }
                Err(failure) => {
                    Err(GivenUpBatch { failure, walks: changes.iter().map(|change| change.walk).collect() })
                }
            }
        })
    }

    /// Commits a written batch.
    async fn finish(
        &mut self,
        written: UncommittedBatch,
        in_flight: &mut InFlight,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        let UncommittedBatch { mut place, acknowledged, changes, bytes, permits, span } = written;
        let Acknowledged { records, last, counts, refused: _ } = acknowledged;
        let (already_there, rejected) = (counts.already_there, counts.rejected.len() as u64);
        self.log.rejected(rejected);
        self.log.cut(counts.cut);
        let commit = tracing::debug_span!(target: "telemetry", parent: &span, "commit");
        let committed = self.commit(changes, records, last, &mut place, shutdown);
        // The other writes continue: a slow disk must not stall the sink.
        in_flight.while_writing(committed.instrument(commit)).await?;
        drop(place);
        // A later batch may still be failing; then the stage is not working again.
        if !self.flight.is_troubled() {
            mended(Stage::Writing, &self.progress);
        }
        self.progress.count(|counters| counters.batch(counts));
        // Budget is released only now, because the records were in memory until the commit.
        drop(permits);
        if records > 0 {
            self.log.delivered(Delivered { batches: 1, records, already_there, rejected, bytes });
        }
        Ok(())
    }

    /// Done before any sink, because not every sink looks at fields.
    fn name_unknown_fields(&self, records: &[Record]) {
        let mut drift = SchemaDrift::default();
        for record in records.iter().filter(|record| record.odd) {
            drift.look(&self.writer.table, &record.raw);
        }
        drift.report(&self.writer.table);
    }

    async fn commit(
        &mut self,
        changes: Vec<Change>,
        delivered: u64,
        last: Option<i64>,
        place: &mut FlightSlot,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        let mut checkpoint = self.checkpoint.clone();
        let mut parts = BTreeMap::new();
        let mut dedup_ids = 0;
        for change in changes {
            let place = usize::from(change.walk);
            // The tenant walk is added to a checkpoint when it has its first change.
            while checkpoint.walks.len() <= place {
                let fresh = collectors::Cursor::begin(checkpoint.start, None, false);
                checkpoint.walks.push(fresh);
            }
            checkpoint.walks[place] = change.cursor;
            parts.extend(change.parts);
            dedup_ids = change.dedup_ids;
        }
        checkpoint.delivered += delivered;
        checkpoint.last_record = checkpoint.last_record.max(last);
        if checkpoint != self.checkpoint || !parts.is_empty() {
            let begun = Instant::now();
            let mut tries = self.writer.trying.begin(RetryDelays::default(), place, shutdown);
            let mut again = false;
            while let Err(error) = self.commit_once(&checkpoint, &parts, again).await {
                // Already written, so the batch is never given up for a failure that passes: it would be
                // written twice.
                tries.wait_out(Failure::State(error), true).await?;
                again = true;
            }
            self.progress.count(|counters| counters.commit(begun.elapsed()));
            self.checkpoint = checkpoint;
        }
        self.progress.update(|status| {
            status.delivered = self.checkpoint.delivered;
            status.last_record = self.checkpoint.last_record;
            status.watermark = self.checkpoint.watermark();
            status.dedup_ids = dedup_ids;
            status.remaining_seconds = self.checkpoint.remaining_seconds();
        });
        Ok(())
    }

    /// One attempt at a commit. `again` after a failed one, which may have been made all the same.
    async fn commit_once(
        &mut self,
        checkpoint: &Checkpoint,
        parts: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
        again: bool,
    ) -> Result<(), StateError> {
        if again {
            let saved = self.store.load().await?.map(|saved| saved.cursor);
            if saved.as_ref() == Some(checkpoint) {
                return Ok(());
            }
            if saved.as_ref() != Some(&self.checkpoint) {
                return Err(StateError::Conflict { name: self.store.name().to_owned() });
            }
        }
        self.store.commit(checkpoint, parts.clone().into_iter().collect()).await
    }
}
