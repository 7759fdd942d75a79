//! One group in memory: the pieces that were read, summed up, and those that are being written. `group_reading` has what is
//! read of it, `group_growth` what is added to it.

use std::borrow::Cow;

use rusqlite::Connection;
use smallvec::SmallVec;

use super::{
    group_contents::place_of,
    group_record::{GroupRecord, SHOWN_BROUGHT},
    held_piece::{ClosedPiece, OpenPiece, StoredPiece, stored_bytes},
    piece::{GroupValues, PieceEntry, PieceTexts},
    piece_reader::read_piece,
    sorted_map::SortedMap,
};
use crate::detect::episodes::TickValue;

/// Rough sizes in memory, in bytes: of a group of which nothing is known, a record, and a tick.
const GROUP_WEIGHT: usize = 1000;
const RECORD_WEIGHT: usize = 200;
const TICK_WEIGHT: usize = 100;

/// No seconds.
pub(super) const NOTHING: (i64, i64) = (i64::MAX, i64::MIN);

/// One group of a correlation.
#[derive(Debug)]
pub(super) struct HeldGroup {
    /// The correlation in the database.
    pub(super) rule: i64,
    pub(super) id: i64,
    /// What happened up to here is forgotten; a piece may still have some of it.
    pub(super) mark: i64,
    pub(super) values: Option<GroupValues>,
    /// Those in the table, once they were looked up.
    pub(super) stored: Option<Vec<StoredPiece>>,
    /// Of most groups it is one at most.
    pub(super) closed: SmallVec<[ClosedPiece; 1]>,
    /// Most groups have one piece.
    pub(super) open: SmallVec<[OpenPiece; 1]>,
    pub(super) texts: SmallVec<[PieceTexts; 1]>,
    /// Between these seconds are the pieces of each lane that were not read; the first is after the last if there are none.
    pub(super) unread: [(i64, i64); 2],
    /// It has bytes that are not in the journal.
    pub(super) has_grown: bool,
    /// How many equal ticks there are, by second, input and value.
    pub(super) ticks: SortedMap<(i64, u32, TickValue), i64>,
    pub(super) records: SortedMap<(i64, Box<str>), GroupRecord>,
    /// Hits by the group and input in which they count.
    pub(super) hits: SortedMap<(i64, u32, i64), i64>,
    /// About how much memory it takes.
    pub(super) weight: usize,
    /// Something was asked of it since that was last reset.
    pub(super) is_used: bool,
}

impl HeldGroup {
    /// One of which nothing is known but whether it may have pieces in their table.
    pub(super) fn new(rule: i64, id: i64, mark: i64, may_have_stored: bool) -> Self {
        Self {
            rule,
            id,
            mark,
            values: None,
            stored: if may_have_stored { None } else { Some(Vec::new()) },
            closed: SmallVec::new(),
            open: SmallVec::new(),
            texts: SmallVec::new(),
            unread: [NOTHING; 2],
            has_grown: false,
            ticks: SortedMap::default(),
            records: SortedMap::default(),
            hits: SortedMap::default(),
            weight: GROUP_WEIGHT,
            is_used: true,
        }
    }

    /// Its values: of one that was found by its id, from any piece of it.
    pub(super) fn values(&mut self, connection: &Connection) -> rusqlite::Result<&GroupValues> {
        if self.values.is_none() {
            self.look_up(connection)?;
            let bytes = match (self.closed.first(), self.stored.iter().flatten().next()) {
                (Some(piece), _) => piece.bytes.clone(),
                (None, Some(piece)) => stored_bytes(connection, piece.id)?,
                (None, None) => Vec::new(),
            };
            self.values = read_piece(&bytes, &mut |_| {}).map(|(values, _)| values);
        }
        Ok(self.values.get_or_insert_default())
    }

    /// Its values are these.
    pub(super) fn know(&mut self, values: &[Option<Cow<'_, str>>]) {
        self.is_used = true;
        let owned = || values.iter().map(|value| value.as_deref().map(str::to_owned)).collect();
        self.values.get_or_insert_with(owned);
    }

    pub(super) fn apply(&mut self, entry: &PieceEntry<'_>, texts: usize) {
        let texts = u32::try_from(texts).unwrap_or(u32::MAX);
        match entry {
            PieceEntry::Match { at, record, origin, shown, input } => {
                let known = self.record(*at, record, *origin);
                known.inputs |= 1 << input.min(&127);
                known.show((*input, texts, *shown));
            }
            PieceEntry::Brought { at, record, origin, shown, by } => {
                let known = self.record(*at, record, *origin);
                known.brought += by;
                if *by > 0 {
                    known.show((SHOWN_BROUGHT, texts, *shown));
                }
                if known.brought == 0 && known.inputs == 0 {
                    self.records.remove(&(*at, Box::from(*record)));
                }
            }
            PieceEntry::Hit { at, parent, input, by } => {
                let key = (*parent, *input, *at);
                let count = self.hits.find_or_insert(|known| known.cmp(&key), || key, || 0);
                self.weight += if *count == 0 { TICK_WEIGHT } else { 0 };
                *count += by;
                if *count == 0 {
                    self.hits.remove(&key);
                }
            }
            PieceEntry::Tick { at, input, value, by } => self.tick(*at, *input, value, *by),
        }
    }

    fn tick(&mut self, at: i64, input: u32, value: &TickValue, by: i64) {
        let length = match value {
            TickValue::Text(text) => text.len(),
            TickValue::Nothing | TickValue::Number(_) | TickValue::Hit(_) => 0,
        };
        let place = |known: &(i64, u32, TickValue)| (known.0, known.1, &known.2).cmp(&(at, input, value));
        let count = self.ticks.find_or_insert(place, || (at, input, value.clone()), || 0);
        self.weight += if *count == 0 { TICK_WEIGHT + length } else { 0 };
        *count += by;
        if *count == 0 {
            self.ticks.remove(&(at, input, value.clone()));
        }
    }

    fn record(&mut self, at: i64, record: &str, origin: i64) -> &mut GroupRecord {
        let weight = &mut self.weight;
        let made = || {
            *weight += RECORD_WEIGHT;
            GroupRecord::of(origin)
        };
        self.records.find_or_insert(place_of(at, record), || (at, record.into()), made)
    }
}
