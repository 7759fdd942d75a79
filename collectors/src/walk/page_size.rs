//! How many records a request asks for, and how many a full page shows.
//!
//! A page can be larger than a body may be, slower than the timeout, or more than a gateway waits for (504) or
//! admits (429).
//! Fewer records are requested then, and more again later: whatever it was may end. An outage looks the same
//! until a page arrives that is as large as one that failed; then nothing is known to fail any more.

use std::time::Duration;

use tokio::time::Instant;

use crate::LIMIT;

/// Page size of the API without a limit, and of gateways that do not forward the limit.
const DEFAULT_LIMIT: usize = 20;
/// After this many answers a lowered limit is raised again, to a limit that is not known to work.
const RAISED_AFTER: u32 = 4;
/// The same after a limit has failed again and again.
const RAISED_AFTER_MAX: u32 = 512;
/// After this many failures in a row their reason may be the size of the page.
const FAILURES: u32 = 3;
/// Failures further apart than this have nothing to do with each other.
const APART: Duration = Duration::from_secs(1800);

/// Why a page of some size did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMuch {
    /// It is larger than a body may be.
    Bytes,
    /// The timeout ended while it was arriving.
    Slow,
    /// Something on the way refuses requests for so many records, and answers those for fewer.
    Refused,
    /// No complete answer, or one that says that the service is unavailable. Its size may be the reason.
    Perhaps,
}

/// The page size of one walk.
#[derive(Debug)]
pub struct PageSize {
    limit: usize,
    /// The smallest limit known to fail.
    failed: Option<usize>,
    failures: u32,
    failed_at: Option<Instant>,
    answered: u32,
    raised_after: u32,
    cap: Option<usize>,
}

impl Default for PageSize {
    fn default() -> Self {
        Self {
            limit: LIMIT,
            failed: None,
            failures: 0,
            failed_at: None,
            answered: 0,
            raised_after: RAISED_AFTER,
            cap: None,
        }
    }
}

impl PageSize {
    /// How many records to ask for.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Learns from a request that failed. True if fewer records are requested from now on.
    pub fn failed(&mut self, why: TooMuch) -> bool {
        self.answered = 0;
        if why == TooMuch::Perhaps {
            let now = Instant::now();
            let is_apart = self.failed_at.is_none_or(|at| now - at > APART);
            self.failures = if is_apart { 1 } else { self.failures + 1 };
            self.failed_at = Some(now);
            let is_known = self.failed.is_some_and(|failed| self.limit >= failed);
            if self.failures < FAILURES && !is_known {
                return false;
            }
        }
        self.failures = 0;
        let has_failed_before = self.failed.is_some_and(|failed| self.limit >= failed);
        // How large a page is depends on its records, so the next one may fit.
        self.raised_after = match why {
            TooMuch::Bytes => RAISED_AFTER,
            TooMuch::Slow | TooMuch::Refused | TooMuch::Perhaps if has_failed_before => {
                self.raised_after.saturating_mul(2).min(RAISED_AFTER_MAX)
            }
            TooMuch::Slow | TooMuch::Refused | TooMuch::Perhaps => self.raised_after,
        };
        self.failed = Some(self.failed.map_or(self.limit, |failed| failed.min(self.limit)));
        let can = self.limit > 1;
        self.limit = (self.limit / 2).max(1);
        can
    }

    /// Learns from an answer to the usual limit, with this many records, which `says_more` or does not.
    pub fn observe(&mut self, records: usize, says_more: bool) {
        self.observe_cap(self.limit, records, says_more);
        // A small page says nothing about a large one.
        if records >= self.limit {
            self.failures = 0;
        }
        if self.failed.is_some_and(|failed| records.max(1) >= failed) {
            // Less than this failed, so the size was not the reason.
            (self.failed, self.raised_after) = (None, RAISED_AFTER);
        }
        self.answered += 1;
        let next = (self.limit * 2).min(LIMIT);
        let wanted = match self.failed {
            None => 1,
            Some(failed) if self.limit < failed && next >= failed => self.raised_after,
            Some(_) => RAISED_AFTER,
        };
        if self.answered >= wanted {
            self.answered = 0;
            if self.failed.is_some_and(|failed| self.limit >= failed) {
                (self.failed, self.raised_after) = (None, RAISED_AFTER);
            }
            self.limit = next;
        }
    }

    /// Learns from an answer to this limit how many records a full page shows.
    pub fn observe_cap(&mut self, limit: usize, records: usize, says_more: bool) {
        if says_more && records > 0 {
            // Fewer records than requested although more follow: something on the way has its own limit.
            self.cap = (records < limit).then_some(records);
        }
    }

    /// Whether a page of this many records may have been cut at the page size, whatever its `has_more` says.
    pub fn is_full(&self, limit: usize, records: usize) -> bool {
        let is_default = records == DEFAULT_LIMIT && limit > DEFAULT_LIMIT;
        records >= limit.min(LIMIT) || self.cap == Some(records) || is_default
    }

    /// Whether this many records of one second fill a page.
    pub fn is_full_of(&self, records: u64) -> bool {
        records >= self.shown() as u64
    }

    /// How many records a full page shows.
    pub fn shown(&self) -> usize {
        self.cap.unwrap_or(LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many answers it takes until the limit is this again, from a list that answers full pages.
    fn answers_until(size: &mut PageSize, limit: usize) -> usize {
        let full = |size: &mut PageSize| size.observe(size.limit(), true);
        (0..10_000).take_while(|_| size.limit() < limit && (full(size), true).1).count()
    }

    #[test]
    fn a_limit_goes_down_to_one_when_bodies_are_too_large_and_recovers() {
        let mut size = PageSize::default();
        let limits: Vec<_> = (0..7).map(|_| (size.failed(TooMuch::Bytes), size.limit())).collect();
        let wanted = [(true, 50), (true, 25), (true, 12), (true, 6), (true, 3), (true, 1), (false, 1)];
        assert_eq!(limits, wanted);
        assert!(answers_until(&mut size, LIMIT) <= RAISED_AFTER as usize * 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_failures_in_a_row_ask_for_less_and_a_lone_one_does_not() {
        let mut size = PageSize::default();
        for _ in 0..20 {
            assert!(!size.failed(TooMuch::Perhaps) && !size.failed(TooMuch::Perhaps));
            size.observe(LIMIT, true);
        }
        assert!(!size.failed(TooMuch::Perhaps) && !size.failed(TooMuch::Perhaps));
        size.observe(3, false);
        assert!(size.failed(TooMuch::Perhaps), "a small page says nothing about a large one");
        assert_eq!(size.limit(), LIMIT / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_hours_apart_are_no_row() {
        let mut size = PageSize::default();
        for _ in 0..20 {
            assert!(!size.failed(TooMuch::Perhaps));
            tokio::time::advance(Duration::from_secs(3600)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_stays_is_tried_again_ever_more_rarely() {
        let mut size = PageSize::default();
        let mut refused = 0;
        for _ in 0..10_000 {
            if size.limit() > 30 {
                refused += 1;
                size.failed(TooMuch::Perhaps);
            } else {
                size.observe(size.limit(), true);
            }
        }
        assert!((10..50).contains(&refused), "{refused} of 10,000");
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_outage_the_limit_recovers_within_a_few_answers() {
        for failures in 1..200 {
            let mut size = PageSize::default();
            (0..failures).for_each(|_| _ = size.failed(TooMuch::Perhaps));
            let answers = answers_until(&mut size, LIMIT);
            assert!(answers <= 4 * RAISED_AFTER as usize, "{answers} after {failures}");
        }
    }

    #[test]
    fn a_page_is_full_at_the_size_that_was_observed() {
        let mut size = PageSize::default();
        assert!(size.is_full(100, 100) && !size.is_full(100, 40));
        size.observe(40, true);
        assert!(size.is_full(100, 40));
        size.observe(12, false);
        assert!(
            size.is_full(100, 40) && !size.is_full(100, 12),
            "the end of a list says nothing about pages"
        );
        size.observe(100, true);
        assert!(!size.is_full(100, 40) && size.is_full(100, 20) && size.is_full(12, 12));
    }
}
