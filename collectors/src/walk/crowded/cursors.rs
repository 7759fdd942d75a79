//! Cursors inside a second whose order is stable: after the last record of a page, and before the first.

use super::{Next, Shown, Strategy, edges, far_end::FarEnd};
use crate::{page::record::IdHash, walk::by_anchor::anchor_of};

/// Requests the records after the last one shown.
#[derive(Debug)]
pub(super) struct AfterLast {
    pub last: String,
    /// The first record of the second.
    first: String,
    /// The records that every plain read shows, first to last.
    beginning: Vec<IdHash>,
    /// Whether all reads of the second were in one order. Otherwise no end proves that all was shown.
    is_one_order: bool,
    /// Whether a cursor has shown more of the second.
    works: bool,
}

impl AfterLast {
    pub(super) fn new(first: String, last: String, beginning: Vec<IdHash>, is_one_order: bool) -> Self {
        Self { last, first, beginning, is_one_order, works: false }
    }

    /// `turns` if the list can be read from its other end but has no `before`.
    pub(super) fn read(&mut self, shown: &Shown<'_>, turns: bool) -> Next {
        let read = &shown.read;
        if shown.has_advanced {
            self.works = true;
            if read.whole {
                return Next::Finished { complete: self.is_one_order };
            }
            match edges(&shown.mine) {
                Some((_, last)) => self.last = last,
                None => return Next::Try(Strategy::Repeat),
            }
            return Next::Again;
        }
        let is_end = shown.mine.is_empty() && (read.whole || !read.says_more);
        if is_end && (self.works || !shown.said_more) {
            // An empty page is the end if cursors have worked, or if full pages said that nothing follows.
            return Next::Finished { complete: self.is_one_order };
        }
        let beginning = std::mem::take(&mut self.beginning);
        Next::Try(if turns && self.is_one_order {
            Strategy::FarEnd(FarEnd { anchor: shown.behind.and_then(anchor_of), beginning })
        } else {
            Strategy::BeforeFirst(BeforeFirst { first: std::mem::take(&mut self.first) })
        })
    }
}

/// Requests the records before the first one shown.
#[derive(Debug)]
pub(super) struct BeforeFirst {
    pub first: String,
}

impl BeforeFirst {
    pub(super) fn read(&mut self, shown: &Shown<'_>) -> Next {
        match edges(&shown.mine) {
            Some((first, _)) if shown.has_advanced => {
                self.first = first;
                Next::Again
            }
            None if shown.has_advanced => Next::Try(Strategy::Repeat),
            Some(_) | None => Next::TryFilters,
        }
    }
}
