//! How much one request may carry: learnt from what passes and what does not, and never for good.
//!
//! A limit that somebody set shows as 413. Others show only above some size: a node that runs out of memory (429), a gateway
//! that gives up (a timeout) or hangs up (a reset). Less is sent then. Whatever it was, it may end: more is sent again,
//! step by step, and ever more rarely to where it failed.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// So many failures in a row say that it may be the size; each request that may be on its way beside it is one more.
const FAILURES: u32 = 3;
/// So many full requests in a row must pass before more is sent, where no size is known to fail.
const PASSES: u32 = 2;
/// The same where the next size is known to fail, at first and at most: then one request in a few hundred is a trial.
const PASSES_TO_FAILED: u32 = 8;
const PASSES_MAX: u32 = 512;
/// What passed counts for so long against an answer that less is too large. Limits change rarely, and then for long.
const BELIEVED: Duration = Duration::from_secs(600);
/// Nobody has a limit below this; who says so is mistaken.
const SURELY_TAKEN: usize = 8 << 10;
/// What gateways take at least, unless configured otherwise. Where nothing has passed yet, a lone row below it is not
/// believed to be too large.
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
    /// Of a request that is sent as it is.
    pub fn plain(bytes: usize) -> Self {
        Self { bytes, wire: bytes }
    }

    /// Whether neither of the two is larger.
    fn within(self, other: Self) -> bool {
        self.bytes <= other.bytes && self.wire <= other.wire
    }
}

/// What a request that was answered with 413 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// Too large, as far as is known: less may pass.
    Credible,
    /// No larger than what passed a moment ago, or than any limit: a fault that passes.
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
    /// Failures in a row of requests that were as large as the last one that failed, or larger.
    failures: u32,
    failing: usize,
    /// The smallest size that was seen to fail, since more than that has passed.
    failed: Option<usize>,
    /// Full requests that passed since the size was changed, and how many must to reach what failed.
    passes: u32,
    passes_to_failed: u32,
    /// The largest that passed, and when.
    passed: Option<(Weight, Instant)>,
}

impl RequestSize {
    /// At most so many bytes, in requests of which so many may be on their way.
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

    /// How many bytes the next request may have, before compression. A single row goes in any case.
    pub fn bytes(&self) -> usize {
        self.held().bytes
    }

    /// A request was taken.
    pub fn passed(&self, weight: Weight) {
        let mut learnt = self.held();
        let now = Instant::now();
        let known = learnt.passed.filter(|(_, at)| now - *at < BELIEVED).map(|(known, _)| known);
        // What is smaller does not prolong what was larger.
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

    /// A request of several rows, or of one, was answered with 413. Of several, the next ones are smaller.
    pub fn too_large(&self, weight: Weight, rows: usize) -> TooLarge {
        let mut learnt = self.held();
        let passed = learnt.passed.filter(|(_, at)| at.elapsed() < BELIEVED);
        let contradicted = passed.is_some_and(|(passed, _)| weight.within(passed));
        let likely =
            if passed.is_some() { weight.bytes > SURELY_TAKEN } else { weight.bytes >= LIKELY_TAKEN };
        // Of several rows less is sent whatever passed before: the limit may be new, and sizes recover.
        if rows == 1 && (contradicted || !likely) {
            return TooLarge::Incredible;
        }
        if rows > 1 {
            learnt.shrink(weight.bytes);
        }
        TooLarge::Credible
    }

    /// A request failed in a way that passes by itself, or that its size may be the reason of. After a few, less is sent.
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
            // One of several that were on their way.
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

    /// How many full requests it takes until the size is this again, of a service that takes all.
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
