//! A sorted map for groups, most of which are small: few entries are a vector, many are a tree.

use std::{cmp::Ordering, collections::BTreeMap, ops::Bound};

use smallvec::SmallVec;

/// Entries that are moved when one is added in front of them.
const FEW_MAX: usize = 64;

/// A sorted map.
#[derive(Debug)]
pub(super) enum SortedMap<K, V> {
    /// Most groups have one entry.
    Few(SmallVec<[(K, V); 1]>),
    Many(BTreeMap<K, V>),
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::Few(SmallVec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// Whether it has no entries.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(many) => many.is_empty(),
        }
    }

    /// The value of a key: `place` says where a key lies that is compared with it, and `key` makes it where it must be made.
    pub(super) fn find(&self, place: impl Fn(&K) -> Ordering, key: impl FnOnce() -> K) -> Option<&V> {
        match self {
            Self::Few(few) => few.binary_search_by(|(known, _)| place(known)).ok().map(|at| &few[at].1),
            Self::Many(many) => many.get(&key()),
        }
    }

    /// The same, to change it; what is missing is made.
    pub(super) fn find_or_insert(
        &mut self,
        place: impl Fn(&K) -> Ordering,
        key: impl FnOnce() -> K,
        value: impl FnOnce() -> V,
    ) -> &mut V {
        if let Self::Few(few) = self
            && few.len() >= FEW_MAX
        {
            *self = Self::Many(std::mem::take(few).into_iter().collect());
        }
        match self {
            Self::Few(few) => {
                // Most come in order.
                let is_last = few.last().is_none_or(|(known, _)| place(known).is_lt());
                let found = match is_last {
                    true => Err(few.len()),
                    false => few.binary_search_by(|(known, _)| place(known)),
                };
                let at = found.unwrap_or_else(|at| {
                    few.insert(at, (key(), value()));
                    at
                });
                &mut few[at].1
            }
            Self::Many(many) => many.entry(key()).or_insert_with(value),
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        match self {
            Self::Few(few) => {
                if let Ok(at) = few.binary_search_by(|(known, _)| known.cmp(key)) {
                    few.remove(at);
                }
            }
            Self::Many(many) => _ = many.remove(key),
        }
    }

    /// The entries from a key on, to those before another one.
    pub(super) fn range_to(&self, from: K, to: Option<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let (few, many) = match self {
            Self::Few(few) => {
                let from = few.partition_point(|(known, _)| *known < from);
                let end = to.map_or(few.len(), |to| few.partition_point(|(known, _)| *known < to));
                (few.get(from..end), None)
            }
            // A range of a tree must not end before it begins.
            Self::Many(_) if to.as_ref().is_some_and(|to| *to <= from) => (None, None),
            Self::Many(many) => {
                let end = to.map_or(Bound::Unbounded, Bound::Excluded);
                (None, Some(many.range((Bound::Included(from), end))))
            }
        };
        let few = few.into_iter().flatten().map(|(key, value)| (key, value));
        few.chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_entries_are_found_in_order_and_alike() {
        for count in [3_i64, FEW_MAX as i64 - 1, FEW_MAX as i64, FEW_MAX as i64 + 1, 200] {
            let mut map = SortedMap::default();
            let place = |wanted: i64| move |known: &i64| known.cmp(&wanted);
            // Not in order: 11 and the counts have no common factor.
            for number in (0..count).map(|number| number * 11 % count * 2) {
                *map.find_or_insert(place(number), || number, || 0) += 1;
                *map.find_or_insert(place(number), || number, || 9) += 1;
            }
            assert_eq!(matches!(map, SortedMap::Few(_)), count < FEW_MAX as i64, "{count}");
            assert_eq!((map.find(place(2), || 2), map.find(place(3), || 3)), (Some(&2), None));
            let keys = |map: &SortedMap<i64, i32>, from, to: i64| -> Vec<i64> {
                map.range_to(from, to.checked_add(1)).map(|(key, _)| *key).collect()
            };
            assert_eq!(keys(&map, -5, 4), [0, 2, 4]);
            assert_eq!(keys(&map, 1, 3), [2]);
            assert_eq!((keys(&map, 3, 1).len(), keys(&map, 0, i64::MAX).len()), (0, count as usize));
            let mut back: Vec<i64> = map.range_to(0, Some(5)).rev().map(|(key, _)| *key).collect();
            back.reverse();
            assert_eq!(back, [0, 2, 4]);
            map.remove(&2);
            map.remove(&3);
            assert_eq!(keys(&map, 0, 5), [0, 4]);
        }
    }
}
