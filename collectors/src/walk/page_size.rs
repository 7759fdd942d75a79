//! How many records a request asks for, and how many a full page shows.

use crate::LIMIT;

/// Page size of the API without a limit, and of gateways that do not forward the limit.
const DEFAULT_LIMIT: usize = 20;
/// After this many answers a lowered limit is raised again.
const RAISED_AFTER: u32 = 4;

/// The page size of one walk.
#[derive(Debug)]
pub struct PageSize {
    limit: usize,
    answered: u32,
    cap: Option<usize>,
}

impl Default for PageSize {
    fn default() -> Self {
        Self { limit: LIMIT, answered: 0, cap: None }
    }
}

impl PageSize {
    /// How many records to ask for.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Halves the limit after an answer that was too large or too slow. False if it was one record.
    pub fn halve(&mut self) -> bool {
        self.answered = 0;
        let can = self.limit > 1;
        self.limit = (self.limit / 2).max(1);
        can
    }

    /// Learns from an answer with this many records, which `says_more` or does not.
    pub fn observe(&mut self, records: usize, says_more: bool) {
        if says_more && records > 0 {
            // Fewer records than requested although more follow: something on the way has its own limit.
            self.cap = (records < self.limit).then_some(records);
        }
        self.answered += 1;
        if self.limit < LIMIT && self.answered >= RAISED_AFTER {
            self.answered = 0;
            self.limit = (self.limit * 2).min(LIMIT);
        }
    }

    /// Whether a page of this many records may have been cut at the page size, whatever its `has_more` says.
    pub fn is_full(&self, records: usize) -> bool {
        records >= LIMIT || self.cap == Some(records)
    }

    /// Whether this many records of one second fill a page.
    pub fn is_full_of(&self, records: u64) -> bool {
        records >= self.shown() as u64
    }

    /// How many records a full page shows.
    pub fn shown(&self) -> usize {
        self.cap.unwrap_or(LIMIT)
    }

    /// Whether a page has exactly the size that lists use without a limit.
    pub fn is_default(&self, records: usize) -> bool {
        records == DEFAULT_LIMIT && self.limit > DEFAULT_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lowered_limit_goes_down_to_one_and_recovers() {
        let mut size = PageSize::default();
        let limits: Vec<_> = (0..7).map(|_| (size.halve(), size.limit())).collect();
        let wanted = [(true, 50), (true, 25), (true, 12), (true, 6), (true, 3), (true, 1), (false, 1)];
        assert_eq!(limits, wanted);
        for _ in 0..RAISED_AFTER * 7 {
            size.observe(1, true);
        }
        assert_eq!(size.limit(), LIMIT);
    }

    #[test]
    fn a_page_is_full_at_the_size_that_was_observed() {
        let mut size = PageSize::default();
        assert!(size.is_full(100) && !size.is_full(40));
        size.observe(40, true);
        assert!(size.is_full(40));
        size.observe(12, false);
        assert!(size.is_full(40) && !size.is_full(12), "the end of a list says nothing about its pages");
        size.observe(100, true);
        assert!(!size.is_full(40));
    }
}
