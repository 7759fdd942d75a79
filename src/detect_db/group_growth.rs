//! What is added to a group, and where it goes: to the piece of its day, to the journal, and to the table of pieces.

use super::{
    held_group::HeldGroup,
    held_piece::{ClosedPiece, OpenPiece, PieceGrowth, PieceLane, PieceSpan, StoredPiece, give},
    piece::{PieceEntry, PieceTexts, PieceWriter, ShownPair},
};

/// A piece that has as many bytes is not continued: what a read of it costs is bounded.
const PIECE_BYTES: usize = 16 << 10;
/// The same of one that holds both lanes.
const BOTH_BYTES: usize = 2 << 10;
/// Seconds of event time in one piece at most: it is removed as a whole.
pub(super) const PIECE_SECONDS: i64 = 24 * 60 * 60;
/// Rough sizes in memory, in bytes: of the texts of a piece, and of what writes it.
const TEXTS_WEIGHT: usize = 200;
const WRITER_WEIGHT: usize = 400;
/// The same of what is known of a piece in the table.
const STORED_WEIGHT: usize = 48;

impl HeldGroup {
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
        let before = piece.writer.bytes.len();
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
        // Most of them are texts, which are there twice.
        self.weight += 2 * (piece.writer.bytes.len() - before);
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
        let is_large = |lane: PieceLane, bytes: usize| lane != PieceLane::Both || bytes >= BOTH_BYTES;
        is_small &= !self.open.iter().any(|piece| piece.day == day)
            && !self.closed.iter().any(|piece| piece.day == day && is_large(piece.lane, piece.bytes.len()));
        let lane = if is_small { PieceLane::Both } else { lane };
        let mut texts = PieceTexts::default();
        let writer = PieceWriter::begin(&mut texts, self.values.get_or_insert_default());
        self.texts.push(texts);
        self.weight += TEXTS_WEIGHT + WRITER_WEIGHT;
        let span = PieceSpan { from: at, to: at, matches: 0, arrived: now };
        self.open.push(OpenPiece { lane, day, writer, span, texts: self.texts.len() - 1, journaled: 0 });
        self.open.len() - 1
    }

    fn close(&mut self, open: OpenPiece) {
        self.weight = self.weight.saturating_sub(WRITER_WEIGHT);
        self.closed.push(open.into());
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
        let closed = std::mem::take(&mut self.closed);
        let open = std::mem::take(&mut self.open);
        self.weight = self.weight.saturating_sub(WRITER_WEIGHT * open.len());
        for piece in closed.into_iter().chain(open.into_iter().map(ClosedPiece::from)) {
            let id = put(&piece)?;
            self.weight = self.weight.saturating_sub(piece.bytes.len());
            let ClosedPiece { lane, span: PieceSpan { from, to, .. }, is_read, .. } = piece;
            self.stored
                .iter_mut()
                .for_each(|stored| stored.push(StoredPiece { id, lane, from, to, is_read }));
        }
        Ok(self.stored.is_some())
    }

    /// Whether nothing more of it can be forgotten: it has only pieces that are in the journal.
    pub(super) fn is_bare(&self) -> bool {
        self.texts.is_empty() && self.open.is_empty() && !self.closed.is_empty()
    }

    /// Forgets all but the pieces that are only in the journal. Whether there are any.
    pub(super) fn shrink(&mut self) -> bool {
        if self.open.is_empty() && self.closed.is_empty() {
            return false;
        }
        let fresh = Self { values: self.values.take(), ..Self::new(self.rule, self.id, self.mark, true) };
        let mut before = std::mem::replace(self, fresh);
        self.is_used = false;
        while let Some(open) = before.open.pop() {
            before.close(open);
        }
        (self.closed, self.stored) = (before.closed, before.stored);
        for piece in &mut self.closed {
            piece.is_read = false;
            self.weight += piece.bytes.len();
        }
        for piece in self.stored.iter_mut().flatten() {
            piece.is_read = false;
            self.weight += STORED_WEIGHT;
        }
        self.find_unread();
        !self.closed.is_empty()
    }
}
