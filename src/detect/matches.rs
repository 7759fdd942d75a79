//! The matches of a batch.

use std::ops::Deref;

use super::model::Match;

/// Matches that are kept for their memory, and the most bytes that each may have. Nearly all are smaller.
const KEPT_MAX: usize = 5_000;
const KEPT_BYTES_MAX: usize = 2 << 10;

/// The matches of one batch and then of the next, which uses their memory again: to make and free the texts of each match would
/// take as long as to judge many a record.
#[derive(Debug, Default)]
pub struct Matches {
    /// Those that count, and then those of which only the memory is kept.
    all: Vec<Match>,
    count: usize,
}

impl Matches {
    /// Adds an empty match.
    pub fn add(&mut self) -> &mut Match {
        if self.count == self.all.len() {
            self.all.push(Match::default());
        }
        self.count += 1;
        let added = &mut self.all[self.count - 1];
        added.clear();
        added
    }

    /// Keeps some of the matches behind the first `from`.
    pub fn retain_behind(&mut self, from: usize, mut is_kept: impl FnMut(&mut Match) -> bool) {
        let first = from.min(self.count);
        let mut kept = first;
        for place in first..self.count {
            if is_kept(&mut self.all[place]) {
                self.all.swap(kept, place);
                kept += 1;
            }
        }
        self.count = kept;
    }

    /// Forgets the matches.
    pub fn clear(&mut self) {
        self.all.truncate(KEPT_MAX);
        self.all.iter_mut().take(self.count).filter(|one| one.memory() > KEPT_BYTES_MAX).for_each(|one| {
            *one = Match::default();
        });
        self.count = 0;
    }
}

impl Deref for Matches {
    type Target = [Match];

    fn deref(&self) -> &[Match] {
        &self.all[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::model::RuleIndex;

    #[test]
    fn matches_that_are_not_kept_are_gone_and_the_others_stay_in_order() {
        let mut matches = Matches::default();
        (0..6).for_each(|at| matches.add().at = at);
        matches.retain_behind(2, |one| one.at % 2 == 1);
        assert_eq!(matches.iter().map(|one| one.at).collect::<Vec<_>>(), [0, 1, 3, 5]);
        assert_eq!(matches.add().at, 0);
    }

    #[test]
    fn the_memory_of_small_matches_is_used_again_and_their_contents_are_not() {
        let mut matches = Matches::default();
        for length in [100, KEPT_BYTES_MAX + 1] {
            let one = matches.add();
            one.record.push_str(&"r".repeat(length));
            one.seen_by.begin(RuleIndex(7), 1);
            one.shown.add(&"field".into(), "value");
        }
        matches.clear();
        assert!(matches.is_empty());
        let memory: Vec<usize> = (0..2).map(|_| matches.add().memory()).collect();
        assert!((100..KEPT_BYTES_MAX).contains(&memory[0]), "{memory:?}");
        assert_eq!(memory[1], 0, "the memory of a large one is given back");
        assert!(matches.iter().all(|one| *one == Match::default()));
    }
}
