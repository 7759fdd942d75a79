//! The ids that are delivered ahead of the settled point, and what of them must be written when they change.
//!
//! In memory one ordered set of (second, hash); in the store one small value for each second and commit that added to it, so
//! that the cost of a commit depends on what it adds and never on what is held.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeBounds,
};

use crate::record::IdHash;

/// A change of one stored part: its key, and its new value or `None` to remove it.
pub type PartChange = (Vec<u8>, Option<Vec<u8>>);

const HASH_BYTES: usize = 16;
/// The most ids of one part: values of up to 1,600 bytes are what the store takes fastest.
const PART_IDS_MAX: usize = 100;
const KEY_BYTES: usize = 1 + 8 + 2;

/// Ids of one walk.
#[derive(Debug)]
pub struct Held {
    walk: u8,
    ids: BTreeSet<(i64, IdHash)>,
    /// How many parts each second has in the store, counting what is fresh or dropped but not written yet.
    parts: BTreeMap<i64, u16>,
    fresh: BTreeMap<i64, Vec<IdHash>>,
    dropped: Vec<Vec<u8>>,
}

impl Held {
    /// Nothing held. `walk` tells the parts of several walks in one checkpoint apart.
    pub fn new(walk: u8) -> Self {
        Self {
            walk,
            ids: BTreeSet::new(),
            parts: BTreeMap::new(),
            fresh: BTreeMap::new(),
            dropped: Vec::new(),
        }
    }

    /// Takes in what the store kept; parts of other walks or of an unknown shape are passed over.
    pub fn restore<'a>(walk: u8, parts: impl Iterator<Item = &'a (Vec<u8>, Vec<u8>)>) -> Self {
        let mut held = Self::new(walk);
        for (key, value) in parts {
            let Some((second, index)) = place(walk, key) else {
                continue;
            };
            let hashes = value
                .chunks_exact(HASH_BYTES)
                .filter_map(|hash| hash.try_into().ok());
            held.ids.extend(hashes.map(|hash| (second, IdHash(hash))));
            let count = held.parts.entry(second).or_default();
            *count = (*count).max(index.saturating_add(1));
        }
        held
    }

    /// How many ids are held.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether this id of this second is held.
    pub fn contains(&self, second: i64, id: IdHash) -> bool {
        self.ids.contains(&(second, id))
    }

    /// The ids held of one second.
    pub fn of_second(&self, second: i64) -> impl Iterator<Item = IdHash> + '_ {
        self.ids
            .range((second, IdHash([0; 16]))..=(second, IdHash([255; 16])))
            .map(|(_, id)| *id)
    }

    /// Holds an id.
    pub fn insert(&mut self, second: i64, id: IdHash) {
        if self.ids.insert((second, id)) {
            self.fresh.entry(second).or_default().push(id);
        }
    }

    /// Lets go of every id of the seconds in `seconds`.
    pub fn drop_seconds(&mut self, seconds: impl RangeBounds<i64> + Clone) {
        let gone: Vec<i64> = self
            .parts
            .range(seconds.clone())
            .map(|(second, _)| *second)
            .collect();
        let unwritten: Vec<i64> = self.fresh.range(seconds).map(|(second, _)| *second).collect();
        for second in gone {
            for index in 0..self.parts.remove(&second).unwrap_or(0) {
                self.dropped.push(self.key(second, index));
            }
            self.forget(second);
        }
        for second in unwritten {
            self.fresh.remove(&second);
            self.forget(second);
        }
    }

    /// As [`Held::drop_seconds`], for a range that may be empty.
    pub fn drop_seconds_if_any(&mut self, seconds: std::ops::Range<i64>) {
        if seconds.start < seconds.end {
            self.drop_seconds(seconds);
        }
    }

    /// What must be written, once, for the store to hold what is held here.
    pub fn take_changes(&mut self) -> Vec<PartChange> {
        let mut changes: Vec<PartChange> = self.dropped.drain(..).map(|key| (key, None)).collect();
        for (second, mut ids) in std::mem::take(&mut self.fresh) {
            ids.sort_unstable();
            let index = self.parts.entry(second).or_default();
            for ids in ids.chunks(PART_IDS_MAX) {
                let value = ids.iter().flat_map(|id| id.0).collect();
                changes.push((key(self.walk, second, *index), Some(value)));
                *index = index.saturating_add(1);
            }
        }
        changes
    }

    fn forget(&mut self, second: i64) {
        let gone: Vec<IdHash> = self.of_second(second).collect();
        for id in gone {
            self.ids.remove(&(second, id));
        }
    }

    fn key(&self, second: i64, index: u16) -> Vec<u8> {
        key(self.walk, second, index)
    }
}

fn key(walk: u8, second: i64, index: u16) -> Vec<u8> {
    let mut key = Vec::with_capacity(KEY_BYTES);
    key.push(walk);
    key.extend_from_slice(&second.to_be_bytes());
    key.extend_from_slice(&index.to_be_bytes());
    key
}

fn place(walk: u8, key: &[u8]) -> Option<(i64, u16)> {
    let (&of, rest) = key.split_first()?;
    let (second, index) = rest.split_at_checked(8)?;
    let place = (
        i64::from_be_bytes(second.try_into().ok()?),
        u16::from_be_bytes(index.try_into().ok()?),
    );
    (of == walk).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn what_the_store_gives_back_is_what_a_plain_set_holds(
            steps in proptest::collection::vec((0_i64..12, 0_u16..40, 0_u8..10), 1..200),
        ) {
            let (mut held, mut plain, mut store) = (Held::new(3), BTreeSet::new(), BTreeMap::new());
            for (second, n, act) in steps {
                match act {
                    0 => {
                        held.drop_seconds(..second);
                        plain.retain(|(at, _)| *at >= second);
                    }
                    1 => {
                        held.drop_seconds(second..second + 2);
                        plain.retain(|(at, _)| !(second..second + 2).contains(at));
                    }
                    2 => apply(&mut store, held.take_changes()),
                    _ => {
                        held.insert(second, id(n));
                        plain.insert((second, id(n)));
                    }
                }
                prop_assert_eq!(held.len(), plain.len());
            }
            apply(&mut store, held.take_changes());
            let parts: Vec<_> = store.into_iter().collect();
            let restored = Held::restore(3, parts.iter());
            prop_assert_eq!(restored.ids, plain);
            prop_assert_eq!(Held::restore(4, parts.iter()).len(), 0);
        }
    }
}
