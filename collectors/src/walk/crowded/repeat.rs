//! Reads the second repeatedly, in case its order is random.
//!
//! A read of m records out of n misses a given one with probability 1 - m/n. After several reads in a row
//! without a new id, the chance that a record is still hidden is about the product of these.

use std::collections::{BTreeSet, HashSet};

use super::{Next, Shown, Strategy, cursors::AfterLast, edges};
use crate::page::record::IdHash;

/// The accepted chance to miss a record.
const MISS: f64 = 1e-6;
/// After this many reads in a row with the same records the order counts as stable. One could be chance, or a
/// cached answer.
pub(super) const STABLE_AFTER: u32 = 3;
/// The most sets remembered: more than a list has servers with an order of their own.
const SETS_MAX: usize = 64;

/// What the reads so far show about the order and the rest of the second.
#[derive(Debug)]
pub(super) struct Repeat {
    searched_before: bool,
    last: BTreeSet<IdHash>,
    /// The different sets of records that reads have shown: servers that respond in turn repeat each other's.
    sets: HashSet<BTreeSet<IdHash>>,
    /// Reads in a row with records that an earlier read had shown.
    same: u32,
    /// Evidence from the reads in a row without a new record that nothing is hidden, in nats.
    evidence: f64,
}

impl Repeat {
    pub(super) fn new(searched_before: bool, dry: u32) -> Self {
        Self {
            searched_before,
            last: BTreeSet::new(),
            sets: HashSet::new(),
            same: 0,
            evidence: f64::from(dry) / 1000.0,
        }
    }

    /// The evidence, in thousandths of a nat.
    pub(super) fn dry(&self) -> u32 {
        (self.evidence * 1000.0) as u32
    }

    pub(super) fn read(&mut self, shown: &Shown<'_>) -> Next {
        let Shown { read, mine, .. } = shown;
        if read.whole || mine.is_empty() {
            return Next::Finished { complete: read.whole };
        }
        let ids: BTreeSet<IdHash> = mine.iter().map(|record| record.id).collect();
        let is_first = self.last.is_empty();
        // A reordered page, or one with fewer or more records, may be the previous page again.
        let is_same = ids.is_subset(&self.last) || ids.is_superset(&self.last) || self.sets.contains(&ids);
        self.same = if is_same && !is_first { self.same + 1 } else { 0 };
        if self.sets.len() < SETS_MAX {
            self.sets.insert(ids.clone());
        }
        self.last = ids;
        // A new record shows that the estimate was wrong, so the evidence collected so far counts for nothing.
        if read.brought > 0 {
            self.evidence = 0.0;
        } else if self.searched_before {
            // An earlier search found the rest; this one only looks for records that appeared late.
            return Next::Finished { complete: true };
        } else if !is_first && !is_same {
            // Only a read that adds one record and omits another is a new sample, and so is evidence about
            // the rest.
            self.evidence += evidence(mine.len(), shown.known);
        }
        if self.evidence >= -MISS.ln() {
            return Next::Finished { complete: true };
        }
        match edges(mine) {
            Some((first, last)) if self.same >= STABLE_AFTER && !self.searched_before => {
                // What cursors and the far end show proves something of one order only.
                let is_one_order =
                    self.sets.iter().all(|set| set.is_subset(&self.last) || set.is_superset(&self.last));
                let beginning = mine.iter().map(|record| record.id).collect();
                Next::Try(Strategy::AfterLast(AfterLast::new(first, last, beginning, is_one_order)))
            }
            Some(_) | None => Next::Again,
        }
    }
}

/// Evidence, in nats, of a read of `shown` records without a new one, when `known` are known: minus the
/// logarithm of the chance that it would have missed one more record.
fn evidence(shown: usize, known: usize) -> f64 {
    let hidden = 1.0 - shown as f64 / (known.max(shown) + 1) as f64;
    -hidden.ln()
}
