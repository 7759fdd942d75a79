//! What the pieces of a group say that were read and written, summed up: its records, ticks and hits. `group_ticks` reads
//! the ticks.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::{
    group_record::{CarriedRecord, GroupRecord, SHOWN_BROUGHT},
    held_group::HeldGroup,
    held_piece::OpenPiece,
    piece::{PieceEntry, PieceTexts, ShownPair},
    sorted_map::SortedMap,
};
use crate::detect::episodes::TickValue;

/// Bytes that a record and a tick take in memory, about, when there is no room for it in the contents.
const RECORD_WEIGHT: usize = 200;
const TICK_WEIGHT: usize = 100;

/// The contents of a group. They have room for one of each.
#[derive(Debug, Default)]
pub(super) struct GroupContents {
    /// Pieces that are being written. Most groups have one.
    pub(super) open: SmallVec<[OpenPiece; 1]>,
    pub(super) texts: SmallVec<[PieceTexts; 1]>,
    /// Memory for texts; it has none.
    spare: PieceTexts,
    /// How many equal ticks there are, by second, input and value.
    pub(super) ticks: SortedMap<(i64, u32, TickValue), i64>,
    records: SortedMap<(i64, Box<str>), GroupRecord>,
    /// Hits by the group and input in which they count.
    hits: SortedMap<(i64, u32, i64), i64>,
}

/// The memory of contents that are no longer in use, for those of other groups.
pub(super) type SpareContents = Vec<Box<GroupContents>>;

impl GroupContents {
    /// Empties them, and keeps memory for the next group.
    pub(super) fn clear(&mut self) {
        let mut spare = self.texts.drain(..).next().unwrap_or_default();
        spare.clear();
        *self = Self { spare, ..Self::default() };
    }

    /// Memory for the texts of a piece.
    pub(super) fn spare_texts(&mut self) -> PieceTexts {
        std::mem::take(&mut self.spare)
    }

    /// Takes a change in whose texts have this place. Returns how many more bytes are in memory, about.
    pub(super) fn apply(&mut self, entry: &PieceEntry<'_>, texts: usize) -> usize {
        let texts = u32::try_from(texts).unwrap_or(u32::MAX);
        match entry {
            PieceEntry::Match { at, record, origin, shown, input } => {
                let (known, more) = self.record(*at, record, *origin);
                known.inputs |= 1 << input.min(&127);
                known.show((*input, texts, *shown));
                more
            }
            PieceEntry::Brought { at, record, origin, shown, by } => {
                let (known, more) = self.record(*at, record, *origin);
                known.brought += by;
                if *by > 0 {
                    known.show((SHOWN_BROUGHT, texts, *shown));
                }
                if known.brought == 0 && known.inputs == 0 {
                    self.records.remove(&(*at, Box::from(*record)));
                }
                more
            }
            PieceEntry::Hit { at, parent, input, by } => {
                let key = (*parent, *input, *at);
                let count = self.hits.find_or_insert(|known| known.cmp(&key), || key, || 0);
                let more = if *count == 0 { TICK_WEIGHT } else { 0 };
                *count += by;
                if *count == 0 {
                    self.hits.remove(&key);
                }
                more
            }
            PieceEntry::Tick { at, input, value, by } => self.tick(*at, *input, value, *by),
        }
    }

    fn tick(&mut self, at: i64, input: u32, value: &TickValue, by: i64) -> usize {
        let length = match value {
            TickValue::Text(text) => text.len(),
            TickValue::Nothing | TickValue::Number(_) | TickValue::Hit(_) => 0,
        };
        let own = if self.ticks.is_empty() { 0 } else { TICK_WEIGHT };
        let place = |known: &(i64, u32, TickValue)| (known.0, known.1, &known.2).cmp(&(at, input, value));
        let count = self.ticks.find_or_insert(place, || (at, input, value.clone()), || 0);
        let more = if *count == 0 { own + length } else { 0 };
        *count += by;
        if *count == 0 {
            self.ticks.remove(&(at, input, value.clone()));
        }
        more
    }

    fn record(&mut self, at: i64, record: &str, origin: i64) -> (&mut GroupRecord, usize) {
        let own = if self.records.is_empty() { 0 } else { RECORD_WEIGHT };
        let mut more = 0;
        let made = || {
            more = own + record.len();
            GroupRecord::of(origin)
        };
        let known = self.records.find_or_insert(place_of(at, record), || (at, record.into()), made);
        (known, more)
    }
}

impl HeldGroup {
    /// The seconds between these that are hits in a group.
    pub(super) fn hits_between(
        &self,
        (parent, input): (i64, u32),
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = i64> {
        let end = match to.checked_add(1) {
            Some(end) => (parent, input, end),
            None => (parent, input.saturating_add(1), i64::MIN),
        };
        let contents = self.contents.iter();
        let found =
            contents.flat_map(move |contents| contents.hits.range_to((parent, input, from), Some(end)));
        found.filter(|(_, count)| **count > 0).map(|((_, _, at), _)| *at)
    }

    /// A record, if anything is known of it.
    pub(super) fn known_record(&self, at: i64, record: &str) -> Option<&GroupRecord> {
        self.contents.as_ref()?.records.find(place_of(at, record), || (at, record.into()))
    }

    /// A record with everything that is known of it.
    pub(super) fn carried(&self, at: i64, record: &str) -> Option<CarriedRecord> {
        let known = self.known_record(at, record)?;
        let shown = self.shown(known).map(|(name, value)| (name, value.into())).collect();
        Some(CarriedRecord { at, record: record.into(), origin: known.origin, shown })
    }

    /// What a record shows.
    pub(super) fn shown(&self, record: &GroupRecord) -> impl Iterator<Item = ShownPair<'_>> {
        record.shown().into_iter().flat_map(|(_, texts, place)| {
            let texts = self.contents.as_ref().and_then(|contents| contents.texts.get(texts as usize));
            texts.into_iter().flat_map(move |texts| texts.shown(place))
        })
    }

    /// The records of these seconds, in order of time and id.
    pub(super) fn records_between(
        &self,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (i64, &str, &GroupRecord)> {
        let end = to.checked_add(1);
        let inside = self.contents.iter().flat_map(move |contents| {
            contents.records.range_to((from, Box::from("")), end.map(|end| (end, Box::from(""))))
        });
        inside.filter(|(_, record)| record.exists()).map(|((at, id), record)| (*at, &**id, record))
    }
}

/// Where a record lies among others.
fn place_of(at: i64, record: &str) -> impl Fn(&(i64, Box<str>)) -> Ordering + '_ {
    move |(known_at, known)| known_at.cmp(&at).then_with(|| (**known).cmp(record))
}
