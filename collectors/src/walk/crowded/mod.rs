//! A second that holds more records than a page.
//!
//! If the list returns a second in random order, repeated reads show the rest. If the order is stable, three
//! strategies follow one another: cursors inside the second, the list from its other end, and filters. Each
//! strategy is its own type; they share the set of records seen.

mod cursors;
mod far_end;
mod filters;
mod reach;
mod repeat;

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use self::{
    cursors::{AfterLast, BeforeFirst},
    far_end::FarEnd,
    filters::KindFilters,
    reach::SearchReach,
    repeat::Repeat,
};
use crate::{
    page::{
        ListPage,
        record::{IdHash, Record},
    },
    walk::anchors::Anchor,
};

/// The most reads of one second.
const READS_MAX: u32 = 500;

/// How the second is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe<'a> {
    /// As before: a random order shows other records.
    Again,
    /// After a record of this second.
    After(&'a str),
    /// Before a record of this second.
    Before(&'a str),
    /// From the other end of the list, after a record of a later second (for lists without `before`).
    FarEnd(Option<&'a Anchor>),
    /// Only records of this kind.
    Only(&'a str),
}

/// What follows from a read of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrowdedVerdict {
    /// Read it once more.
    Again,
    /// Continue past it.
    Finished {
        /// Whether probably nothing is missing; if false, this is unknown.
        complete: bool,
    },
}

/// A page of the second, as the walk sees it.
#[derive(Debug, Clone, Copy)]
pub struct CrowdedPage<'a> {
    /// The page.
    pub page: &'a ListPage,
    /// Whether it shows the end of the second.
    pub whole: bool,
    /// Whether it says that more follows.
    pub says_more: bool,
    /// How many records were requested.
    pub limit: usize,
    /// How many of its records were new to the walk.
    pub brought: usize,
}

/// What one read shows of the second: the input of a strategy.
struct Shown<'a> {
    read: CrowdedPage<'a>,
    /// The records of the second, in the order of the page.
    mine: Vec<&'a Record>,
    /// Whether it shows a record that this search had not seen.
    has_advanced: bool,
    /// How many records of the second are known, including these.
    known: usize,
    /// Whether any read so far said that more follows.
    said_more: bool,
    /// The first record of a later second on the page.
    behind: Option<&'a Record>,
}

/// What a strategy decides after a read.
enum Next {
    Again,
    Finished {
        complete: bool,
    },
    /// Change to this strategy.
    Try(Strategy),
    /// No cursor helps: change to filters.
    TryFilters,
}

/// How the second is read at the moment.
#[derive(Debug)]
enum Strategy {
    Repeat,
    AfterLast(AfterLast),
    BeforeFirst(BeforeFirst),
    FarEnd(FarEnd),
    Filters(KindFilters),
}

/// How far the search through a crowded second is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrowdProgress {
    /// The second.
    pub second: i64,
    /// How many different records of it were found so far.
    pub found: u64,
    /// How often it was requested by this process.
    pub reads: u32,
}

/// The search through one crowded second.
#[derive(Debug)]
pub struct CrowdedSecond {
    /// The second.
    pub second: i64,
    /// Whether this search is the final one: no record can appear late in the second any more.
    pub is_last: bool,
    /// Whether the list can be read from its other end but has no `before`.
    pub turns: bool,
    /// How many records its requests ask for.
    pub(crate) reach: SearchReach,
    strategy: Strategy,
    repeat: Repeat,
    ids: HashSet<IdHash>,
    shown: HashSet<IdHash>,
    kinds: BTreeSet<String>,
    said_more: bool,
    reads: u32,
}

impl CrowdedSecond {
    /// `known` are the ids already delivered. If the second was searched before, the first read without a new
    /// record ends the search. `dry` is the evidence collected before a restart, in thousandths of a nat.
    pub fn new(second: i64, known: impl Iterator<Item = IdHash>, searched_before: bool, dry: u32) -> Self {
        Self {
            second,
            is_last: false,
            turns: false,
            reach: SearchReach::default(),
            strategy: Strategy::Repeat,
            repeat: Repeat::new(searched_before, dry),
            ids: known.collect(),
            shown: HashSet::new(),
            kinds: BTreeSet::new(),
            said_more: false,
            reads: 0,
        }
    }

    /// How to send the next request.
    pub fn probe(&self) -> Probe<'_> {
        match &self.strategy {
            Strategy::Repeat => Probe::Again,
            Strategy::AfterLast(after) => Probe::After(&after.last),
            Strategy::BeforeFirst(before) => Probe::Before(&before.first),
            Strategy::FarEnd(far_end) => Probe::FarEnd(far_end.anchor.as_ref()),
            Strategy::Filters(filters) => Probe::Only(&filters.kind),
        }
    }

    /// Whether a plain read no longer shows the second. An empty page that says more follows may still show
    /// it.
    pub fn is_lost(&self, page: &ListPage) -> bool {
        let asks_again = page.records.is_empty() && page.has_more == Some(true);
        let is_shown = page.records.iter().any(|record| record.second == self.second);
        self.probe() == Probe::Again && !asks_again && !is_shown
    }

    /// The evidence from the last reads that nothing is hidden, in thousandths of a nat.
    pub fn dry(&self) -> u32 {
        self.repeat.dry()
    }

    /// How far it is.
    pub fn progress(&self) -> CrowdProgress {
        CrowdProgress { second: self.second, found: self.found(), reads: self.reads }
    }

    /// How many different records were seen.
    pub fn found(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Whether a read said that more follows than it showed.
    pub fn said_more(&self) -> bool {
        self.said_more
    }

    /// Whether the next request carries a cursor inside the second.
    pub fn asks_with_cursor(&self) -> bool {
        matches!(self.probe(), Probe::After(_) | Probe::Before(_) | Probe::FarEnd(Some(_)))
    }

    /// Whether the next request reads the list from its other end.
    pub fn asks_far_end(&self) -> bool {
        matches!(self.probe(), Probe::FarEnd(_))
    }

    /// Evaluates a page. `kind_of` reads the field that [`Probe::Only`] filters by.
    pub fn read(
        &mut self,
        read: CrowdedPage<'_>,
        kind_of: impl Fn(&Record) -> Option<String>,
    ) -> CrowdedVerdict {
        self.reads += 1;
        self.reach.answered(read.limit);
        let mine: Vec<&Record> =
            read.page.records.iter().filter(|record| record.second == self.second).collect();
        // `ids` includes what was delivered before; only `shown` says whether this search makes progress.
        let shown_before = self.shown.len();
        self.ids.extend(mine.iter().map(|record| record.id));
        self.shown.extend(mine.iter().map(|record| record.id));
        // Nothing follows from a page that was cut while a larger one may show all of the second.
        let is_cut = matches!(self.strategy, Strategy::Repeat) && !read.whole && !mine.is_empty();
        if is_cut && self.reads < READS_MAX && (read.limit < self.reach.limit() || self.reach.raise()) {
            return CrowdedVerdict::Again;
        }
        // A filtered page shows the kind that was just taken from this set: adding it again would repeat it.
        if !matches!(self.strategy, Strategy::Filters(_)) {
            self.kinds.extend(mine.iter().filter_map(|record| kind_of(record)));
        }
        // What a cursor shows is a part whose end is not the end of the second.
        if matches!(self.strategy, Strategy::Repeat | Strategy::Filters(_)) {
            self.said_more |= read.says_more && !read.whole;
        }
        let shown = Shown {
            behind: read.page.records.iter().find(|record| record.second > self.second),
            has_advanced: self.shown.len() > shown_before,
            known: self.ids.len(),
            said_more: self.said_more,
            read,
            mine,
        };
        let next = match &mut self.strategy {
            Strategy::Repeat => self.repeat.read(&shown),
            Strategy::AfterLast(after) => after.read(&shown, self.turns),
            Strategy::BeforeFirst(before) => before.read(&shown),
            Strategy::FarEnd(far_end) => far_end.read(&shown),
            Strategy::Filters(_) => Next::TryFilters,
        };
        self.follow(next)
    }

    /// The API refused a cursor inside the second: continues without cursors.
    pub fn refused(&mut self) -> CrowdedVerdict {
        // Counted, so that a list that refuses every request cannot keep the search going.
        self.reads += 1;
        self.follow(Next::TryFilters)
    }

    fn follow(&mut self, next: Next) -> CrowdedVerdict {
        match next {
            Next::Finished { complete } => return CrowdedVerdict::Finished { complete },
            Next::Again => {}
            Next::Try(strategy) => self.strategy = strategy,
            Next::TryFilters => match self.kinds.pop_first() {
                Some(kind) => self.strategy = Strategy::Filters(KindFilters { kind }),
                None => return CrowdedVerdict::Finished { complete: false },
            },
        }
        if self.reads >= READS_MAX {
            CrowdedVerdict::Finished { complete: false }
        } else {
            CrowdedVerdict::Again
        }
    }
}

/// The ids of the first and the last of some records.
fn edges(records: &[&Record]) -> Option<(String, String)> {
    Some((records.first()?.id_text()?.into_owned(), records.last()?.id_text()?.into_owned()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{repeat::STABLE_AFTER, *};
    use crate::LIMIT;

    const SECOND: i64 = 50;

    fn page(numbers: impl Iterator<Item = u32>) -> ListPage {
        let record = |number: u32| {
            let id = format!("{number:03}");
            Record::new(Bytes::from(format!("{{\"id\":\"{id}\"}}")), SECOND, IdHash::of(&id), None)
        };
        ListPage { records: numbers.map(record).collect(), has_more: Some(true), ..ListPage::default() }
    }

    /// A search that has seen the first hundred of a second in a stable order, and whose cursors show nothing more.
    fn at_the_far_end() -> CrowdedSecond {
        let mut crowd = CrowdedSecond::new(SECOND, std::iter::empty(), false, 0);
        crowd.turns = true;
        for _ in 0..=STABLE_AFTER {
            read(&mut crowd, page(0..100), false);
        }
        assert_eq!(crowd.probe(), Probe::After("099"));
        read(&mut crowd, page(0..0), true);
        assert_eq!(crowd.probe(), Probe::FarEnd(None));
        crowd
    }

    fn read(crowd: &mut CrowdedSecond, page: ListPage, whole: bool) -> CrowdedVerdict {
        crowd.read(CrowdedPage { page: &page, whole, says_more: !whole, brought: 0, limit: LIMIT }, |_| None)
    }

    #[test]
    fn a_beginning_and_an_end_that_overlap_are_all_of_a_second() {
        for count in [100, 101, 150, 199] {
            let mut crowd = at_the_far_end();
            let verdict = read(&mut crowd, page((count - 100..count).rev()), false);
            assert_eq!(
                (verdict, crowd.found()),
                (CrowdedVerdict::Finished { complete: true }, u64::from(count))
            );
        }
    }

    #[test]
    fn an_end_that_does_not_reach_the_beginning_leaves_the_rest_unknown() {
        for count in [200, 300] {
            let mut crowd = at_the_far_end();
            let verdict = read(&mut crowd, page((count - 100..count).rev()), false);
            assert_eq!(verdict, CrowdedVerdict::Finished { complete: false });
        }
    }

    #[test]
    fn a_full_page_of_one_kind_that_says_more_follows_says_so_of_the_second() {
        let mut crowd = CrowdedSecond::new(SECOND, std::iter::empty(), false, 0);
        let mut said = |says_more| {
            let page = page(0..100);
            let read = CrowdedPage { page: &page, whole: false, says_more, brought: 0, limit: LIMIT };
            let verdict = crowd.read(read, |_| Some("kind".to_owned()));
            (verdict, crowd.probe() == Probe::Only("kind"), crowd.said_more())
        };
        let filtered = (0..20).find(|_| said(false).1);
        assert!(filtered.is_some(), "no filter is tried");
        assert!(said(true).2);
    }

    #[test]
    fn servers_that_answer_in_turn_each_in_an_order_of_its_own_prove_nothing() {
        let mut crowd = CrowdedSecond::new(SECOND, std::iter::empty(), false, 0);
        let ended = (0..40).find_map(|number| {
            let first = number % 2 * 50;
            let brought = [100, 50].get(number as usize).copied().unwrap_or(0);
            let page = page(first..first + 100);
            match crowd.read(
                CrowdedPage { page: &page, whole: false, says_more: true, brought, limit: LIMIT },
                |_| None,
            ) {
                CrowdedVerdict::Again => None,
                CrowdedVerdict::Finished { complete } => Some(complete),
            }
        });
        assert_eq!((ended, crowd.found()), (Some(false), 150));
    }

    #[test]
    fn the_same_records_in_the_same_order_are_no_other_end() {
        for numbers in [(0..100).collect::<Vec<_>>(), (50..100).chain(0..50).collect(), vec![0], vec![]] {
            let mut crowd = at_the_far_end();
            let verdict = read(&mut crowd, page(numbers.into_iter()), false);
            assert_eq!(verdict, CrowdedVerdict::Finished { complete: false });
        }
    }
}
