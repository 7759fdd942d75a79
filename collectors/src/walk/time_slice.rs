//! A stretch of time that is being read, and what one page teaches about it.

use serde::{Deserialize, Serialize};

use crate::{page::ListPage, page::head::LAST_SECOND, walk::anchors::Anchor, walk::page_size::PageSize};

/// From where a slice of a list that is read from anchors is asked for next. The stored form is the anchor alone: what a page has
/// shown a moment ago may be deleted by the time that the process starts again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Option<Anchor>", into = "Option<Anchor>")]
pub enum Position {
    /// The first record of the list.
    #[default]
    Beginning,
    /// Behind a record that was read before this process began, or long before: it may be deleted.
    Stored(Anchor),
    /// Behind a record of the page before: it exists.
    Shown(Anchor),
}

impl Position {
    /// The record behind which the next page begins.
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

/// A stretch of time of which `from ..= to` is not read yet. Pages take away from its upper or lower end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSlice {
    /// First second of the whole stretch; records before it are not its business.
    pub lo: i64,
    /// Last second of the whole stretch; `None` reads on to whatever is newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hi: Option<i64>,
    /// First second that is not read.
    pub from: i64,
    /// Last second that is not read; `None` is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// Where no order can be relied upon: the lower end of the upper part that is read first, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<i64>,
    /// Whether it is walked from the newest record down (lists without a time filter only).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub down: bool,
    /// From where the next page is asked for (lists without a time filter only).
    #[serde(rename = "anchor", default, skip_serializing_if = "Position::is_beginning")]
    pub position: Position,
    /// The second at which the list is being walked: behind `from` after a fall back to an older anchor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// The last second of the page before: what was asked for next begins with it, so that it is shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<i64>,
    /// A crowded second under search, and how sure its reads make it that nothing of it is hidden: in thousandths of a nat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry: Option<(i64, u32)>,
    /// The first second of a page oldest first, before which there must be nothing if the list is in that order.
    #[serde(skip)]
    pub proof: Option<i64>,
    /// Pages read so far.
    #[serde(default)]
    pub pages: u32,
    /// The second of the anchor behind which the list looked empty: believed when it looks so once more after reading up to it.
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

    /// From the newest record down to `lo`.
    pub fn downward(lo: i64) -> Self {
        Self { down: true, ..Self::new(lo, None) }
    }

    /// The seconds that the next request asks for.
    pub fn window(&self) -> (i64, Option<i64>) {
        if let Some(proof) = self.proof {
            return (self.from, Some(proof - 1));
        }
        (self.upper.unwrap_or(self.from), self.to)
    }

    /// The record behind which the next page begins.
    pub fn anchor(&self) -> Option<&Anchor> {
        self.position.anchor()
    }

    /// Whether a second is already read.
    pub fn covers(&self, second: i64) -> bool {
        second < self.from || self.to.is_some_and(|to| second > to)
    }

    /// Takes the window as read. True when nothing is left.
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

    /// Takes everything above `second` as read.
    pub fn lower_to(&mut self, second: i64) {
        self.to = Some(self.to.map_or(second, |to| to.min(second)));
    }

    /// Takes everything below `second` as read.
    pub fn raise_to(&mut self, second: i64) {
        self.from = self.from.max(second);
    }

    /// Takes one second at the end of the window as read. True when nothing is left.
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

    /// Halves the window, to read its upper part alone. False when it is a single second.
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

/// How the records of a page lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// No record.
    Empty,
    /// All of one second.
    Flat,
    /// Newest first, of at least two seconds.
    Descending,
    /// Oldest first, of at least two seconds.
    Ascending,
    /// Neither.
    Mixed,
}

/// What a page shows at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Order of its records.
    pub order: Order,
    /// Earliest second, 0 without records.
    pub min: i64,
    /// Latest second, 0 without records.
    pub max: i64,
    /// Whether more may follow.
    pub has_more: bool,
    /// Whether the page says so itself. One that is as full as pages are may be cut, whatever it says.
    pub says_more: bool,
}

impl Seen {
    /// Looks at a page. One that does not say whether more follows is the last one only if it shows fewer records than it was
    /// asked for.
    pub fn of(page: &ListPage, size: &PageSize) -> Self {
        let seconds = || page.records.iter().map(|record| record.second);
        let (min, max) = (seconds().min(), seconds().max());
        let order = match (min, max) {
            (None, _) | (_, None) => Order::Empty,
            (min, max) if min == max => Order::Flat,
            _ if seconds().is_sorted() => Order::Ascending,
            _ if seconds().is_sorted_by(|a, b| a >= b) => Order::Descending,
            _ => Order::Mixed,
        };
        let count = page.records.len() + page.unusable.len();
        let says_more = page.has_more.unwrap_or(count >= size.limit());
        let may_be_cut = size.is_full(count) || size.is_default(count);
        let has_more = says_more || may_be_cut;
        Self { order, min: min.unwrap_or(0), max: max.unwrap_or(0), has_more, says_more }
    }
}

/// What follows from a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Read on.
    More,
    /// Read on; the page's records are to be left for a later page that covers them.
    Discard,
    /// The stretch is read.
    Done,
    /// This second holds more records than a page and must be read by itself.
    Crowded(i64),
}
