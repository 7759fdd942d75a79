//! `[pipeline]`: settings of every route.

use std::time::Duration;

use bytesize::ByteSize;

use super::{
    section::Section,
    values::{MINUTE, SECOND},
};

/// Limits and rhythm of each route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineSettings {
    /// How long a batch waits for more records while more are coming.
    pub batch_wait: Duration,
    /// The most bytes of records in one route: fetched, batched and being written.
    pub bytes_in_flight: u64,
    /// How long a stop waits for batches in flight.
    pub stop_timeout: Duration,
    /// How often progress without new records is committed.
    pub commit_interval: Duration,
    /// The most bytes of rejects of one route; above it the route parks.
    pub rejects_max: u64,
    /// The most bytes of whole copies of records delivered with shortened fields, of one route; above it the
    /// oldest are removed.
    pub cut_max: u64,
}

impl PipelineSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let settings = Self {
            batch_wait: section.duration("batch_wait", Duration::ZERO..=MINUTE),
            bytes_in_flight: section.size("bytes_in_flight", ByteSize::kib(64)..=ByteSize::gib(4)),
            stop_timeout: section.duration("stop_timeout", SECOND..=10 * MINUTE),
            commit_interval: section.duration("commit_interval", SECOND / 10..=MINUTE),
            rejects_max: section.size("rejects_max", ByteSize::kib(1)..=ByteSize::tib(1)),
            cut_max: section.size("cut_max", ByteSize::b(0)..=ByteSize::tib(1)),
        };
        section.finish();
        settings
    }
}
