//! What is added to a group, and where it goes: to a piece of its days, to the journal, and to the table of pieces.

use super::{
    held_group::{HeldGroup, STORED_WEIGHT},
    held_piece::{ClosedPiece, OpenPiece, PieceGrowth, PieceLane, PieceSpan, StoredPiece, UnreadPart, give},
    piece::{PieceEntry, PieceTexts, PieceWriter, ShownPair},
    piece_reader::{ReadPiece, read_piece},
    retain::DAY_SECONDS,
};

/// A piece that has as many bytes is not continued: what a read of it costs is bounded.
const PIECE_BYTES: usize = 16 << 10;
/// The same of one that holds both lanes.
const BOTH_BYTES: usize = 2 << 10;

impl HeldGroup {
    /// Adds a change, in memory and to a piece of its days.
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
        let contents = self.contents();
        let piece = &mut contents.open[place];
        let place = piece.texts;
        let texts = &mut contents.texts[place];
        let before = piece.writer.heap_bytes() + texts.heap_bytes();
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
        let more = piece.writer.heap_bytes() + texts.heap_bytes() - before;
        self.weight += more;
        self.has_grown = true;
        self.apply(&entry, place);
    }

    /// The piece to which changes of this second are added.
    fn open_piece(&mut self, lane: PieceLane, at: i64, now: i64) -> usize {
        let days = PieceDays::of(at, self.piece_seconds);
        let contents = self.contents();
        let found = contents.open.iter().position(|piece| days.are_of(piece.lane, piece.day, lane));
        let mut is_small = true;
        match found {
            Some(place) => {
                let piece = &contents.open[place];
                if !is_full(piece.lane, piece.writer.bytes.len()) {
                    return place;
                }
                self.read_open(place);
                self.close(place);
                is_small = false;
            }
            None => {
                if let Some(place) = self.reopen_piece(lane, days) {
                    return place;
                }
            }
        }
        // The group is small until a piece of both lanes is full.
        let is_large = |piece: &ClosedPiece| match piece.lane {
            PieceLane::Both => piece.day == days.first && is_full(piece.lane, piece.bytes.len()),
            PieceLane::Ticks | PieceLane::Records => days.have(piece.day),
        };
        is_small &= !self.closed.iter().any(is_large);
        let contents = self.contents();
        is_small &= !contents.open.iter().any(|piece| days.have(piece.day));
        let lane = if is_small { PieceLane::Both } else { lane };
        let mut texts = contents.spare_texts();
        let writer = PieceWriter::begin(&mut texts, self.values.get_or_insert_default());
        let span = PieceSpan { from: at, to: at, matches: 0, arrived: now };
        let (texts, day) = (self.put_texts(texts), days.key(lane));
        self.put_open(OpenPiece { lane, day, writer, span, texts, journaled: 0, unread: None })
    }

    /// Continues the last piece of a lane and its days that is only in the journal, if there is one and it has room.
    fn reopen_piece(&mut self, lane: PieceLane, days: PieceDays) -> Option<usize> {
        let place = self.closed.iter().rposition(|piece| days.are_of(piece.lane, piece.day, lane))?;
        let piece = self.closed.get_mut(place)?;
        if is_full(piece.lane, piece.bytes.len()) {
            return None;
        }
        let bytes = std::mem::take(&mut piece.bytes);
        let spare = self.contents().spare_texts();
        let Some(ReadPiece { texts, at, record }) = read_piece(&bytes, spare, &mut |_| {}) else {
            self.closed[place].bytes = bytes;
            return None;
        };
        let ClosedPiece { lane, day, span, journaled, read_as, .. } = self.closed.remove(place);
        self.weight = self.weight.saturating_sub(bytes.capacity());
        let part = UnreadPart { bytes: bytes.len(), from: span.from, to: span.to };
        let writer = PieceWriter::resume(bytes, &texts, at, &record);
        // What was read is in use with the same texts.
        let (texts, unread) = match read_as {
            Some(place) => (place, None),
            None => (self.put_texts(texts), Some(part)),
        };
        Some(self.put_open(OpenPiece { lane, day, writer, span, texts, journaled, unread }))
    }

    fn put_open(&mut self, piece: OpenPiece) -> usize {
        let heap = piece.writer.heap_bytes();
        let open = &mut self.contents().open;
        open.push(piece);
        let (place, has_room) = (open.len() - 1, open.len() == 1);
        self.weight += heap + if has_room { 0 } else { size_of::<OpenPiece>() };
        place
    }

    /// Ends a piece: of what it takes in memory only its bytes remain.
    fn close(&mut self, place: usize) {
        let open = &mut self.contents().open;
        let piece = open.remove(place);
        let own = if open.is_empty() { 0 } else { size_of::<OpenPiece>() };
        let heap = piece.writer.heap_bytes();
        let piece = ClosedPiece::from(piece);
        self.weight = self.weight.saturating_sub(own + heap - piece.bytes.capacity());
        self.closed.push(piece);
    }

    pub(super) fn put_texts(&mut self, read: PieceTexts) -> usize {
        let heap = read.heap_bytes();
        let texts = &mut self.contents().texts;
        texts.push(read);
        let (place, has_room) = (texts.len() - 1, texts.len() == 1);
        self.weight += heap + if has_room { 0 } else { size_of::<PieceTexts>() };
        place
    }

    /// What has come since the last call.
    pub(super) fn growth(&mut self, each: &mut dyn FnMut(PieceGrowth<'_>)) {
        self.has_grown = false;
        for ClosedPiece { lane, day, bytes, span, journaled, .. } in &mut self.closed {
            give((*lane, *day), bytes, *span, journaled, each);
        }
        for piece in self.contents.iter_mut().flat_map(|contents| &mut contents.open) {
            let OpenPiece { lane, day, writer, span, journaled, .. } = piece;
            give((*lane, *day), &writer.bytes, *span, journaled, each);
        }
    }

    /// Takes growth in that another process wrote, or this one in an earlier run.
    pub(super) fn grow(&mut self, growth: &PieceGrowth<'_>) {
        let PieceGrowth { lane, day, continues, span, bytes } = growth;
        let is_same = |piece: &&mut ClosedPiece| (piece.lane, piece.day) == (*lane, *day) && *continues;
        let last = self.closed.iter_mut().rev().find(is_same);
        let more = match last {
            Some(piece) => {
                let before = piece.bytes.capacity();
                piece.bytes.extend_from_slice(bytes);
                (piece.span, piece.journaled) = (*span, piece.bytes.len());
                piece.bytes.capacity() - before
            }
            None => {
                self.closed.push(ClosedPiece {
                    lane: *lane,
                    day: *day,
                    bytes: bytes.to_vec(),
                    span: *span,
                    journaled: bytes.len(),
                    read_as: None,
                });
                bytes.len()
            }
        };
        self.weight += more;
        if self.stored.is_some() {
            self.find_unread();
        }
    }

    /// Moves the pieces that are only in the journal to their table, by `put`, which returns the id of each there. Whether the
    /// group is of use after that: of one whose pieces were never looked up it is not known which of them it has read.
    pub(super) fn store(
        &mut self,
        put: &mut dyn FnMut(&ClosedPiece) -> rusqlite::Result<i64>,
    ) -> rusqlite::Result<bool> {
        while self.contents.as_ref().is_some_and(|contents| !contents.open.is_empty()) {
            self.read_open(0);
            self.close(0);
        }
        for piece in std::mem::take(&mut self.closed) {
            let id = put(&piece)?;
            self.weight = self.weight.saturating_sub(piece.bytes.capacity());
            let ClosedPiece { lane, span: PieceSpan { from, to, .. }, read_as, .. } = piece;
            let is_read = read_as.is_some();
            self.weight += STORED_WEIGHT;
            self.stored
                .iter_mut()
                .for_each(|stored| stored.push(StoredPiece { id, lane, from, to, is_read }));
        }
        Ok(self.stored.is_some())
    }
}

/// The days whose changes share a piece. In a large group that is one day, so that sources that are days apart do not read
/// each other's pieces.
#[derive(Clone, Copy)]
struct PieceDays {
    day: i64,
    first: i64,
    after: i64,
}

impl PieceDays {
    /// Those of a second, in pieces of this length.
    fn of(at: i64, piece_seconds: i64) -> Self {
        let length = piece_seconds / DAY_SECONDS;
        let first = at.div_euclid(piece_seconds).saturating_mul(length);
        Self { day: at.div_euclid(DAY_SECONDS), first, after: first.saturating_add(length) }
    }

    /// The day by which a piece of a lane is known.
    fn key(self, lane: PieceLane) -> i64 {
        if lane == PieceLane::Both { self.first } else { self.day }
    }

    /// Whether a piece is one of these days that says something about a lane.
    fn are_of(self, piece: PieceLane, day: i64, lane: PieceLane) -> bool {
        piece.is_about(lane) && day == self.key(piece)
    }

    /// Whether a day is one of them.
    fn have(self, day: i64) -> bool {
        (self.first..self.after).contains(&day)
    }
}

/// Whether a piece of so many bytes is not continued.
fn is_full(lane: PieceLane, bytes: usize) -> bool {
    bytes >= if lane == PieceLane::Both { BOTH_BYTES } else { PIECE_BYTES }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{
        super::{held::TABLES, mark::NOTHING_FORGOTTEN},
        *,
    };

    const SQL: &str = "INSERT INTO piece (rule, grp, lane, from_at, to_at, n, arrived, data)
                       VALUES (1, 2, ?1, ?2, ?3, 0, 0, ?4)";

    #[test]
    fn a_group_that_stays_in_use_weighs_about_what_it_weighs_when_it_was_read_again() {
        // Many pieces at once; and one after the other, each with many texts.
        for (count, seconds, tenths) in [(2_000, -DAY_SECONDS, 3), (20_000, 1, 1)] {
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            connection.execute_batch("CREATE TABLE counter (name TEXT, value INTEGER)").unwrap();
            connection.execute_batch(TABLES).unwrap();
            let mut group = HeldGroup::new([1, 2], NOTHING_FORGOTTEN, DAY_SECONDS, false);
            group.know(&[Some("ann".into())]);
            for number in 0..count {
                let (at, record) = (number * seconds, format!("log-{number}"));
                let entry = PieceEntry::Match { at, record: &record, origin: 1, shown: 0, input: 0 };
                let shown = format!("value {number}");
                group.add(entry, [(1, &*shown)].into_iter(), at);
            }
            let mut put = |piece: &ClosedPiece| {
                let PieceSpan { from, to, .. } = piece.span;
                connection.execute(SQL, (piece.lane.number(), from, to, &piece.bytes))?;
                Ok(connection.last_insert_rowid())
            };
            group.store(&mut put).unwrap();
            let in_use = group.weight;
            group.shrink();
            let all = i64::MIN..=i64::MAX;
            group.ensure(&connection, PieceLane::Both, all, &Cell::default()).unwrap();
            let (least, most) = (group.weight / 10 * 9, group.weight / 10 * (10 + tenths));
            assert!((least..=most).contains(&in_use), "{count}: {in_use} {}", group.weight);
        }
    }
}
