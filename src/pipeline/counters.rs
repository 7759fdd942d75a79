//! What one route has counted since the process started: plain numbers, updated a few times per page and
//! never per record.

use std::{collections::BTreeMap, time::Duration};

use collectors::{Page, SourceCounters};

use super::{histogram::Histogram, stage::Stage};

/// In seconds, up to a day, around the half hour that is the default of `overlap`.
const LATE_BOUNDS: &[f64] =
    &[30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_200.0, 1_800.0, 3_600.0, 10_800.0, 86_400.0];
/// In seconds: a commit takes as long as a sync of the disk, from milliseconds to seconds.
pub const COMMIT_BOUNDS: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// In seconds: from a local file to a service that delays its answers.
pub const WRITE_BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The counters of a route. Each `fetched` record becomes delivered, already there or rejected.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteCounters {
    /// Requests to the source, and anomalies of their answers.
    pub source: SourceCounters,
    /// New records, including unusable ones.
    pub fetched: u64,
    /// How many seconds late records appeared.
    pub late: Histogram,
    /// Records that the sink took, after the commit.
    pub delivered: u64,
    /// Records that the sink already had, after the commit.
    pub already_there: u64,
    /// Records in the rejects, by the fixed word for the reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Records delivered with fields cut.
    pub cut: u64,
    /// Copies of such records that were removed for newer ones.
    pub cut_gone: u64,
    /// Delivered batches.
    pub batches: u64,
    /// Duration in seconds of writes that the sink acknowledged.
    pub writes: Histogram,
    /// Duration of commits in seconds.
    pub commits: Histogram,
    /// Failed attempts that were repeated, by stage and the fixed word for the reason.
    pub retries: BTreeMap<(Stage, &'static str), u64>,
    /// How often each stage was parked.
    pub parks: [u64; 2],
    /// When each stage last succeeded, in Unix seconds.
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

/// What became of the records of a committed batch.
#[derive(Debug)]
pub struct BatchCounts {
    /// Records in it, without the unusable ones.
    pub records: u64,
    /// Of those: records that the sink already had.
    pub already_there: u64,
    /// Of those: records delivered with fields cut.
    pub cut: u64,
    /// Older copies of such records that were removed to make room.
    pub cut_gone: u64,
    /// The fixed words for the reasons of its rejects, one per record.
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

    /// Counts a committed batch.
    pub fn batch(&mut self, counts: BatchCounts) {
        let BatchCounts { records, already_there, cut, cut_gone, rejected, refused } = counts;
        self.delivered += records.saturating_sub(already_there + refused);
        self.already_there += already_there;
        self.cut += cut;
        self.cut_gone += cut_gone;
        self.batches += u64::from(records > 0);
        for word in rejected {
            *self.rejected.entry(word).or_default() += 1;
        }
    }

    /// Counts an attempt that will be repeated.
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
