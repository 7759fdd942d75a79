//! Brings a batch to the point where only its commit is missing: written, and its rejects saved. Each step is
//! retried by itself, so that a failure of a later step never repeats an earlier one.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use collectors::{Record, Unusable};
use tracing::{Instrument as _, Span};

use super::{
    backoff::RetryDelays,
    counters::BatchCounts,
    doubt::SinkDoubt,
    flight::FlightSlot,
    policy::Failure,
    rejects::{Reject, Rejects, Side},
    shutdown::Shutdown,
    tap::TapInlet,
    write::BatchWriter,
};
use crate::sinks::{Cut, Receipt, Refused};

/// What a batch needs until its commit.
pub struct Acknowledgement {
    /// Writes them.
    pub writer: BatchWriter,
    /// Takes the records that the sink does not.
    pub rejects: Rejects,
    /// Whether the destination takes any records.
    pub doubt: SinkDoubt,
    /// Shows what the sink took to those who watch.
    pub tap: TapInlet,
    /// Sees the request to shut down.
    pub shutdown: Shutdown,
}

/// The outcome of a batch, whose records are no longer in memory.
pub struct Acknowledged {
    /// Records delivered to the sink.
    pub records: u64,
    /// Their latest second.
    pub last: Option<i64>,
    /// Counted once the commit succeeds.
    pub counts: BatchCounts,
    /// The places in the batch of records that the sink refused.
    pub refused: BTreeSet<usize>,
}

impl Acknowledgement {
    /// Processes a batch of `bytes` bytes. If it fails before anything is written and no later batch is in
    /// flight, it is given up.
    pub async fn run(
        &self,
        records: Arc<[Record]>,
        unusable: Vec<Unusable>,
        bytes: usize,
        place: &mut FlightSlot,
        span: &Span,
    ) -> Result<Acknowledged, Failure> {
        let mut rejects: Vec<Reject> = unusable.into_iter().map(|one| self.unusable(one)).collect();
        // Reserved before the write: checked after it, a full rejects file would make every retry write the
        // batch again.
        let _reserved = {
            let unusable: Arc<[Reject]> = rejects.clone().into();
            let mut tries = self.writer.trying.begin(RetryDelays::default(), place, &self.shutdown);
            loop {
                match self.rejects.reserve(unusable.clone(), records.len(), bytes).await {
                    Ok(reserved) => break reserved,
                    Err(error) => tries.wait_out(error.into(), false).await?,
                }
            }
        };
        let write = tracing::debug_span!(target: "telemetry", parent: span, "write");
        let written = self.write(&records, place).instrument(write).await?;
        let Receipt { already_there, refused, cut, accepted: _ } = written;
        let mut counts = BatchCounts {
            records: records.len() as u64,
            already_there,
            cut: cut.len() as u64,
            cut_gone: 0,
            rejected: Vec::new(),
            refused: refused.len() as u64,
        };
        self.show(&records, &refused);
        let places = refused.iter().map(|one| one.index).collect();
        rejects.extend(self.refused(refused, &records));
        counts.rejected = rejects.iter().map(|reject| reject.kind).collect();
        let copies: Arc<[Reject]> = self.cut(cut, &records).collect();
        let last = records.iter().map(|record| record.second).max();
        // From here on only the rejects keep the page in memory.
        drop(records);
        let rejects: Arc<[Reject]> = rejects.into();
        // `true` below: the batch is written, so it waits here however long, and is not written twice.
        let mut tries = self.writer.trying.begin(RetryDelays::default(), place, &self.shutdown);
        while let Err(error) = self.rejects.keep(rejects.clone()).await {
            tries.wait_out(error.into(), true).await?;
        }
        counts.cut_gone = loop {
            match self.rejects.keep_cut(copies.clone()).await {
                Ok(gone) => break gone,
                Err(error) => tries.wait_out(error.into(), true).await?,
            }
        };
        if counts.cut_gone > 0 && !self.rejects.has_logged_removal() {
            let file = self.rejects.cut_path().display();
            tracing::warn!(%file, "cut_max reached: oldest copies of records with shortened fields removed");
        }
        Ok(Acknowledged { records: counts.records, last, counts, refused: places })
    }

    /// Writes the records; repeats while the destination refuses so many that it is itself in doubt.
    async fn write(&self, records: &Arc<[Record]>, place: &mut FlightSlot) -> Result<Receipt, Failure> {
        loop {
            let receipt = self.writer.write(records.clone(), place, &self.shutdown).await?;
            match self.doubt.look(&receipt) {
                Ok(()) => return Ok(receipt),
                Err(failure) => {
                    self.writer
                        .trying
                        .begin(self.writer.retry, place, &self.shutdown)
                        .wait_out(failure, false)
                        .await?;
                }
            }
        }
    }

    /// Shows the records that the sink took.
    fn show(&self, records: &[Record], refused: &[Refused]) {
        if !self.tap.is_watched() {
            return;
        }
        let refused: HashSet<usize> = refused.iter().map(|one| one.index).collect();
        let taken = records.iter().enumerate().filter(|(place, _)| !refused.contains(place));
        self.tap.show(taken.map(|(_, record)| record.raw.as_ref()));
    }

    fn unusable(&self, one: Unusable) -> Reject {
        self.reject(Side::Source, "unusable", one.reason.to_owned(), one.raw)
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
        let BatchWriter { connector, table, .. } = &self.writer;
        Reject { connector: connector.clone(), table: table.clone(), side, kind, reason, record }
    }
}
