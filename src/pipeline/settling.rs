//! A batch until nothing of it is left to do but its commit: written, and what no sink takes kept. Each step is tried
//! again at its own place, so that a later one that fails repeats no earlier one.

use std::sync::Arc;

use bytes::Bytes;
use collectors::{Record, Unusable};
use tracing::{Instrument as _, Span};

use super::{
    counters::Settled,
    doubt::Doubt,
    flight::FlightSlot,
    policy::Failure,
    rejects::{Reject, Rejects, Side},
    shutdown::Shutdown,
    write::Writer,
};
use crate::sinks::{Cut, Receipt, Refused};

/// What brings batches so far.
pub struct Settling {
    /// Writes them.
    pub writer: Writer,
    /// Where records go that the sink does not take.
    pub rejects: Rejects,
    /// Whether the destination takes records at all.
    pub doubt: Doubt,
    /// Sees the stop.
    pub shutdown: Shutdown,
}

/// What became of a batch. Its records are not held any more.
pub struct Taken {
    /// Records handed to the sink.
    pub records: u64,
    /// The latest second of them.
    pub last: Option<i64>,
    /// What is counted once the commit is made.
    pub settled: Settled,
}

impl Settling {
    /// Settles a batch of so many bytes. What fails before anything is written gives it up when nothing else is on its way.
    pub async fn run(
        &self,
        records: Arc<[Record]>,
        unusable: Vec<Unusable>,
        bytes: usize,
        place: &mut FlightSlot,
        span: &Span,
    ) -> Result<Taken, Failure> {
        let mut rejects: Vec<Reject> = unusable.into_iter().map(|one| self.unusable(one)).collect();
        let _reserved = {
            let unusable: Arc<[Reject]> = rejects.clone().into();
            let mut tries = self.writer.trying.begin(place, &self.shutdown);
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
        let mut settled = Settled {
            records: records.len() as u64,
            already_there,
            cut: cut.len() as u64,
            cut_gone: 0,
            rejected: Vec::new(),
            refused: refused.len() as u64,
        };
        rejects.extend(self.refused(refused, &records));
        settled.rejected = rejects.iter().map(|reject| reject.kind).collect();
        let copies: Arc<[Reject]> = self.cut(cut, &records).collect();
        let last = records.iter().map(|record| record.second).max();
        // From here on only what is to be kept holds the page.
        drop(records);
        let rejects: Arc<[Reject]> = rejects.into();
        let mut tries = self.writer.trying.begin(place, &self.shutdown);
        while let Err(error) = self.rejects.keep(rejects.clone()).await {
            tries.wait_out(error.into(), true).await?;
        }
        settled.cut_gone = loop {
            match self.rejects.keep_cut(copies.clone()).await {
                Ok(gone) => break gone,
                Err(error) => tries.wait_out(error.into(), true).await?,
            }
        };
        if settled.cut_gone > 0 && !self.rejects.told_of_gone() {
            let file = self.rejects.cut_path().display();
            tracing::warn!(%file, "cut_max reached: oldest copies of records with shortened fields removed");
        }
        Ok(Taken { records: settled.records, last, settled })
    }

    /// Writes them, until the destination shows that it takes some records, if not these.
    async fn write(&self, records: &Arc<[Record]>, place: &mut FlightSlot) -> Result<Receipt, Failure> {
        loop {
            let receipt = self.writer.write(records.clone(), place, &self.shutdown).await?;
            match self.doubt.look(&receipt) {
                Ok(()) => return Ok(receipt),
                Err(failure) => {
                    self.writer.trying.begin(place, &self.shutdown).wait_out(failure, false).await?;
                }
            }
        }
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
        let Writer { connector, table, .. } = &self.writer;
        Reject { connector: connector.clone(), table, side, kind, reason, record }
    }
}
