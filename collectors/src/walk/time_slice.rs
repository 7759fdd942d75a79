//! A range of seconds that is being read, and what one page shows of it.

use serde::{Deserialize, Serialize};

use crate::{
    page::{ListPage, head::LAST_SECOND},
    walk::{anchors::Anchor, page_size::PageSize},
};

/// Where the next page of a slice begins, for lists read from anchors. Only the anchor is stored: a record
/// that was just shown may be deleted before the process starts again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Option<Anchor>", into = "Option<Anchor>")]
pub enum Position {
    /// At the first record of the list.
    #[default]
    Beginning,
    /// After a record that was read before this process started, or long ago: it may be deleted.
    Stored(Anchor),
    /// After a record of the previous page: it exists.
    Shown(Anchor),
}

impl Position {
    /// The record after which the next page begins.
    pub fn anchor(&self) -> Option<&Anchor> {
        match self {
            Self::Beginning => None,
            Self::Stored(anchor) | Self::Shown(anchor) => Some(anchor),
        }
    }

    fn is_beginning(&self) -> bool {
        matches!(self, Self::Beginning)
    }
}

impl From<Option<Anchor>> for Position {
    fn from(anchor: Option<Anchor>) -> Self {
        anchor.map_or(Self::Beginning, Self::Stored)
    }
}

impl From<Position> for Option<Anchor> {
    fn from(position: Position) -> Self {
        position.anchor().cloned()
    }
}

/// A range of seconds of which `from ..= to` is unread. Pages shorten it at its upper or lower end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSlice {
    /// First second of the whole slice; earlier records do not belong to it.
    pub lo: i64,
    /// Last second of the whole slice; `None` has no upper limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hi: Option<i64>,
    /// First unread second.
    pub from: i64,
    /// Last unread second; `None` has no upper limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// If the list's order is unreliable: first second of the upper part, which is read first and as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<i64>,
    /// Whether it is read from the newest record down (only lists without a time filter).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub down: bool,
    /// Where the next page begins (only lists without a time filter).
    #[serde(rename = "anchor", default, skip_serializing_if = "Position::is_beginning")]
    pub position: Position,
    /// The last second that the walk has reached; it is before `from` after a fallback to an older anchor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// The last second of the previous page: the next request includes it, so it must be shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<i64>,
    /// The crowded second under search, and the evidence that nothing of it is hidden, in thousandths of a
    /// nat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry: Option<(i64, u32)>,
    /// The first second of a page oldest first: if the list has that order, there is nothing before it.
    #[serde(skip)]
    pub proof: Option<i64>,
    /// Pages read so far.
    #[serde(default)]
    pub pages: u32,
    /// The second of the anchor behind which the list looked empty. This is accepted when it happens again
    /// after reading up to that anchor once more.
    #[serde(skip)]
    pub emptied: Option<i64>,
}

impl TimeSlice {
    /// All of `lo ..= hi`.
    pub fn new(lo: i64, hi: Option<i64>) -> Self {
        Self {
            lo,
            hi,
            from: lo,
            to: hi,
            upper: None,
            down: false,
            position: Position::Beginning,
            at: None,
            again: None,
            proof: None,
            dry: None,
            pages: 0,
            emptied: None,
        }
    }

    /// A slice that is read from the newest record down to `lo`.
    pub fn downward(lo: i64) -> Self {
        Self { down: true, ..Self::new(lo, None) }
    }

    /// The seconds that the next request covers.
    pub fn window(&self) -> (i64, Option<i64>) {
        if let Some(proof) = self.proof {
            return (self.from, Some(proof - 1));
        }
        (self.upper.unwrap_or(self.from), self.to)
    }

    /// The record after which the next page begins.
    pub fn anchor(&self) -> Option<&Anchor> {
        self.position.anchor()
    }

    /// Whether it is a single second.
    pub fn is_second(&self) -> bool {
        self.hi == Some(self.lo)
    }

    /// Whether it is a second that was kept for this sweep: the watermark has passed it.
    pub fn is_of_kept(&self, watermark: i64) -> bool {
        // A slice of this sweep raises the watermark at most to the second after it.
        self.is_second() && self.lo + 1 < watermark
    }

    /// Whether a second is already read.
    pub fn covers(&self, second: i64) -> bool {
        second < self.from || self.to.is_some_and(|to| second > to)
    }

    /// Marks the window as read. True if nothing is left.
    pub fn finish_window(&mut self) -> bool {
        self.again = None;
        match self.upper.take() {
            Some(upper) if upper > self.from => {
                self.to = Some(upper - 1);
                false
            }
            _ => true,
        }
    }

    /// Marks everything above `second` as read.
    pub fn lower_to(&mut self, second: i64) {
        self.to = Some(self.to.map_or(second, |to| to.min(second)));
    }

    /// Marks everything below `second` as read.
    pub fn raise_to(&mut self, second: i64) {
        self.from = self.from.max(second);
    }

    /// Marks one second at the end of the window as read. True if nothing is left.
    pub fn pass(&mut self, second: i64) -> bool {
        self.again = None;
        if self.to == Some(second) {
            self.to = Some(second - 1);
        } else {
            self.raise_to(second + 1);
        }
        let (from, to) = self.window();
        to.is_some_and(|to| from > to) && self.finish_window()
    }

    /// Halves the window, so that its upper part is read alone. False if it is a single second.
    pub fn halve(&mut self, newest: i64) -> bool {
        let (from, to) = self.window();
        let upper = match to {
            None if newest < LAST_SECOND && newest >= from => newest + 1,
            None => from + (LAST_SECOND - from) / 2 + 1,
            Some(to) => from + (to - from) / 2 + 1,
        };
        let halved = upper > from && to.is_none_or(|to| upper <= to);
        if halved {
            self.upper = Some(upper);
        }
        halved
    }
}

/// Order of the records of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageOrder {
    /// No records.
    Empty,
    /// All of one second.
    Flat,
    /// Newest first, of at least two seconds.
    Descending,
    /// Oldest first, of at least two seconds.
    Ascending,
    /// No order of time.
    Mixed,
}

/// Summary of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSummary {
    /// Order of its records.
    pub order: PageOrder,
    /// Earliest second, 0 without records.
    pub min: i64,
    /// Latest second, 0 without records.
    pub max: i64,
    /// Whether more may follow.
    pub has_more: bool,
    /// Whether the page itself says so. A full page may be cut whatever it says.
    pub says_more: bool,
    /// How many records were requested.
    pub limit: usize,
}

impl PageSummary {
    /// Summarizes a page. A page without `has_more` is the last one only if it has fewer records than were
    /// requested.
    pub fn of(page: &ListPage, size: &PageSize, limit: usize) -> Self {
        let seconds = || page.records.iter().map(|record| record.second);
        let (min, max) = (seconds().min(), seconds().max());
        let order = match (min, max) {
            (None, _) | (_, None) => PageOrder::Empty,
            (min, max) if min == max => PageOrder::Flat,
            _ if seconds().is_sorted() => PageOrder::Ascending,
            _ if seconds().is_sorted_by(|a, b| a >= b) => PageOrder::Descending,
            _ => PageOrder::Mixed,
        };
        let count = page.records.len() + page.unusable.len();
        let says_more = page.has_more.unwrap_or(count >= limit);
        let has_more = says_more || size.is_full(limit, count);
        Self { order, min: min.unwrap_or(0), max: max.unwrap_or(0), has_more, says_more, limit }
    }
}

/// What follows from a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceTurn {
    /// Continue.
    More,
    /// Continue without delivering the page's records: a later page shows them again.
    Discard,
    /// The slice is read.
    Done,
    /// This second holds more records than a page and must be read separately.
    Crowded(i64),
}
