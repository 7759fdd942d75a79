//! One group in memory. Most of the time it is only its pieces; what they say is in its contents while it is in use.
//! `group_reading` has what is read of it, `group_growth` what is added to it.

use std::borrow::Cow;

use rusqlite::Connection;
use smallvec::SmallVec;

use super::{
    group_contents::{GroupContents, SpareContents},
    held_piece::{ClosedPiece, StoredPiece, stored_bytes},
    piece::{GroupValues, PieceEntry},
    piece_reader::piece_values,
};

/// Bytes that a group without contents takes in memory, and what is known of a piece in the table, about.
const GROUP_WEIGHT: usize = 350;
pub(super) const STORED_WEIGHT: usize = 48;

/// A group whose pieces are no larger together loses its contents after each batch: reading them again costs less than the
/// memory of many such groups.
const REST_BYTES: usize = 1 << 10;

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
    /// The length of its pieces in seconds of event time.
    pub(super) piece_seconds: i64,
    pub(super) values: Option<GroupValues>,
    /// Those in the table, once they were looked up.
    pub(super) stored: Option<Vec<StoredPiece>>,
    /// Of most groups it is one at most.
    pub(super) closed: SmallVec<[ClosedPiece; 1]>,
    /// Between these seconds are the pieces of each lane that were not read; the first is after the last if there are none.
    pub(super) unread: [(i64, i64); 2],
    /// It has bytes that are not in the journal.
    pub(super) has_grown: bool,
    /// What was read of it and added to it, while it is in use.
    pub(super) contents: Option<Box<GroupContents>>,
    /// About how much memory it takes.
    pub(super) weight: usize,
    /// Something was asked of it since that was last reset.
    pub(super) is_used: bool,
}

impl HeldGroup {
    /// One of which nothing is known but whether it may have pieces in their table.
    pub(super) fn new([rule, id]: [i64; 2], mark: i64, piece_seconds: i64, may_have_stored: bool) -> Self {
        Self {
            rule,
            id,
            mark,
            piece_seconds,
            values: None,
            stored: if may_have_stored { None } else { Some(Vec::new()) },
            closed: SmallVec::new(),
            unread: [NOTHING; 2],
            has_grown: false,
            contents: None,
            weight: GROUP_WEIGHT,
            is_used: true,
        }
    }

    /// Its contents: empty ones if nothing was read of it.
    pub(super) fn contents(&mut self) -> &mut GroupContents {
        self.weight += if self.contents.is_some() { 0 } else { size_of::<GroupContents>() };
        self.contents.get_or_insert_default()
    }

    /// It is in use again, with this memory for its contents.
    pub(super) fn wake(&mut self, spare: &mut SpareContents) {
        if self.contents.is_none() {
            self.contents = spare.pop();
            self.weight += if self.contents.is_some() { size_of::<GroupContents>() } else { 0 };
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
            self.values = piece_values(&bytes);
        }
        Ok(self.values.get_or_insert_default())
    }

    /// Its values are these.
    pub(super) fn know(&mut self, values: &[Option<Cow<'_, str>>]) {
        self.is_used = true;
        let owned = || values.iter().map(|value| value.as_deref().map(str::to_owned)).collect();
        self.values.get_or_insert_with(owned);
    }

    /// Takes a change in whose texts have this place among those of the group.
    pub(super) fn apply(&mut self, entry: &PieceEntry<'_>, texts: usize) {
        let more = self.contents().apply(entry, texts);
        self.weight += more;
    }

    /// Whether its contents can be read again for little.
    pub(super) fn is_read_easily(&self) -> bool {
        let open = self.contents.iter().flat_map(|contents| &contents.open);
        let bytes = open
            .map(|piece| piece.writer.bytes.len())
            .chain(self.closed.iter().map(|piece| piece.bytes.len()));
        bytes.sum::<usize>() <= REST_BYTES && !self.stored.iter().flatten().any(|piece| piece.is_read)
    }

    /// Forgets its contents, and hands out their memory. Its pieces remain.
    pub(super) fn rest(&mut self) -> Option<Box<GroupContents>> {
        let mut contents = self.contents.take()?;
        self.closed.extend(contents.open.drain(..).map(ClosedPiece::from));
        let values = self.values.iter().flatten().flatten();
        self.weight = GROUP_WEIGHT + values.map(String::len).sum::<usize>();
        for piece in &mut self.closed {
            piece.read_as = None;
            self.weight += piece.bytes.capacity();
        }
        for piece in self.stored.iter_mut().flatten() {
            piece.is_read = false;
            self.weight += STORED_WEIGHT;
        }
        self.find_unread();
        contents.clear();
        Some(contents)
    }

    /// Whether nothing more of it can be forgotten: it has only pieces that are in the journal.
    pub(super) fn is_bare(&self) -> bool {
        self.contents.is_none() && !self.closed.is_empty()
    }

    /// Forgets all but the pieces that are only in the journal. Whether there are any.
    pub(super) fn shrink(&mut self) -> bool {
        self.rest();
        self.is_used = false;
        !self.closed.is_empty()
    }
}
