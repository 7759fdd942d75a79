//! The pieces of a group: being written, only in the journal, and in their table.

use rusqlite::{Connection, types::Type};

use super::piece::PieceWriter;

/// What a piece is about, so that windows of many matches read no records, and records no ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceLane {
    /// Ticks and hits.
    Ticks,
    /// Records.
    Records,
    /// Both: the first piece of a day, which for most groups is the only one.
    Both,
}

impl PieceLane {
    /// As the database has it.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Ticks => 0,
            Self::Records => 1,
            Self::Both => 2,
        }
    }

    pub(super) fn of_number(number: i64) -> Self {
        match number {
            0 => Self::Ticks,
            1 => Self::Records,
            _ => Self::Both,
        }
    }

    /// Whether a piece of this lane says something about another one.
    pub(super) fn is_about(self, other: Self) -> bool {
        self == other || self == Self::Both || other == Self::Both
    }
}

/// The time of the changes in a piece, when the last of them arrived, and how many are matches.
#[derive(Clone, Copy, Debug)]
pub(super) struct PieceSpan {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) matches: u64,
    pub(super) arrived: i64,
}

/// A piece that is being written.
#[derive(Debug)]
pub(super) struct OpenPiece {
    pub(super) lane: PieceLane,
    pub(super) day: i64,
    pub(super) writer: PieceWriter,
    pub(super) span: PieceSpan,
    /// The place of its texts among those of the group.
    pub(super) texts: usize,
    /// How many of its bytes are in the journal.
    pub(super) journaled: usize,
    /// What it was before it was continued, if that was not read.
    pub(super) unread: Option<UnreadPart>,
}

/// The part of a piece that was not read.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnreadPart {
    pub(super) bytes: usize,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A piece that is only in the journal.
#[derive(Debug)]
pub(super) struct ClosedPiece {
    pub(super) lane: PieceLane,
    pub(super) day: i64,
    pub(super) bytes: Vec<u8>,
    pub(super) span: PieceSpan,
    pub(super) journaled: usize,
    /// The place of its texts among those of the group, if it was read.
    pub(super) read_as: Option<usize>,
}

impl From<OpenPiece> for ClosedPiece {
    fn from(OpenPiece { lane, day, writer, span, journaled, texts, unread: _ }: OpenPiece) -> Self {
        Self { lane, day, bytes: writer.bytes, span, journaled, read_as: Some(texts) }
    }
}

/// A piece in the table.
#[derive(Debug)]
pub(super) struct StoredPiece {
    pub(super) id: i64,
    pub(super) lane: PieceLane,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) is_read: bool,
}

/// New bytes of a piece.
pub(super) struct PieceGrowth<'g> {
    pub(super) lane: PieceLane,
    pub(super) day: i64,
    /// They continue the last piece of the lane and day.
    pub(super) continues: bool,
    pub(super) span: PieceSpan,
    pub(super) bytes: &'g [u8],
}

/// Hands out the bytes that are not in the journal yet.
pub(super) fn give(
    (lane, day): (PieceLane, i64),
    bytes: &[u8],
    span: PieceSpan,
    journaled: &mut usize,
    each: &mut dyn FnMut(PieceGrowth<'_>),
) {
    if let Some(new) = bytes.get(*journaled..).filter(|new| !new.is_empty()) {
        each(PieceGrowth { lane, day, continues: *journaled > 0, span, bytes: new });
        *journaled = bytes.len();
    }
}

/// The bytes of a piece in the table.
pub(super) fn stored_bytes(connection: &Connection, id: i64) -> rusqlite::Result<Vec<u8>> {
    connection.prepare_cached("SELECT data FROM piece WHERE id = ?1")?.query_row([id], |row| row.get(0))
}

/// A database in which somebody else wrote.
pub(super) fn broken() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, "a piece of matches is broken".into())
}
