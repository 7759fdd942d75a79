//! Which pieces of a group are read: no more than windows and alerts ask for.

use std::{cell::Cell, ops::RangeInclusive};

use rusqlite::Connection;

use super::{
    held_group::{HeldGroup, NOTHING},
    held_piece::{ClosedPiece, PieceLane, StoredPiece, UnreadPart, broken, stored_bytes},
    piece::PieceTexts,
    piece_reader::{ReadPiece, piece_values, read_piece},
};

impl HeldGroup {
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
        for place in 0..self.contents.as_ref().map_or(0, |contents| contents.open.len()) {
            let piece = &self.contents().open[place];
            let lane_of = piece.lane;
            if piece.unread.is_some_and(|part| lane_of.is_about(lane) && meets(part.from, part.to)) {
                let count = self.read_open(place);
                rows_read.set(rows_read.get() + count);
            }
        }
        for place in 0..self.closed.len() {
            let piece = &mut self.closed[place];
            let is_read = piece.read_as.is_some();
            if !is_read && piece.lane.is_about(lane) && meets(piece.span.from, piece.span.to) {
                let bytes = std::mem::take(&mut piece.bytes);
                let read = self.take_in(&bytes, rows_read);
                let piece = &mut self.closed[place];
                piece.bytes = bytes;
                piece.read_as = Some(read?);
            }
        }
        for place in 0..self.stored.as_ref().map_or(0, Vec::len) {
            let Some(piece) = self.stored.as_mut().and_then(|stored| stored.get_mut(place)) else { break };
            if !piece.is_read && piece.lane.is_about(lane) && meets(piece.from, piece.to) {
                piece.is_read = true;
                let bytes = stored_bytes(connection, piece.id)?;
                self.take_in(&bytes, rows_read)?;
            }
        }
        self.find_unread();
        Ok(())
    }

    pub(super) fn find_unread(&mut self) {
        let all = |lane| {
            let spans = self.unread_spans(lane);
            spans.fold(NOTHING, |all, (from, to)| (all.0.min(from), all.1.max(to)))
        };
        self.unread = [all(PieceLane::Ticks), all(PieceLane::Records)];
    }

    fn unread_of(&self, lane: PieceLane) -> (i64, i64) {
        let [ticks, records] = self.unread;
        match lane {
            PieceLane::Ticks => ticks,
            PieceLane::Records => records,
            PieceLane::Both => (ticks.0.min(records.0), ticks.1.max(records.1)),
        }
    }

    /// Reads what a lane says of a second. Returns the last second, at most `to`, up to which nothing more must be read: of a
    /// long stretch no more is read than is asked for.
    pub(super) fn known_after(
        &mut self,
        connection: &Connection,
        lane: PieceLane,
        [from, to]: [i64; 2],
        rows_read: &Cell<u64>,
    ) -> rusqlite::Result<i64> {
        self.ensure(connection, lane, from..=from, rows_read)?;
        let (first, last) = self.unread_of(lane);
        if first > to || last < from {
            return Ok(to);
        }
        let next = self.unread_spans(lane).map(|(first, _)| first).filter(|first| *first > from).min();
        Ok(next.map_or(to, |next| to.min(next - 1)))
    }

    /// The same backwards from the end: the first second, at least `from`.
    pub(super) fn known_before(
        &mut self,
        connection: &Connection,
        lane: PieceLane,
        [from, to]: [i64; 2],
        rows_read: &Cell<u64>,
    ) -> rusqlite::Result<i64> {
        self.ensure(connection, lane, to..=to, rows_read)?;
        let (first, last) = self.unread_of(lane);
        if first > to || last < from {
            return Ok(from);
        }
        let next = self.unread_spans(lane).map(|(_, last)| last).filter(|last| *last < to).max();
        Ok(next.map_or(from, |next| from.max(next + 1)))
    }

    /// The first and the last second of each piece of a lane that was not read.
    fn unread_spans(&self, lane: PieceLane) -> impl Iterator<Item = (i64, i64)> {
        let is_unread = move |piece: &&ClosedPiece| piece.read_as.is_none() && piece.lane.is_about(lane);
        let closed = self.closed.iter().filter(is_unread);
        let closed = closed.map(|piece| (piece.span.from, piece.span.to));
        let stored = self.stored.iter().flatten();
        let stored = stored.filter(move |piece| !piece.is_read && piece.lane.is_about(lane));
        let open = self.contents.iter().flat_map(|contents| &contents.open);
        let open = open.filter(move |piece| piece.lane.is_about(lane)).filter_map(|piece| piece.unread);
        let open = open.map(|part| (part.from, part.to));
        closed.chain(stored.map(|piece| (piece.from, piece.to))).chain(open)
    }

    /// The first and the last second of its pieces, read or not.
    pub(super) fn extent(&mut self, connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
        self.look_up(connection)?;
        let closed = self.closed.iter().map(|piece| (piece.span.from, piece.span.to));
        let open = self.contents.iter().flat_map(|contents| &contents.open);
        let open = open.map(|piece| (piece.span.from, piece.span.to));
        let stored = self.stored.iter().flatten().map(|piece| (piece.from, piece.to));
        Ok(closed.chain(open).chain(stored).reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))))
    }

    pub(super) fn look_up(&mut self, connection: &Connection) -> rusqlite::Result<()> {
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

    /// Takes a piece in. Returns the place of its texts.
    fn take_in(&mut self, bytes: &[u8], rows_read: &Cell<u64>) -> rusqlite::Result<usize> {
        let spare = self.contents().spare_texts();
        let place = self.contents().texts.len();
        let (mut count, mark) = (0, self.mark);
        let read = read_piece(bytes, spare, &mut |entry| {
            count += 1;
            if entry.at() > mark {
                self.apply(&entry, place);
            }
        });
        rows_read.set(rows_read.get() + count);
        let Some(ReadPiece { texts, .. }) = read else { return Err(broken()) };
        if self.values.is_none() {
            self.values = piece_values(bytes);
        }
        Ok(self.put_texts(texts))
    }

    /// Takes in what a piece that is continued was before. It was read once, so it is not broken. Returns how many changes
    /// that are.
    pub(super) fn read_open(&mut self, place: usize) -> u64 {
        let piece = &mut self.contents().open[place];
        let Some(UnreadPart { bytes: length, .. }) = piece.unread.take() else { return 0 };
        let (texts, bytes) = (piece.texts, std::mem::take(&mut piece.writer.bytes));
        let (mut count, mark) = (0, self.mark);
        read_piece(&bytes[..length], PieceTexts::default(), &mut |entry| {
            count += 1;
            if entry.at() > mark {
                self.apply(&entry, texts);
            }
        });
        self.contents().open[place].writer.bytes = bytes;
        count
    }
}
