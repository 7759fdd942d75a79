//! The largest page with which one second can be read. A second that fits such a page is not crowded, however
//! few records the walk asks for at the moment.

use crate::{LIMIT, walk::page_size::TooMuch};

/// How often the same limit must fail before fewer records are requested, unless smaller pages are known to
/// arrive.
const FAILURES: u32 = 3;

/// The limit of the requests of one search: the largest that works, found by halving what lies between one
/// that works and one that fails.
#[derive(Debug)]
pub(crate) struct SearchReach {
    limit: usize,
    /// The largest limit that was answered; 0 before the first.
    works: usize,
    /// The smallest limit that failed, and why.
    failed: Option<(usize, TooMuch)>,
    failures: u32,
    has_tried_again: bool,
}

impl Default for SearchReach {
    fn default() -> Self {
        Self { limit: LIMIT, works: 0, failed: None, failures: 0, has_tried_again: false }
    }
}

impl SearchReach {
    /// How many records to ask for.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Learns from a request that failed. True if fewer records are requested from now on.
    pub fn failed(&mut self, why: TooMuch) -> bool {
        self.failures += 1;
        if why == TooMuch::Perhaps && self.failures < FAILURES && self.works == 0 {
            return false;
        }
        self.failures = 0;
        let can = self.limit > 1;
        let known = self.failed.filter(|(failed, _)| *failed < self.limit);
        let (failed, why) = known.unwrap_or((self.limit, why));
        self.failed = Some((failed, why));
        // Records differ in size: one request of the search may fail where another was answered.
        self.works = if self.works < failed { self.works } else { 0 };
        self.limit = if self.works > 0 { usize::midpoint(self.works, failed) } else { failed / 2 }.max(1);
        can
    }

    /// Learns that a request with this limit was answered.
    pub fn answered(&mut self, limit: usize) {
        self.failures = 0;
        self.works = self.works.max(limit);
        if self.failed.is_some_and(|(failed, _)| self.works >= failed) {
            // Less than this failed: the size was not the reason.
            *self = Self::default();
        }
    }

    /// Asks for more records after a page that did not show the whole second. False if no larger page is
    /// known to be possible.
    pub fn raise(&mut self) -> bool {
        let Some((failed, why)) = self.failed else {
            let can = self.limit < LIMIT;
            self.limit = LIMIT;
            return can;
        };
        if failed > self.limit + 1 {
            self.limit = usize::midpoint(self.limit, failed);
            return true;
        }
        // A passing fault may have failed them all: the full page is requested once more.
        let again = why != TooMuch::Bytes && !self.has_tried_again;
        if again {
            (self.has_tried_again, self.limit) = (true, LIMIT);
        }
        again
    }

    /// Whether larger pages fail now, and may arrive later.
    pub fn may_grow(&self) -> bool {
        self.failed.is_some_and(|(_, why)| why != TooMuch::Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limits that are tried until no larger one is, where larger ones than `max` fail.
    fn tried(max: usize, why: TooMuch) -> Vec<usize> {
        let mut reach = SearchReach::default();
        let mut limits = Vec::new();
        for _ in 0..100 {
            limits.push(reach.limit());
            if reach.limit() > max {
                reach.failed(why);
            } else {
                reach.answered(reach.limit());
                if !reach.raise() {
                    return limits;
                }
            }
        }
        panic!("without end: {limits:?}");
    }

    #[test]
    fn the_largest_limit_that_works_is_found() {
        assert_eq!(tried(LIMIT, TooMuch::Bytes), [LIMIT]);
        for max in [1, 2, 25, 49, 50, 60, 75, 99] {
            for why in [TooMuch::Bytes, TooMuch::Slow, TooMuch::Perhaps] {
                let limits = tried(max, why);
                assert!(limits.ends_with(&[max]), "{max}: {limits:?}");
                assert!(limits.len() < 24, "{max}: {limits:?}");
            }
        }
    }

    #[test]
    fn an_outage_in_the_middle_of_a_search_lowers_no_limit() {
        for failures in 1..40 {
            let mut reach = SearchReach::default();
            (0..failures).for_each(|_| _ = reach.failed(TooMuch::Perhaps));
            for _ in 0..20 {
                reach.answered(reach.limit());
                reach.raise();
            }
            assert_eq!((reach.limit(), reach.may_grow()), (LIMIT, false), "{failures} failures");
        }
    }
}
