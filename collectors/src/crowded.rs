//! A second that holds more records than a page.
//!
//! Where the order inside a second is random for each request, reading it again and again brings up the rest: a read of m records
//! out of n misses a given one with probability 1 - m/n, so after several reads in a row without a new id the chance that one is
//! still hidden is about the product of these. Where the order is stable, cursors inside the second, the list from its other end, and
//! filters are tried.

use std::collections::{BTreeSet, HashSet};

use crate::{
    anchors::Anchor,
    chat_completions::anchor_of,
    page::ListPage,
    record::{IdHash, Record},
};

/// The chance to miss a record that is accepted.
const MISS: f64 = 1e-6;
/// The most reads of one second.
const READS_MAX: u32 = 500;

/// So many reads in a row that show the same records prove a stable order. One may be chance, or an answer that came twice.
const STABLE_AFTER: u32 = 3;

/// How the second is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// As before: a random order shows other records.
    Again,
    /// After a record of this second.
    After(String),
    /// Before a record of this second.
    Before(String),
    /// From the other end of the list, behind a record of a second on the far side (stored completions, which know no `before`).
    FarEnd(Option<Anchor>),
    /// Only records with this event type or model.
    Only(String),
}

/// What a read of the second says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Read it once more.
    Again,
    /// Go on past it.
    Finished {
        /// Whether nothing is likely to be missing; otherwise it is unknown.
        complete: bool,
    },
}

/// A page of the second, as the walk sees it.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// The page.
    pub page: &'a ListPage,
    /// Whether it shows the end of the second.
    pub whole: bool,
    /// Whether it says that more follows.
    pub says_more: bool,
    /// How many of its records were new to the walk.
    pub brought: usize,
}

/// The search through one crowded second.
#[derive(Debug)]
pub struct CrowdedSecond {
    /// The second.
    pub second: i64,
    /// How to ask next.
    pub probe: Probe,
    ids: HashSet<IdHash>,
    last: BTreeSet<IdHash>,
    same: u32,
    shown: HashSet<IdHash>,
    edges: Option<(String, String)>,
    /// What shows again and again of the second in a stable order, first to last.
    beginning: Vec<IdHash>,
    /// Whether the list can be asked for from its other end, and not `before` a record.
    pub turns: bool,
    values: BTreeSet<String>,
    searched_before: bool,
    /// Whether nothing shows in it any more, so that it need not be searched in full again.
    pub is_last: bool,
    said_more: bool,
    /// Whether a cursor has shown more of the second.
    is_cursor_known: bool,
    /// How sure the reads in a row that brought nothing new make it that nothing is hidden, in nats.
    evidence: f64,
    reads: u32,
}

impl CrowdedSecond {
    /// Begins with what is already held of the second. One that was searched before is left at the first read without anything
    /// new. `dry` is the evidence that there was when a restart broke the search off, in thousandths of a nat.
    pub fn new(second: i64, held: impl Iterator<Item = IdHash>, searched_before: bool, dry: u32) -> Self {
        Self {
            second,
            probe: Probe::Again,
            ids: held.collect(),
            last: BTreeSet::new(),
            same: 0,
            shown: HashSet::new(),
            edges: None,
            beginning: Vec::new(),
            turns: false,
            values: BTreeSet::new(),
            searched_before,
            is_last: false,
            said_more: false,
            is_cursor_known: false,
            evidence: f64::from(dry) / 1000.0,
            reads: 0,
        }
    }

    /// Whether a page that should show the second again does not. An empty one that says that more follows may yet do.
    pub fn is_lost(&self, page: &ListPage) -> bool {
        let asks_again = page.records.is_empty() && page.has_more == Some(true);
        let is_shown = page.records.iter().any(|record| record.second == self.second);
        self.probe == Probe::Again && !asks_again && !is_shown
    }

    /// How sure the last reads make it that nothing is hidden, in thousandths of a nat.
    pub fn dry(&self) -> u32 {
        (self.evidence * 1000.0) as u32
    }

    /// How many different records were seen.
    pub fn found(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Whether a read said that there is more than it showed.
    pub fn said_more(&self) -> bool {
        self.said_more
    }

    /// Takes in a page. `kind_of` reads the field that [`Probe::Only`] filters by.
    pub fn read(&mut self, read: Read<'_>, kind_of: impl Fn(&Record) -> Option<String>) -> Verdict {
        self.reads += 1;
        let of_second = |record: &&Record| record.second == self.second;
        let mine: Vec<&Record> = read.page.records.iter().filter(of_second).collect();
        let shown_before = self.shown.len();
        self.ids.extend(mine.iter().map(|record| record.id));
        self.shown.extend(mine.iter().map(|record| record.id));
        let advanced = self.shown.len() > shown_before;
        if !matches!(self.probe, Probe::Only(_)) {
            self.values.extend(mine.iter().filter_map(|record| kind_of(record)));
        }
        let verdict = match &self.probe {
            Probe::Again => self.read_again(&mine, read),
            Probe::After(_) => self.read_after(&mine, read, advanced),
            Probe::Before(_) if advanced => {
                self.probe = edges(&mine).map_or(Probe::Again, |(first, _)| Probe::Before(first));
                Verdict::Again
            }
            // Nothing can lie between a beginning and an end that overlap.
            Probe::FarEnd(_) if self.meets_beginning(&mine) => Verdict::Finished { complete: true },
            Probe::FarEnd(_) | Probe::Before(_) | Probe::Only(_) => self.next_filter(),
        };
        match verdict {
            Verdict::Again if self.reads >= READS_MAX => Verdict::Finished { complete: false },
            verdict => verdict,
        }
    }

    fn read_again(&mut self, mine: &[&Record], read: Read<'_>) -> Verdict {
        self.said_more |= read.says_more && !read.whole;
        if read.whole || mine.is_empty() {
            return Verdict::Finished { complete: read.whole };
        }
        let shown: BTreeSet<IdHash> = mine.iter().map(|record| record.id).collect();
        let is_first = self.last.is_empty();
        // The same records in another order, or fewer or more of them, may be the same page as before.
        let is_same = shown.is_subset(&self.last) || shown.is_superset(&self.last);
        self.same = if is_same && !is_first { self.same + 1 } else { 0 };
        self.last = shown;
        if read.brought > 0 {
            self.evidence = 0.0;
        } else if self.searched_before {
            return Verdict::Finished { complete: true };
        } else if !is_first && !is_same {
            // Only a read that shows one record and leaves out another was drawn anew, and says something about the rest.
            self.evidence += evidence(mine.len(), self.ids.len());
        }
        if self.evidence >= -MISS.ln() {
            return Verdict::Finished { complete: true };
        }
        if self.same >= STABLE_AFTER && !self.searched_before {
            self.edges = edges(mine);
            self.beginning = mine.iter().map(|record| record.id).collect();
            self.probe = self.edges.clone().map_or(Probe::Again, |(_, last)| Probe::After(last));
        }
        Verdict::Again
    }

    fn read_after(&mut self, mine: &[&Record], read: Read<'_>, advanced: bool) -> Verdict {
        if advanced {
            self.is_cursor_known = true;
            self.probe = edges(mine).map_or(Probe::Again, |(_, last)| Probe::After(last));
            return if read.whole { Verdict::Finished { complete: true } } else { Verdict::Again };
        }
        let ends = mine.is_empty() && (read.whole || !read.says_more);
        if ends && (self.is_cursor_known || !self.said_more) {
            // The end behind cursors that work, or behind full pages that say they are all.
            return Verdict::Finished { complete: true };
        }
        let first = self.edges.take().map(|(first, _)| first);
        self.probe = if self.turns {
            let behind = read.page.records.iter().find(|record| record.second > self.second);
            Probe::FarEnd(behind.and_then(anchor_of))
        } else {
            first.map_or(Probe::Again, Probe::Before)
        };
        Verdict::Again
    }

    /// Whether a page from the other end goes on where the beginning ends, or before that: then both together are the second. In a list
    /// that does not turn round what lies inside a second, the same records show once more, and prove nothing.
    fn meets_beginning(&self, mine: &[&Record]) -> bool {
        let end: Vec<IdHash> = mine.iter().rev().map(|record| record.id).collect();
        let met = end.first().and_then(|first| self.beginning.iter().position(|known| known == first));
        let Some((common, rest)) = met.and_then(|at| {
            let common = &self.beginning[at..];
            Some((common, end.strip_prefix(common)?))
        }) else {
            return false;
        };
        end.len() > 1 && !common.is_empty() && rest.iter().all(|id| !self.beginning.contains(id))
    }

    /// Whether the next request carries a cursor inside the second.
    pub fn asks_with_cursor(&self) -> bool {
        matches!(self.probe, Probe::After(_) | Probe::Before(_) | Probe::FarEnd(Some(_)))
    }

    /// A cursor inside the second was refused: goes on to the next way of asking.
    pub fn refused(&mut self) -> Verdict {
        self.reads += 1;
        self.next_filter()
    }

    fn next_filter(&mut self) -> Verdict {
        match self.values.pop_first() {
            Some(value) if self.reads < READS_MAX => {
                self.probe = Probe::Only(value);
                Verdict::Again
            }
            Some(_) | None => Verdict::Finished { complete: false },
        }
    }
}

/// What a read of `shown` records that brings nothing new says about the rest, of which `known` are known: the chance that it would
/// have missed a single one that is not, in nats.
fn evidence(shown: usize, known: usize) -> f64 {
    let hidden = 1.0 - shown as f64 / (known.max(shown) + 1) as f64;
    -hidden.ln()
}

fn edges(records: &[&Record]) -> Option<(String, String)> {
    Some((records.first()?.id_text()?.into_owned(), records.last()?.id_text()?.into_owned()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

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
        assert_eq!(crowd.probe, Probe::After("099".to_owned()));
        read(&mut crowd, page(0..0), true);
        assert_eq!(crowd.probe, Probe::FarEnd(None));
        crowd
    }

    fn read(crowd: &mut CrowdedSecond, page: ListPage, whole: bool) -> Verdict {
        crowd.read(Read { page: &page, whole, says_more: !whole, brought: 0 }, |_| None)
    }

    #[test]
    fn a_beginning_and_an_end_that_overlap_are_all_of_a_second() {
        for count in [100, 101, 150, 199] {
            let mut crowd = at_the_far_end();
            let verdict = read(&mut crowd, page((count - 100..count).rev()), false);
            assert_eq!((verdict, crowd.found()), (Verdict::Finished { complete: true }, u64::from(count)));
        }
    }

    #[test]
    fn an_end_that_does_not_reach_the_beginning_leaves_the_rest_unknown() {
        for count in [200, 300] {
            let mut crowd = at_the_far_end();
            let verdict = read(&mut crowd, page((count - 100..count).rev()), false);
            assert_eq!(verdict, Verdict::Finished { complete: false });
        }
    }

    #[test]
    fn the_same_records_in_the_same_order_are_no_other_end() {
        for numbers in [(0..100).collect::<Vec<_>>(), (50..100).chain(0..50).collect(), vec![0], vec![]] {
            let mut crowd = at_the_far_end();
            let verdict = read(&mut crowd, page(numbers.into_iter()), false);
            assert_eq!(verdict, Verdict::Finished { complete: false });
        }
    }
}
