//! How much one request may contain: learned from what is accepted and what fails, and never for good.
//!
//! A configured limit shows as 413. Others show only above some size: a node that runs out of memory (429), a
//! gateway that gives up (a timeout) or hangs up (a reset). Then less is sent. Any of these may end, so more
//! is sent again, step by step, and ever more rarely up to the size that failed.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// After this many failures in a row the size may be the reason; each other request that may be in flight
/// adds one.
const FAILURES: u32 = 3;
/// How many full requests in a row must be accepted before more is sent, if no size is known to fail.
const PASSES: u32 = 2;
/// The same if the next size is known to fail, at first and at most: then one request in a few hundred is a
/// trial.
const PASSES_TO_FAILED: u32 = 8;
const PASSES_MAX: u32 = 512;
/// How long an accepted size counts against a response that a smaller one is too large. Limits change rarely,
/// and then for long.
const BELIEVED: Duration = Duration::from_secs(600);
/// No real limit is below this, so a response that says so is not believed.
const SURELY_TAKEN: usize = 8 << 10;
/// The smallest limit of gateways, unless configured otherwise. Before anything was accepted, a single row
/// below it is not believed to be too large.
const LIKELY_TAKEN: usize = 1 << 20;

/// The size of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes before compression.
    pub bytes: usize,
    /// Bytes as sent.
    pub wire: usize,
}

impl Weight {
    /// Of a request that is sent uncompressed.
    pub fn plain(bytes: usize) -> Self {
        Self { bytes, wire: bytes }
    }

    /// Whether neither of the two is larger.
    fn within(self, other: Self) -> bool {
        self.bytes <= other.bytes && self.wire <= other.wire
    }
}

/// How to treat a 413.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// Plausible: a smaller request may be accepted.
    Credible,
    /// Implausible: no larger than what was accepted a moment ago, or than any real limit. A fault that
    /// passes.
    Incredible,
}

/// The size of the requests of one sink, in bytes before compression.
#[derive(Debug)]
pub struct RequestSize {
    bytes_max: usize,
    failures_max: u32,
    learnt: Mutex<Learnt>,
}

#[derive(Debug)]
struct Learnt {
    bytes: usize,
    /// Failures in a row of requests at least as large as the last one that failed.
    failures: u32,
    failing: usize,
    /// The smallest size known to fail, since a larger one was accepted.
    failed: Option<usize>,
    /// Full requests accepted since the size changed, and how many it takes to try the size that failed.
    passes: u32,
    passes_to_failed: u32,
    /// The largest that passed, and when.
    passed: Option<(Weight, Instant)>,
}

impl RequestSize {
    /// At most this many bytes, in requests of which this many may be in flight.
    pub fn new(bytes_max: usize, in_flight: usize) -> Self {
        let learnt = Learnt {
            bytes: bytes_max,
            failures: 0,
            failing: 0,
            failed: None,
            passes: 0,
            passes_to_failed: PASSES_TO_FAILED,
            passed: None,
        };
        let beside = u32::try_from(in_flight.saturating_sub(1)).unwrap_or(u32::MAX);
        Self { bytes_max, failures_max: FAILURES.saturating_add(beside), learnt: Mutex::new(learnt) }
    }

    /// How many bytes the next request may have, before compression. A single row is sent whatever its size.
    pub fn bytes(&self) -> usize {
        self.held().bytes
    }

    /// A request was taken.
    pub fn passed(&self, weight: Weight) {
        let mut learnt = self.held();
        let now = Instant::now();
        let known = learnt.passed.filter(|(_, at)| now - *at < BELIEVED).map(|(known, _)| known);
        // A smaller request does not extend the time for which a larger one counts.
        if known.is_none_or(|known| !weight.within(known) || weight == known) {
            let known = known.unwrap_or_default();
            let both = Weight { bytes: known.bytes.max(weight.bytes), wire: known.wire.max(weight.wire) };
            learnt.passed = Some((both, now));
        }
        if weight.bytes >= learnt.failing {
            learnt.failures = 0;
        }
        if learnt.failed.is_some_and(|failed| weight.bytes >= failed) {
            learnt.failed = None;
            learnt.passes_to_failed = PASSES_TO_FAILED;
        }
        if learnt.bytes < self.bytes_max && weight.bytes >= learnt.bytes / 2 {
            self.grow(&mut learnt);
        }
    }

    /// A request got a 413. If it had several rows, the next ones are smaller.
    pub fn too_large(&self, weight: Weight, rows: usize) -> TooLarge {
        let mut learnt = self.held();
        let passed = learnt.passed.filter(|(_, at)| at.elapsed() < BELIEVED);
        let contradicted = passed.is_some_and(|(passed, _)| weight.within(passed));
        let likely =
            if passed.is_some() { weight.bytes > SURELY_TAKEN } else { weight.bytes >= LIKELY_TAKEN };
        // With several rows less is sent whatever was accepted before: the limit may be new, and sizes
        // recover.
        if rows == 1 && (contradicted || !likely) {
            return TooLarge::Incredible;
        }
        if rows > 1 {
            learnt.shrink(weight.bytes);
        }
        TooLarge::Credible
    }

    /// A request failed in a way that passes, or that its size may explain. After a few failures less is
    /// sent.
    pub fn failed(&self, weight: Weight) {
        let mut learnt = self.held();
        learnt.failures += 1;
        learnt.failing = weight.bytes;
        if learnt.failures >= self.failures_max {
            learnt.shrink(weight.bytes);
        }
    }

    fn grow(&self, learnt: &mut Learnt) {
        let next = learnt.bytes.saturating_mul(2).min(self.bytes_max);
        learnt.passes += 1;
        let fails = learnt.failed.is_some_and(|failed| next >= failed);
        if learnt.passes >= if fails { learnt.passes_to_failed } else { PASSES } {
            tracing::debug!(bytes = next, "sending larger requests again");
            learnt.bytes = next;
            learnt.passes = 0;
        }
    }

    fn held(&self) -> MutexGuard<'_, Learnt> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Learnt {
    /// From now on requests are half as large as one that failed.
    fn shrink(&mut self, failed: usize) {
        let half = (failed / 2).max(1);
        if half >= self.bytes {
            // One of several that were in flight.
            return;
        }
        if self.failed.is_some_and(|known| failed >= known) {
            self.passes_to_failed = self.passes_to_failed.saturating_mul(2).min(PASSES_MAX);
        }
        if self.failed.is_none() {
            tracing::warn!(bytes = half, "requests of this size fail: sending smaller ones for now");
        }
        self.failed = Some(self.failed.map_or(failed, |known| known.min(failed)));
        self.bytes = half;
        self.passes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 8 << 20;

    fn plain(bytes: usize) -> Weight {
        Weight::plain(bytes)
    }

    /// How many full requests a service that accepts all must get until the size is this large again.
    fn passes_until(size: &RequestSize, bytes: usize) -> usize {
        (0..10_000)
            .take_while(|_| {
                size.bytes() < bytes && {
                    size.passed(plain(size.bytes()));
                    true
                }
            })
            .count()
    }

    #[tokio::test]
    async fn a_limit_that_was_met_once_is_forgotten_step_by_step() {
        let size = RequestSize::new(MAX, 1);
        assert_eq!(size.too_large(plain(MAX), 9_000), TooLarge::Credible);
        assert_eq!(size.bytes(), MAX / 2);
        assert_eq!(passes_until(&size, MAX), 8);
    }

    #[tokio::test]
    async fn a_limit_that_stays_costs_few_requests() {
        let size = RequestSize::new(MAX, 1);
        let (limit, mut refused) = (3 << 20, 0);
        for _ in 0..10_000 {
            let bytes = size.bytes();
            if bytes <= limit {
                size.passed(plain(bytes));
            } else {
                refused += 1;
                assert_eq!(size.too_large(plain(bytes), 2), TooLarge::Credible);
            }
        }
        assert!(refused < 40, "{refused} of 10,000");
    }

    #[tokio::test]
    async fn after_a_few_failures_in_a_row_less_is_sent_down_to_one_row_and_more_again_later() {
        let size = RequestSize::new(MAX, 1);
        for _ in 1..FAILURES {
            size.failed(plain(MAX));
        }
        assert_eq!(size.bytes(), MAX, "not yet");
        for _ in 0..60 {
            size.failed(plain(size.bytes()));
        }
        assert_eq!(size.bytes(), 1);
        let passes = passes_until(&size, MAX);
        assert!(passes < 100, "{passes}");
    }

    #[tokio::test]
    async fn what_is_small_and_passes_says_nothing_of_what_is_large_and_fails() {
        let size = RequestSize::new(MAX, 1);
        for _ in 0..FAILURES {
            size.failed(plain(MAX));
            size.passed(plain(300));
        }
        assert_eq!(size.bytes(), MAX / 2);
        let size = RequestSize::new(MAX, 1);
        for _ in 0..10 * FAILURES {
            size.failed(plain(MAX));
            size.passed(plain(MAX));
        }
        assert_eq!(size.bytes(), MAX, "never twice in a row");
    }

    #[tokio::test]
    async fn failures_that_were_on_their_way_together_are_no_row() {
        let size = RequestSize::new(MAX, 4);
        (0..4).for_each(|_| size.failed(plain(MAX)));
        assert_eq!(size.bytes(), MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_413_for_less_than_what_passed_is_not_believed_for_a_while() {
        let size = RequestSize::new(MAX, 1);
        size.passed(Weight { bytes: 3 << 20, wire: 300 << 10 });
        let row = Weight { bytes: 20_000, wire: 9_000 };
        assert_eq!(size.too_large(row, 1), TooLarge::Incredible);
        assert_eq!(size.bytes(), MAX);
        let dense = Weight { bytes: 2 << 20, wire: 2 << 20 };
        assert_eq!(size.too_large(dense, 1), TooLarge::Credible, "more on the wire than what passed");
        tokio::time::advance(BELIEVED).await;
        size.passed(plain(5_000));
        assert_eq!(size.too_large(row, 1), TooLarge::Credible, "what passed is long ago");
        assert_eq!(size.too_large(plain(700), 1), TooLarge::Incredible, "nobody has such a limit");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_is_lowered_while_requests_pass_is_learnt_at_once() {
        let size = RequestSize::new(MAX, 1);
        size.passed(plain(MAX));
        assert_eq!(size.too_large(plain(60_000), 90), TooLarge::Credible);
        assert!(size.bytes() <= 30_000, "{}", size.bytes());
    }

    #[tokio::test]
    async fn where_nothing_has_passed_a_413_is_believed_of_many_rows_or_of_a_large_one() {
        let size = RequestSize::new(MAX, 1);
        assert_eq!(size.too_large(plain(20_000), 1), TooLarge::Incredible);
        assert_eq!(size.too_large(plain(20_000), 2), TooLarge::Credible);
        assert_eq!(size.too_large(plain(LIKELY_TAKEN), 1), TooLarge::Credible);
    }
}
