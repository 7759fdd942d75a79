//! A second that holds more records than a page.
//!
//! Where the order inside a second is random for each request, reading it again and again brings up the rest: a read misses a
//! given record with probability 1 - 100/n, so after k reads in a row without a new id the chance that one is still hidden is
//! about (1 - 100/n)^k. Where the order is stable, cursors inside the second and filters are tried.

use std::collections::{BTreeSet, HashSet};

use crate::{
    LIMIT,
    page::ListPage,
    record::{IdHash, Record},
};

/// The chance to miss a record that is accepted.
const MISS: f64 = 1e-6;
/// The most reads of one second.
const READS_MAX: u32 = 500;

/// So many reads that show the same set again prove a stable order. One may be chance, or an answer that came twice.
const STABLE_AFTER: u32 = 3;

/// So often an empty page is asked for again.
const EMPTY_AGAIN: u32 = 2;

/// How the second is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// As before: a random order shows other records.
    Again,
    /// After a record of this second.
    After(String),
    /// Before a record of this second.
    Before(String),
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
    empty: u32,
    edges: Option<(String, String)>,
    values: BTreeSet<String>,
    searched_before: bool,
    dry: u32,
    reads: u32,
}

impl CrowdedSecond {
    /// Begins with what is already held of the second. One that was searched before is left at the first dry read.
    /// `dry` is how many reads in a row had brought nothing new when a restart broke the search off.
    pub fn new(second: i64, held: impl Iterator<Item = IdHash>, searched_before: bool, dry: u32) -> Self {
        Self {
            second,
            probe: Probe::Again,
            ids: held.collect(),
            last: BTreeSet::new(),
            same: 0,
            shown: HashSet::new(),
            empty: 0,
            edges: None,
            values: BTreeSet::new(),
            searched_before,
            dry,
            reads: 0,
        }
    }

    /// Whether a page that should show the second again does not. An empty one that says that more follows may yet do.
    pub fn is_lost(&self, page: &ListPage) -> bool {
        let asks_again = page.records.is_empty() && page.has_more == Some(true);
        let is_shown = page.records.iter().any(|record| record.second == self.second);
        self.probe == Probe::Again && !asks_again && !is_shown
    }

    /// How many reads in a row brought nothing new.
    pub fn dry(&self) -> u32 {
        self.dry
    }

    /// How many different records were seen.
    pub fn found(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Takes in a page. `whole` says that it shows the end of the second; `brought` is how many of its records were new to the
    /// walk; `kind_of` reads the field that [`Probe::Only`] filters by.
    pub fn read(
        &mut self,
        page: &ListPage,
        whole: bool,
        brought: usize,
        kind_of: impl Fn(&Record) -> Option<String>,
    ) -> Verdict {
        self.reads += 1;
        // An empty page that says that more follows tells nothing until it comes again.
        if page.records.is_empty() && !whole && self.empty < EMPTY_AGAIN {
            self.empty += 1;
            return Verdict::Again;
        }
        self.empty = 0;
        let mine: Vec<&Record> = page.records.iter().filter(|record| record.second == self.second).collect();
        self.ids.extend(mine.iter().map(|record| record.id));
        let shown_before = self.shown.len();
        self.shown.extend(mine.iter().map(|record| record.id));
        let advanced = self.shown.len() > shown_before;
        if !matches!(self.probe, Probe::Only(_)) {
            self.values.extend(mine.iter().filter_map(|record| kind_of(record)));
        }
        if brought > 0 {
            self.dry = 0;
        } else if !mine.is_empty() {
            self.dry += 1;
        }
        let finished = Verdict::Finished { complete: whole };
        match &self.probe {
            Probe::Again if whole => return finished,
            Probe::Again if self.searched_before && self.dry > 0 => {
                return Verdict::Finished { complete: true };
            }
            // Only where different reads show different records does a dry read say anything about the rest.
            Probe::Again
                if self.dry >= self.dry_reads_wanted()
                    && (mine.len() < LIMIT || self.shown.len() > LIMIT) =>
            {
                return Verdict::Finished { complete: true };
            }
            Probe::Again => {
                let set: BTreeSet<IdHash> = mine.iter().map(|record| record.id).collect();
                self.same = if set == self.last { self.same + 1 } else { 0 };
                if self.same >= STABLE_AFTER && !self.searched_before {
                    self.edges = edges(&mine);
                    self.probe = self.edges.clone().map_or(Probe::Again, |(_, last)| Probe::After(last));
                }
                self.last = set;
            }
            Probe::After(_) if whole && advanced => return finished,
            Probe::After(_) if advanced => {
                self.probe = edges(&mine).map_or(Probe::Again, |(_, last)| Probe::After(last))
            }
            Probe::After(_) => {
                let first = self.edges.take().map(|(first, _)| first);
                self.probe = first.map_or(Probe::Again, Probe::Before);
            }
            Probe::Before(_) if advanced => {
                self.probe = edges(&mine).map_or(Probe::Again, |(first, _)| Probe::Before(first));
            }
            Probe::Before(_) | Probe::Only(_) => return self.next_filter(),
        }
        if self.reads >= READS_MAX { Verdict::Finished { complete: false } } else { Verdict::Again }
    }

    /// Whether the next request carries a cursor inside the second.
    pub fn asks_with_cursor(&self) -> bool {
        matches!(self.probe, Probe::After(_) | Probe::Before(_))
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

    fn dry_reads_wanted(&self) -> u32 {
        let hidden = 1.0 - LIMIT as f64 / self.ids.len().max(1) as f64;
        if hidden <= 0.0 { 1 } else { (MISS.ln() / hidden.ln()).ceil() as u32 }
    }
}

fn edges(records: &[&Record]) -> Option<(String, String)> {
    Some((records.first()?.id_text()?.into_owned(), records.last()?.id_text()?.into_owned()))
}
