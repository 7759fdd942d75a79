//! Ids that are delivered but not before the watermark, and what to write when they change.
//!
//! In memory this is one ordered set of (second, hash). In the store, each page that adds ids writes one
//! small part, so that a commit costs what it adds, however many ids there are. A part is removed when the
//! watermark has passed all of it. Until then the store may contain ids that memory has dropped. This is
//! harmless, because each of them was delivered.
//!
//! A second that is kept for a later sweep keeps its ids when the watermark passes it: they are written once
//! more, as parts that end with this second.

use std::{collections::BTreeSet, ops::Range};

use crate::{
    page::record::IdHash,
    walk::ids::{DatedId, Ids},
};

/// A change of one stored part: its key, and its new value or `None` to remove it.
pub type PartChange = (Vec<u8>, Option<Vec<u8>>);

const SECOND_BYTES: usize = 8;
const ID_BYTES: usize = SECOND_BYTES + 16;
/// The most ids of one part: the store is fastest with values of up to 1,600 bytes.
const PART_IDS_MAX: usize = 66;

/// The dedup set of one walk.
#[derive(Debug)]
pub struct DedupSet {
    walk: u8,
    ids: Ids,
    fresh: Vec<DatedId>,
    /// The seconds that keep their ids behind the watermark.
    kept: BTreeSet<i64>,
    /// Every stored part: its last second, and a number that distinguishes parts with the same last second.
    parts: BTreeSet<(i64, u32)>,
    passed: Vec<(i64, u32)>,
    next_part: u32,
}

impl DedupSet {
    /// An empty set. `walk` distinguishes the parts of several walks in one checkpoint.
    pub fn new(walk: u8) -> Self {
        Self {
            walk,
            ids: Ids::default(),
            fresh: Vec::new(),
            kept: BTreeSet::new(),
            parts: BTreeSet::new(),
            passed: Vec::new(),
            next_part: 0,
        }
    }

    /// Restores the set from stored parts; parts of other walks or of an unknown format are ignored.
    pub fn restore<'a>(walk: u8, parts: impl Iterator<Item = &'a (Vec<u8>, Vec<u8>)>) -> Self {
        let mut dedup = Self::new(walk);
        for (key, value) in parts {
            let Some(part) = part_of(walk, key) else { continue };
            for entry in value.chunks_exact(ID_BYTES).filter_map(entry_of) {
                dedup.ids.insert(entry);
            }
            dedup.parts.insert(part);
            dedup.next_part = dedup.next_part.max(part.1.wrapping_add(1));
        }
        dedup
    }

    /// How many ids are in the set.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether this id of this second is in the set.
    pub fn contains(&self, second: i64, id: IdHash) -> bool {
        self.ids.contains(&(second, id))
    }

    /// How many of these ids are in the set, with any second. Scans the whole set.
    pub fn count_ids(&self, wanted: impl Iterator<Item = IdHash> + Clone) -> usize {
        self.ids.count_ids(wanted)
    }

    /// The first second after this one that has an id.
    pub fn first_after(&self, second: i64) -> Option<i64> {
        self.ids.first_after(second)
    }

    /// The ids of one second.
    pub fn of_second(&self, second: i64) -> impl Iterator<Item = IdHash> + '_ {
        self.ids.of_second(second)
    }

    /// Adds an id.
    pub fn insert(&mut self, second: i64, id: IdHash) {
        if self.ids.insert((second, id)) {
            self.fresh.push((second, id));
        }
    }

    /// Continues to keep the ids of these seconds, after a restart: their parts are in the store.
    pub fn still_keep(&mut self, seconds: impl Iterator<Item = i64>) {
        self.kept = seconds.collect();
    }

    /// Keeps the ids of these seconds, and of no others, whatever the watermark passes.
    pub fn keep(&mut self, seconds: impl Iterator<Item = i64>) {
        let before = std::mem::replace(&mut self.kept, seconds.collect());
        let (ids, fresh) = (&self.ids, &mut self.fresh);
        for second in self.kept.difference(&before) {
            fresh.retain(|(of, _)| of != second);
            fresh.extend(ids.of_second(*second).map(|id| (*second, id)));
        }
    }

    /// Drops the ids of seconds that this walk does not read again before the watermark passes them.
    pub fn let_go(&mut self, seconds: Range<i64>) {
        if seconds.is_empty() {
            return;
        }
        let kept = self.kept_ids(&seconds);
        self.ids.remove_seconds(&seconds);
        self.fresh.retain(|(second, _)| !seconds.contains(second) || self.kept.contains(second));
        kept.into_iter().for_each(|entry| _ = self.ids.insert(entry));
    }

    /// Drops every id before `watermark`.
    pub fn forget_before(&mut self, watermark: i64) {
        let kept = self.kept_ids(&(i64::MIN..watermark));
        self.ids.remove_before(watermark);
        self.fresh.retain(|(second, _)| *second >= watermark || self.kept.contains(second));
        if self.parts.first().is_some_and(|(last, _)| *last < watermark) {
            let ahead = self.parts.split_off(&(watermark, 0));
            for part in std::mem::replace(&mut self.parts, ahead) {
                if self.kept.contains(&part.0) {
                    self.parts.insert(part);
                } else {
                    self.passed.push(part);
                }
            }
        }
        kept.into_iter().for_each(|entry| _ = self.ids.insert(entry));
    }

    fn kept_ids(&self, seconds: &Range<i64>) -> Vec<DatedId> {
        let kept = self.kept.range(seconds.clone());
        kept.flat_map(|second| self.ids.of_second(*second).map(|id| (*second, id))).collect()
    }

    /// The changes since the last call that bring the store up to date.
    pub fn take_changes(&mut self) -> Vec<PartChange> {
        let walk = self.walk;
        let mut changes: Vec<PartChange> =
            self.passed.drain(..).map(|part| (key(walk, part), None)).collect();
        let mut fresh = std::mem::take(&mut self.fresh);
        // Sorted, so that the watermark passes each part as early as possible.
        fresh.sort_unstable();
        // A kept second has parts of its own, which the watermark does not pass.
        let own = |second: i64| self.kept.contains(&second).then_some(second);
        let runs = fresh.chunk_by(|a, b| own(a.0) == own(b.0));
        for ids in runs.flat_map(|run| run.chunks(PART_IDS_MAX)) {
            let last = ids.last().map_or(0, |(second, _)| *second);
            let part = (last, self.next_part);
            self.next_part = self.next_part.wrapping_add(1);
            self.parts.insert(part);
            let bytes = ids.iter().flat_map(|(second, id)| second.to_be_bytes().into_iter().chain(id.0));
            changes.push((key(walk, part), Some(bytes.collect())));
        }
        changes
    }
}

fn key(walk: u8, (last, number): (i64, u32)) -> Vec<u8> {
    [&[walk][..], &last.to_be_bytes(), &number.to_be_bytes()].concat()
}

fn part_of(walk: u8, key: &[u8]) -> Option<(i64, u32)> {
    let (&of, rest) = key.split_first()?;
    let (last, number) = rest.split_at_checked(SECOND_BYTES)?;
    let part = (i64::from_be_bytes(last.try_into().ok()?), u32::from_be_bytes(number.try_into().ok()?));
    (of == walk).then_some(part)
}

fn entry_of(bytes: &[u8]) -> Option<DatedId> {
    let (second, hash) = bytes.split_at_checked(SECOND_BYTES)?;
    Some((i64::from_be_bytes(second.try_into().ok()?), IdHash(hash.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn apply(store: &mut BTreeMap<Vec<u8>, Vec<u8>>, changes: Vec<PartChange>) {
        for (key, value) in changes {
            match value {
                Some(value) => store.insert(key, value),
                None => store.remove(&key),
            };
        }
    }

    fn id(n: u16) -> IdHash {
        IdHash::of(&n.to_string())
    }

    fn restored(store: &BTreeMap<Vec<u8>, Vec<u8>>) -> DedupSet {
        let parts: Vec<_> = store.clone().into_iter().collect();
        assert_eq!(DedupSet::restore(4, parts.iter()).len(), 0, "another walk's parts");
        DedupSet::restore(3, parts.iter())
    }

    proptest! {
        #[test]
        fn the_store_holds_all_that_is_held_and_nothing_that_never_was(
            steps in proptest::collection::vec((0_i64..12, 0_u16..400, 0_u8..11), 1..300),
        ) {
            // A second that was let go is not read again, so it is never kept later.
            let (mut kept_second, mut gone) = (None, BTreeSet::new());
            let (mut dedup, mut store) = (DedupSet::new(3), BTreeMap::new());
            let (mut plain, mut ever, mut watermark) = (BTreeSet::new(), BTreeSet::new(), 0);
            for (second, n, act) in steps {
                match act {
                    0 if second > watermark => {
                        watermark = second;
                        dedup.forget_before(watermark);
                        plain.retain(|(at, _)| *at >= watermark || Some(*at) == kept_second);
                    }
                    1 => {
                        dedup.let_go(second..second + 2);
                        gone.extend(second..second + 2);
                        plain.retain(|(at, _)| {
                            !(second..second + 2).contains(at) || Some(*at) == kept_second
                        });
                    }
                    10 => {
                        kept_second = Some(second).filter(|at| *at >= watermark && !gone.contains(at));
                        dedup.keep(kept_second.into_iter());
                        dedup.forget_before(watermark);
                        plain.retain(|(at, _)| *at >= watermark || Some(*at) == kept_second);
                    }
                    2 => apply(&mut store, dedup.take_changes()),
                    3 => {
                        apply(&mut store, dedup.take_changes());
                        let still = dedup.kept.clone();
                        dedup = restored(&store);
                        dedup.still_keep(still.into_iter());
                        dedup.forget_before(watermark);
                        let kept: BTreeSet<_> = dedup.ids.all().into_iter().collect();
                        prop_assert!(kept.is_superset(&plain) && kept.is_subset(&ever));
                        plain = kept;
                    }
                    _ => {
                        let second = second.max(watermark);
                        dedup.insert(second, id(n));
                        plain.insert((second, id(n)));
                        ever.insert((second, id(n)));
                    }
                }
                prop_assert!(dedup.ids.all().iter().eq(&plain));
            }
        }
    }

    #[test]
    fn passing_a_second_removes_its_ids_from_the_store() {
        let (mut dedup, mut store) = (DedupSet::new(3), BTreeMap::new());
        for n in 0..1000 {
            dedup.insert(i64::from(n / 3), id(n));
            if n % 100 == 0 {
                apply(&mut store, dedup.take_changes());
            }
        }
        dedup.forget_before(10_000);
        apply(&mut store, dedup.take_changes());
        assert!(store.is_empty() && dedup.len() == 0);
    }
}
