//! What one route has counted since the process began: plain numbers, changed a few times a page and never a record.

use std::{collections::BTreeMap, time::Duration};

use collectors::{Page, SourceCounters};

use super::{histogram::Histogram, stage::Stage};

/// In seconds: up to a day, around the stage hour that `overlap` is by default.
const LATE_BOUNDS: &[f64] =
    &[30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_200.0, 1_800.0, 3_600.0, 10_800.0, 86_400.0];
/// In seconds: a commit takes as long as the disk takes to sync: some milliseconds, or seconds when it is stuck.
pub const COMMIT_BOUNDS: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// In seconds: from a file on this machine to a service that waits before it answers.
pub const WRITE_BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The counters of a route. Of `fetched` each record becomes delivered, already there or rejected.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteCounters {
    /// Requests to the source, and what was strange about their answers.
    pub source: SourceCounters,
    /// New records that were read, unusable ones included.
    pub fetched: u64,
    /// Seconds by which records showed late.
    pub late: Histogram,
    /// Records that the sink took, committed.
    pub delivered: u64,
    /// Records that the sink had already, committed.
    pub already_there: u64,
    /// Records in the rejects, by the fixed word for why.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Records delivered with fields cut.
    pub cut: u64,
    /// Whole copies of such records that have gone to make room for newer ones.
    pub cut_gone: u64,
    /// Batches that were delivered.
    pub batches: u64,
    /// Seconds that a write took which the sink acknowledged.
    pub writes: Histogram,
    /// Seconds that a commit took.
    pub commits: Histogram,
    /// Tries that failed and were repeated, by stage and the fixed word for why.
    pub retries: BTreeMap<(Stage, &'static str), u64>,
    /// How often each stage was parked.
    pub parks: [u64; 2],
    /// When each stage last did its work, in Unix seconds.
    pub succeeded: [Option<i64>; 2],
}

impl Default for RouteCounters {
    fn default() -> Self {
        Self {
            source: SourceCounters::default(),
            fetched: 0,
            late: Histogram::new(LATE_BOUNDS),
            delivered: 0,
            already_there: 0,
            rejected: BTreeMap::new(),
            cut: 0,
            cut_gone: 0,
            batches: 0,
            writes: Histogram::new(WRITE_BOUNDS),
            commits: Histogram::new(COMMIT_BOUNDS),
            retries: BTreeMap::new(),
            parks: [0; 2],
            succeeded: [None; 2],
        }
    }
}

/// What became of a batch that is committed.
#[derive(Debug)]
pub struct Settled {
    /// Records in it, without those that are unusable.
    pub records: u64,
    /// Of those: records that the sink had.
    pub already_there: u64,
    /// Of those: records that were shortened.
    pub cut: u64,
    /// Copies of shortened records that have gone to make room.
    pub cut_gone: u64,
    /// The words for why records are in the rejects, one each.
    pub rejected: Vec<&'static str>,
    /// Of those: records that the sink refused.
    pub refused: u64,
}

impl RouteCounters {
    /// Counts a page.
    pub fn page(&mut self, page: &Page) {
        self.fetched += (page.records.len() + page.unusable.len()) as u64;
        for late in &page.late {
            self.late.observe(*late as f64);
        }
    }

    /// Counts a batch.
    pub fn settle(&mut self, settled: Settled) {
        let Settled { records, already_there, cut, cut_gone, rejected, refused } = settled;
        self.delivered += records.saturating_sub(already_there + refused);
        self.already_there += already_there;
        self.cut += cut;
        self.cut_gone += cut_gone;
        self.batches += u64::from(records > 0);
        for word in rejected {
            *self.rejected.entry(word).or_default() += 1;
        }
    }

    /// Counts a try that is repeated.
    pub fn retry(&mut self, stage: Stage, word: &'static str) {
        *self.retries.entry((stage, word)).or_default() += 1;
    }

    /// Counts a write that the sink acknowledged.
    pub fn write(&mut self, took: Duration) {
        self.writes.observe(took.as_secs_f64());
    }

    /// Counts a commit.
    pub fn commit(&mut self, took: Duration) {
        self.commits.observe(took.as_secs_f64());
    }
}
