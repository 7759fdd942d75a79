//! An ordered set of (second, id) for a hundred thousand entries, as a list of sorted pieces.
//!
//! Ids nearly always arrive in order of time. That leaves the nodes of a `BTreeSet` half empty, which doubles
//! its memory; here a piece is filled before the next one is begun.

use std::ops::Range;

use crate::page::record::{Beginnings, IdHash};

/// The most entries of one piece: 12 KiB.
const PIECE_MAX: usize = 512;

/// The second of a record, and its id.
pub type DatedId = (i64, IdHash);

/// The set.
#[derive(Debug, Default)]
pub struct Ids {
    /// No piece is empty, each is sorted, and each begins after the end of the one before.
    pieces: Vec<Vec<DatedId>>,
    len: usize,
}

impl Ids {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the entry is in the set.
    pub fn contains(&self, entry: &DatedId) -> bool {
        self.pieces.get(self.place(entry)).is_some_and(|piece| piece.binary_search(entry).is_ok())
    }

    /// How many of these ids are in the set, with any second. Scans the whole set once.
    pub fn count_ids(&self, wanted: impl Iterator<Item = IdHash> + Clone) -> usize {
        // A page that is read again has nothing new.
        if self.len == 0 || wanted.clone().next().is_none() {
            return 0;
        }
        let mut beginnings = Beginnings::none();
        wanted.clone().for_each(|id| _ = beginnings.add(id));
        let all = self.pieces.iter().flatten().map(|entry| entry.1);
        let likely: Vec<IdHash> = all.filter(|id| beginnings.has(*id)).collect();
        wanted.filter(|id| likely.contains(id)).count()
    }

    /// The first second after this one that has an entry.
    pub fn first_after(&self, second: i64) -> Option<i64> {
        let after = second.checked_add(1)?;
        let from = self.pieces.partition_point(|piece| ends_before(piece, after));
        let piece = self.pieces.get(from)?;
        piece.get(piece.partition_point(|entry| entry.0 < after)).map(|entry| entry.0)
    }

    /// The ids of one second.
    pub fn of_second(&self, second: i64) -> impl Iterator<Item = IdHash> + '_ {
        let from = self.pieces.partition_point(|piece| ends_before(piece, second));
        let entries = self.pieces[from..].iter().flatten().skip_while(move |entry| entry.0 < second);
        entries.take_while(move |entry| entry.0 == second).map(|entry| entry.1)
    }

    /// Adds an entry. True if it is new.
    pub fn insert(&mut self, entry: DatedId) -> bool {
        // An entry after all others goes to the end of the last piece.
        let at = self.place(&entry).min(self.pieces.len().saturating_sub(1));
        let Some(piece) = self.pieces.get_mut(at) else {
            self.pieces.push(vec![entry]);
            self.len += 1;
            return true;
        };
        let Err(place) = piece.binary_search(&entry) else { return false };
        if piece.len() < PIECE_MAX {
            piece.insert(place, entry);
        } else if place == PIECE_MAX {
            self.pieces.insert(at + 1, vec![entry]);
        } else {
            let mut upper = piece.split_off(PIECE_MAX / 2);
            piece.shrink_to_fit();
            match place.checked_sub(PIECE_MAX / 2) {
                Some(place) => upper.insert(place, entry),
                None => piece.insert(place, entry),
            }
            self.pieces.insert(at + 1, upper);
        }
        self.len += 1;
        true
    }

    /// Removes the entries of these seconds.
    pub fn remove_seconds(&mut self, seconds: &Range<i64>) {
        let from = self.pieces.partition_point(|piece| ends_before(piece, seconds.start));
        let until = self.pieces.partition_point(|piece| begins_before(piece, seconds.end));
        for piece in self.pieces.get_mut(from..until).into_iter().flatten() {
            let before = piece.len();
            piece.retain(|(second, _)| !seconds.contains(second));
            self.len -= before - piece.len();
        }
        self.pieces.retain(|piece| !piece.is_empty());
    }

    /// Removes the entries of all earlier seconds.
    pub fn remove_before(&mut self, second: i64) {
        let passed = self.pieces.partition_point(|piece| ends_before(piece, second));
        self.len -= self.pieces.drain(..passed).map(|piece| piece.len()).sum::<usize>();
        if let Some(piece) = self.pieces.first_mut() {
            let passed = piece.partition_point(|entry| entry.0 < second);
            self.len -= piece.drain(..passed).len();
        }
    }

    /// The first piece that does not end before the entry.
    fn place(&self, entry: &DatedId) -> usize {
        self.pieces.partition_point(|piece| piece.last() < Some(entry))
    }
}

fn ends_before(piece: &[DatedId], second: i64) -> bool {
    piece.last().is_some_and(|entry| entry.0 < second)
}

fn begins_before(piece: &[DatedId], second: i64) -> bool {
    piece.first().is_some_and(|entry| entry.0 < second)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    impl Ids {
        /// All of them, in order.
        pub fn all(&self) -> Vec<DatedId> {
            self.pieces.concat()
        }
    }

    proptest! {
        #[test]
        fn it_is_an_ordered_set(
            steps in proptest::collection::vec((0_i64..400, 1_i64..500, 1_i64..5, 0_u8..12), 1..60),
        ) {
            let (mut ids, mut plain) = (Ids::default(), BTreeSet::new());
            for (number, (start, count, stride, act)) in steps.into_iter().enumerate() {
                match act {
                    0 => {
                        ids.remove_before(start);
                        plain.retain(|(second, _)| *second >= start);
                    }
                    1 => {
                        let seconds = start..start + count;
                        ids.remove_seconds(&seconds);
                        plain.retain(|(second, _)| !seconds.contains(second));
                    }
                    // Ascending, descending, or the same ids again.
                    _ => for step in 0..count {
                        let place = if act % 2 == 0 { step } else { count - step };
                        let id = IdHash::of(&(if act < 10 { number } else { 0 }).to_string());
                        let entry = (start + place / stride, id);
                        prop_assert_eq!(ids.contains(&entry), plain.contains(&entry));
                        prop_assert_eq!(ids.insert(entry), plain.insert(entry));
                    },
                }
                prop_assert!(ids.pieces.iter().all(|piece| (1..=PIECE_MAX).contains(&piece.len())));
                prop_assert_eq!(ids.len(), plain.len());
                prop_assert!(ids.all().iter().eq(&plain));
                let of_start = plain.iter().filter(|entry| entry.0 == start).map(|entry| entry.1);
                prop_assert!(ids.of_second(start).eq(of_start));
            }
            let wanted = (0..80).map(|number: u8| IdHash::of(&number.to_string()));
            let known: BTreeSet<IdHash> = plain.iter().map(|entry| entry.1).collect();
            let found = wanted.clone().filter(|id| known.contains(id)).count();
            prop_assert_eq!(ids.count_ids(wanted), found);
        }
    }

    #[test]
    fn ids_that_come_in_order_fill_their_pieces() {
        let mut ids = Ids::default();
        for second in 0..10_000 {
            ids.insert((second, IdHash([0; 16])));
        }
        assert_eq!(ids.pieces.len(), 10_000_usize.div_ceil(PIECE_MAX));
    }
}
