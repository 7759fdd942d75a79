//! One group in memory: the pieces that were read, summed up, and those that are being written.

use std::borrow::Cow;

use rusqlite::Connection;

use super::{
    group_contents::place_of,
    group_record::{GroupRecord, SHOWN_BROUGHT},
    held_piece::{
        ClosedPiece, OpenPiece, PieceGrowth, PieceLane, PieceSpan, StoredPiece, give, stored_bytes,
    },
    piece::{GroupValues, PieceEntry, PieceTexts, PieceWriter, ShownPair},
    piece_reader::read_piece,
    sorted_map::SortedMap,
};
use crate::detect::episodes::TickValue;

/// A piece that has as many bytes is not continued: what a read of it costs is bounded.
const PIECE_BYTES: usize = 16 << 10;
/// The same of one that holds both lanes.
const BOTH_BYTES: usize = 2 << 10;
/// Seconds of event time in one piece at most: it is removed as a whole.
pub(super) const PIECE_SECONDS: i64 = 24 * 60 * 60;
/// Rough sizes in memory, in bytes: of a group, a record, and a tick.
const GROUP_WEIGHT: usize = 3_000;
const RECORD_WEIGHT: usize = 300;
const TICK_WEIGHT: usize = 120;

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
    pub(super) closed: Vec<ClosedPiece>,
    pub(super) open: Vec<OpenPiece>,
    pub(super) texts: Vec<PieceTexts>,
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
    pub(super) fn new(rule: i64, id: i64, mark: i64) -> Self {
        Self {
            rule,
            id,
            mark,
            values: None,
            stored: None,
            closed: Vec::new(),
            open: Vec::new(),
            texts: Vec::new(),
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
        let place = |known: &(i64, u32, TickValue)| (known.0, known.1, &known.2).cmp(&(at, input, value));
        let count = self.ticks.find_or_insert(place, || (at, input, value.clone()), || 0);
        self.weight += if *count == 0 { TICK_WEIGHT } else { 0 };
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

    /// Adds a change, in memory and to the piece of its day.
    pub(super) fn add<'s>(
        &mut self,
        entry: PieceEntry<'_>,
        pairs: impl Iterator<Item = ShownPair<'s>> + Clone,
        now: i64,
    ) {
        let (at, lane, matches) = match &entry {
            PieceEntry::Match { at, .. } => (*at, PieceLane::Records, 1),
            PieceEntry::Brought { at, .. } => (*at, PieceLane::Records, 0),
            PieceEntry::Hit { at, .. } | PieceEntry::Tick { at, .. } => (*at, PieceLane::Ticks, 0),
        };
        let place = self.open_piece(lane, at, now);
        let piece = &mut self.open[place];
        let place = piece.texts;
        let texts = &mut self.texts[place];
        let entry = match entry {
            PieceEntry::Match { at, record, origin, input, .. } => {
                let shown = piece.writer.shown(texts, pairs);
                PieceEntry::Match { at, record, origin, shown, input }
            }
            PieceEntry::Brought { at, record, origin, by, .. } => {
                let shown = piece.writer.shown(texts, pairs);
                PieceEntry::Brought { at, record, origin, shown, by }
            }
            other @ (PieceEntry::Hit { .. } | PieceEntry::Tick { .. }) => other,
        };
        piece.writer.add(texts, &entry);
        piece.span.from = piece.span.from.min(at);
        piece.span.to = piece.span.to.max(at);
        piece.span.matches += matches;
        piece.span.arrived = piece.span.arrived.max(now);
        self.has_grown = true;
        self.apply(&entry, place);
    }

    /// The piece to which changes of this second are added.
    fn open_piece(&mut self, lane: PieceLane, at: i64, now: i64) -> usize {
        let day = at.div_euclid(PIECE_SECONDS);
        let found = self.open.iter().position(|piece| piece.day == day && piece.lane.is_about(lane));
        let mut is_small = true;
        if let Some(place) = found {
            let piece = &self.open[place];
            let bytes_max = if piece.lane == PieceLane::Both { BOTH_BYTES } else { PIECE_BYTES };
            if piece.writer.bytes.len() < bytes_max {
                return place;
            }
            let full = self.open.swap_remove(place);
            self.close(full);
            is_small = false;
        }
        // The group is small until a piece of both lanes is full.
        is_small &= !self.open.iter().any(|piece| piece.day == day)
            && !self.closed.iter().any(|piece| (piece.lane, piece.day) == (PieceLane::Both, day));
        let lane = if is_small { PieceLane::Both } else { lane };
        let mut texts = PieceTexts::default();
        let writer = PieceWriter::begin(&mut texts, self.values.get_or_insert_default());
        self.texts.push(texts);
        let span = PieceSpan { from: at, to: at, matches: 0, arrived: now };
        self.open.push(OpenPiece { lane, day, writer, span, texts: self.texts.len() - 1, journaled: 0 });
        self.open.len() - 1
    }

    fn close(&mut self, open: OpenPiece) {
        let OpenPiece { lane, day, writer, span, journaled, .. } = open;
        self.weight += writer.bytes.len();
        self.closed.push(ClosedPiece { lane, day, bytes: writer.bytes, span, journaled, is_read: true });
    }

    /// What has come since the last call.
    pub(super) fn growth(&mut self, each: &mut dyn FnMut(PieceGrowth<'_>)) {
        self.has_grown = false;
        for ClosedPiece { lane, day, bytes, span, journaled, .. } in &mut self.closed {
            give((*lane, *day), bytes, *span, journaled, each);
        }
        for OpenPiece { lane, day, writer, span, journaled, .. } in &mut self.open {
            give((*lane, *day), &writer.bytes, *span, journaled, each);
        }
    }

    /// Takes growth in that another process wrote, or this one in an earlier run.
    pub(super) fn grow(&mut self, growth: &PieceGrowth<'_>) {
        let PieceGrowth { lane, day, continues, span, bytes } = growth;
        let is_same = |piece: &&mut ClosedPiece| (piece.lane, piece.day) == (*lane, *day) && *continues;
        let last = self.closed.iter_mut().rev().find(is_same);
        match last {
            Some(piece) => {
                piece.bytes.extend_from_slice(bytes);
                (piece.span, piece.journaled) = (*span, piece.bytes.len());
            }
            None => self.closed.push(ClosedPiece {
                lane: *lane,
                day: *day,
                bytes: bytes.to_vec(),
                span: *span,
                journaled: bytes.len(),
                is_read: false,
            }),
        }
        self.weight += bytes.len();
    }

    /// Moves the pieces that are only in the journal to their table, by `put`, which returns the id of each there. Whether the
    /// group is of use after that: of one whose pieces were never looked up it is not known which of them it has read.
    pub(super) fn store(
        &mut self,
        put: &mut dyn FnMut(&ClosedPiece) -> rusqlite::Result<i64>,
    ) -> rusqlite::Result<bool> {
        while let Some(open) = self.open.pop() {
            self.close(open);
        }
        for piece in std::mem::take(&mut self.closed) {
            let id = put(&piece)?;
            self.weight = self.weight.saturating_sub(piece.bytes.len());
            let ClosedPiece { lane, span: PieceSpan { from, to, .. }, is_read, .. } = piece;
            self.stored
                .iter_mut()
                .for_each(|stored| stored.push(StoredPiece { id, lane, from, to, is_read }));
        }
        Ok(self.stored.is_some())
    }

    /// Forgets all but the pieces that are only in the journal. Whether there are any.
    pub(super) fn shrink(&mut self) -> bool {
        let fresh = Self { values: self.values.take(), ..Self::new(self.rule, self.id, self.mark) };
        let mut before = std::mem::replace(self, fresh);
        self.is_used = false;
        while let Some(open) = before.open.pop() {
            before.close(open);
        }
        let mut closed = before.closed;
        for piece in &mut closed {
            piece.is_read = false;
            self.weight += piece.bytes.len();
        }
        self.closed = closed;
        !self.closed.is_empty()
    }
}
