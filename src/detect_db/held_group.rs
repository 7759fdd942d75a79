//! One group in memory: the pieces that were read, summed up, and those that are being written.

use std::{cell::Cell, collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use rusqlite::Connection;

use super::{
    group_record::{CarriedRecord, GroupRecord, SHOWN_BROUGHT},
    held_piece::{
        ClosedPiece, OpenPiece, PieceGrowth, PieceLane, PieceSpan, StoredPiece, broken, give, stored_bytes,
    },
    piece::{GroupValues, PieceEntry, PieceTexts, PieceWriter},
    piece_reader::read_piece,
};
use crate::detect::episodes::TickValue;

/// A piece that has as many bytes is not continued: what a read of it costs is bounded.
const PIECE_BYTES: usize = 16 << 10;
/// Seconds of event time in one piece at most: it is removed as a whole.
pub(super) const PIECE_SECONDS: i64 = 24 * 60 * 60;
/// Rough sizes in memory, in bytes: of a group, a record, and a tick.
const GROUP_WEIGHT: usize = 3_000;
const RECORD_WEIGHT: usize = 300;
const TICK_WEIGHT: usize = 120;

/// No seconds.
const NOTHING: (i64, i64) = (i64::MAX, i64::MIN);

/// One group of a correlation.
#[derive(Debug)]
pub(super) struct HeldGroup {
    /// The correlation in the database.
    pub(super) rule: i64,
    id: i64,
    /// What happened up to here is forgotten; a piece may still have some of it.
    mark: i64,
    values: Option<GroupValues>,
    /// Those in the table, once they were looked up.
    stored: Option<Vec<StoredPiece>>,
    closed: Vec<ClosedPiece>,
    open: Vec<OpenPiece>,
    texts: Vec<PieceTexts>,
    /// Between these seconds are the pieces of each lane that were not read; the first is after the last if there are none.
    unread: [(i64, i64); 2],
    /// It has bytes that are not in the journal.
    pub(super) has_grown: bool,
    /// How many equal ticks there are, by second, input and value.
    pub(super) ticks: BTreeMap<(i64, u32, TickValue), i64>,
    pub(super) records: BTreeMap<(i64, Box<str>), GroupRecord>,
    /// Hits by the group and input in which they count.
    pub(super) hits: BTreeMap<(i64, u32, i64), i64>,
    /// About how much memory it takes.
    pub(super) weight: usize,
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
            ticks: BTreeMap::new(),
            records: BTreeMap::new(),
            hits: BTreeMap::new(),
            weight: GROUP_WEIGHT,
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
    pub(super) fn know(&mut self, values: GroupValues) {
        self.values.get_or_insert(values);
    }

    /// Reads what a lane says of these seconds.
    pub(super) fn ensure(
        &mut self,
        connection: &Connection,
        lane: PieceLane,
        seconds: RangeInclusive<i64>,
        rows_read: &Cell<u64>,
    ) -> rusqlite::Result<()> {
        self.look_up(connection)?;
        let meets = |from: i64, to: i64| from <= *seconds.end() && *seconds.start() <= to;
        let (first, last) = self.unread_of(lane);
        if !meets(first, last) {
            return Ok(());
        }
        for place in 0..self.closed.len() {
            let piece = &mut self.closed[place];
            if !piece.is_read && piece.lane == lane && meets(piece.span.from, piece.span.to) {
                piece.is_read = true;
                let bytes = std::mem::take(&mut piece.bytes);
                let read = self.take_in(&bytes, rows_read);
                self.closed[place].bytes = bytes;
                read?;
            }
        }
        for place in 0..self.stored.as_ref().map_or(0, Vec::len) {
            let Some(piece) = self.stored.as_mut().and_then(|stored| stored.get_mut(place)) else { break };
            if !piece.is_read && piece.lane == lane && meets(piece.from, piece.to) {
                piece.is_read = true;
                let bytes = stored_bytes(connection, piece.id)?;
                self.take_in(&bytes, rows_read)?;
            }
        }
        self.find_unread();
        Ok(())
    }

    fn find_unread(&mut self) {
        let closed = self.closed.iter().filter(|piece| !piece.is_read);
        let closed = closed.map(|piece| (piece.lane, piece.span.from, piece.span.to));
        let stored = self.stored.iter().flatten().filter(|piece| !piece.is_read);
        let stored = stored.map(|piece| (piece.lane, piece.from, piece.to));
        let mut unread = [NOTHING; 2];
        for (lane, from, to) in closed.chain(stored) {
            let all = match lane {
                PieceLane::Ticks => &mut unread[0],
                PieceLane::Records => &mut unread[1],
            };
            *all = (all.0.min(from), all.1.max(to));
        }
        self.unread = unread;
    }

    fn unread_of(&self, lane: PieceLane) -> (i64, i64) {
        let [ticks, records] = self.unread;
        match lane {
            PieceLane::Ticks => ticks,
            PieceLane::Records => records,
        }
    }

    /// Whether no tick of it is left to read.
    pub(super) fn has_all_ticks(&self) -> bool {
        self.stored.is_some() && self.unread_of(PieceLane::Ticks) == NOTHING
    }

    /// The first and the last second of its pieces, read or not.
    pub(super) fn extent(&mut self, connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
        self.look_up(connection)?;
        let closed = self.closed.iter().map(|piece| (piece.span.from, piece.span.to));
        let open = self.open.iter().map(|piece| (piece.span.from, piece.span.to));
        let stored = self.stored.iter().flatten().map(|piece| (piece.from, piece.to));
        Ok(closed.chain(open).chain(stored).reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))))
    }

    fn look_up(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.stored.is_none() {
            let sql = "SELECT id, lane, from_at, to_at FROM piece WHERE rule = ?1 AND grp = ?2";
            let mut query = connection.prepare_cached(sql)?;
            let found = query.query_map([self.rule, self.id], |row| {
                let lane = PieceLane::of_number(row.get(1)?);
                Ok(StoredPiece { id: row.get(0)?, lane, from: row.get(2)?, to: row.get(3)?, is_read: false })
            })?;
            self.stored = Some(found.collect::<rusqlite::Result<_>>()?);
            self.find_unread();
        }
        Ok(())
    }

    fn take_in(&mut self, bytes: &[u8], rows_read: &Cell<u64>) -> rusqlite::Result<()> {
        let place = self.texts.len();
        let (mut count, mark) = (0, self.mark);
        let read = read_piece(bytes, &mut |entry| {
            count += 1;
            if entry.at() > mark {
                self.apply(&entry, place);
            }
        });
        rows_read.set(rows_read.get() + count);
        let Some((values, texts)) = read else { return Err(broken()) };
        self.values.get_or_insert(values);
        self.texts.push(texts);
        self.weight += bytes.len();
        Ok(())
    }

    fn apply(&mut self, entry: &PieceEntry<'_>, texts: usize) {
        let texts = u32::try_from(texts).unwrap_or(u32::MAX);
        match entry {
            PieceEntry::Match { at, record, origin, shown, input } => {
                let known = self.record(*at, record, *origin);
                known.inputs |= 1 << input.min(&127);
                known.shown.push((*input, texts, *shown));
            }
            PieceEntry::Brought { at, record, origin, shown, by } => {
                let known = self.record(*at, record, *origin);
                known.brought += by;
                if *by > 0 {
                    known.shown.push((SHOWN_BROUGHT, texts, *shown));
                }
                if known.brought == 0 && known.inputs == 0 {
                    self.records.remove(&(*at, Box::from(*record)));
                }
            }
            PieceEntry::Hit { at, parent, input, by } => {
                let count = self.hits.entry((*parent, *input, *at)).or_default();
                self.weight += if *count == 0 { TICK_WEIGHT } else { 0 };
                *count += by;
                if *count == 0 {
                    self.hits.remove(&(*parent, *input, *at));
                }
            }
            PieceEntry::Tick { at, input, value, by } => self.tick(*at, *input, value.clone(), *by),
        }
    }

    fn tick(&mut self, at: i64, input: u32, value: TickValue, by: i64) {
        let key = (at, input, value);
        match self.ticks.get_mut(&key) {
            Some(count) => {
                *count += by;
                if *count == 0 {
                    self.ticks.remove(&key);
                }
            }
            None => {
                self.weight += TICK_WEIGHT;
                self.ticks.insert(key, by);
            }
        }
    }

    fn record(&mut self, at: i64, record: &str, origin: i64) -> &mut GroupRecord {
        let weight = &mut self.weight;
        self.records.entry((at, record.into())).or_insert_with(|| {
            *weight += RECORD_WEIGHT;
            GroupRecord { origin, ..GroupRecord::default() }
        })
    }

    /// Adds a change, in memory and to the piece of its day.
    pub(super) fn add<'s>(
        &mut self,
        entry: PieceEntry<'_>,
        pairs: impl Iterator<Item = (&'s str, &'s str)> + Clone,
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
        let found = self.open.iter().position(|piece| piece.lane == lane && piece.day == day);
        if let Some(place) = found {
            if self.open[place].writer.bytes.len() < PIECE_BYTES {
                return place;
            }
            let full = self.open.swap_remove(place);
            self.close(full);
        }
        let writer = PieceWriter::begin(self.values.get_or_insert_default());
        self.texts.push(PieceTexts::default());
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

    /// The pieces that are only in the journal; the group is not usable after that.
    pub(super) fn into_pieces(mut self) -> Vec<ClosedPiece> {
        while let Some(open) = self.open.pop() {
            self.close(open);
        }
        self.closed
    }

    /// Forgets all but the pieces that are only in the journal. Whether there are any.
    pub(super) fn shrink(&mut self) -> bool {
        let fresh = Self { values: self.values.take(), ..Self::new(self.rule, self.id, self.mark) };
        let mut closed = std::mem::replace(self, fresh).into_pieces();
        for piece in &mut closed {
            piece.is_read = false;
            self.weight += piece.bytes.len();
        }
        self.closed = closed;
        !self.closed.is_empty()
    }

    /// A record with everything that is known of it.
    pub(super) fn carried(&self, at: i64, record: &str) -> Option<CarriedRecord> {
        let key = (at, Box::from(record));
        let known = self.records.get(&key)?;
        let shown = self.shown(known).map(|(name, value)| (Arc::clone(name), Arc::clone(value))).collect();
        Some(CarriedRecord { at, record: key.1, origin: known.origin, shown })
    }

    /// What a record shows.
    pub(super) fn shown(&self, record: &GroupRecord) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        let mut places = record.shown.clone();
        places.sort_unstable();
        places.into_iter().flat_map(|(_, texts, place)| {
            self.texts.get(texts as usize).into_iter().flat_map(move |texts| texts.shown(place))
        })
    }

    /// The records of these seconds, in order of time and id.
    pub(super) fn records_between(
        &self,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (i64, &str, &GroupRecord)> {
        let from = self.records.range((from, Box::from(""))..);
        let inside = from.take_while(move |((at, _), _)| *at <= to);
        inside.filter(|(_, record)| record.exists()).map(|((at, id), record)| (*at, &**id, record))
    }
}
