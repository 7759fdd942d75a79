//! What correlations know of matches: in memory, in a journal, and in pieces.
//!
//! What a batch adds is one row of the journal. When the journal is large, its pieces move to a table of their own, by group:
//! a group that each batch touches costs a row in some batches and not in each. What is in the journal is also in memory.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    mem,
    sync::Arc,
};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{
    held_group::HeldGroup,
    held_piece::{PieceGrowth, PieceLane, PieceSpan, broken},
    mark::NOTHING_FORGOTTEN,
    piece::{put, put_signed},
    piece_reader::PieceReader,
};

/// The tables of this file. `n` counts matches.
pub(super) const TABLES: &str = "
INSERT INTO counter VALUES ('turn', 0);
CREATE TABLE journal (id INTEGER PRIMARY KEY, arrived INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE piece (
    id INTEGER PRIMARY KEY, rule INTEGER NOT NULL, grp INTEGER NOT NULL, lane INTEGER NOT NULL, from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL, n INTEGER NOT NULL, arrived INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX piece_grp ON piece (rule, grp, lane, from_at, to_at);
CREATE INDEX piece_arrived ON piece (arrived);
CREATE INDEX piece_to ON piece (to_at, rule, n, arrived, from_at);
CREATE TABLE shown_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
";

/// Bytes in the journal before its pieces move. They are read again at each start.
const JOURNAL_BYTES: u64 = 4 << 20;
/// Bytes that groups may take in memory between two batches, as they estimate it.
const MEMORY_BYTES: usize = 32 << 20;
/// What is left of that when it was too much, so that not each batch makes room.
const ROOM_BYTES: usize = 24 << 20;
/// From this on a group is large.
const LARGE_BYTES: usize = 1 << 20;

/// Which groups give way to others.
#[derive(Clone, Copy)]
enum RoomChoice {
    Large,
    Unused,
    Any,
}

/// The groups in memory.
#[derive(Debug, Default)]
pub(super) struct HeldMatches {
    pub(super) groups: HashMap<i64, HeldGroup>,
    /// Groups with alerts that may change.
    pub(super) alerted: HashSet<i64>,
    /// Groups with alerts that have lost a part of their matches.
    pub(super) kept: HashSet<i64>,
    /// The marks of rules that have forgotten something.
    pub(super) marks: HashMap<i64, i64>,
    /// Tables and collectors by their ids.
    pub(super) origins: HashMap<i64, [String; 2]>,
    /// The names of fields that alerts show, by their ids, and the other way round. They are those of rules.
    names: HashMap<u32, Arc<str>>,
    name_ids: HashMap<Arc<str>, u32>,
    /// The last transaction that is known here. `None` while one is open, and after one that failed.
    turn: Option<i64>,
    journal_bytes: u64,
}

impl HeldMatches {
    /// Begins a transaction: what another process has written is read. Whether that was necessary.
    pub(super) fn begin(&mut self, begun: &Connection) -> rusqlite::Result<bool> {
        let turn: i64 = begun
            .prepare_cached("SELECT value FROM counter WHERE name = 'turn'")?
            .query_row([], |row| row.get(0))?;
        let is_stale = self.turn.take() != Some(turn);
        if is_stale {
            self.read(begun)?;
        }
        Ok(is_stale)
    }

    /// Writes what has come, at the end of a transaction. Commit it, and then call [`HeldMatches::committed`].
    pub(super) fn finish(
        &mut self,
        begun: &Transaction<'_>,
        grown: &[i64],
        now: i64,
    ) -> rusqlite::Result<i64> {
        let mut data = Vec::new();
        for id in grown {
            let Some(group) = self.groups.get_mut(id) else { continue };
            let rule = group.rule;
            group.growth(&mut |growth| write_growth(&mut data, rule, *id, &growth));
        }
        if !data.is_empty() {
            self.journal_bytes += data.len() as u64;
            let sql = "INSERT INTO journal (arrived, data) VALUES (?1, ?2)";
            begun.prepare_cached(sql)?.execute(params![now, data])?;
            if self.journal_bytes > JOURNAL_BYTES {
                self.store_pieces(begun)?;
            }
        }
        self.make_room();
        let sql = "UPDATE counter SET value = value + 1 WHERE name = 'turn' RETURNING value";
        begun.prepare_cached(sql)?.query_row([], |row| row.get(0))
    }

    /// The transaction of this number is committed.
    pub(super) fn committed(&mut self, turn: i64) {
        self.turn = Some(turn);
    }

    /// Moves everything in the journal to the table of pieces, for what is done there: no group is in memory after that.
    pub(super) fn spill(&mut self, begun: &Connection) -> rusqlite::Result<()> {
        self.store_pieces(begun)?;
        self.groups.clear();
        Ok(())
    }

    /// Moves everything in the journal to the table of pieces.
    fn store_pieces(&mut self, begun: &Connection) -> rusqlite::Result<()> {
        let mut groups: Vec<(i64, i64)> = self.groups.iter().map(|(id, group)| (group.rule, *id)).collect();
        groups.sort_unstable();
        let sql = "INSERT INTO piece (rule, grp, lane, from_at, to_at, n, arrived, data)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let mut insert = begun.prepare_cached(sql)?;
        for (rule, id) in groups {
            let Entry::Occupied(mut group) = self.groups.entry(id) else { continue };
            let is_of_use = group.get_mut().store(&mut |piece| {
                let PieceSpan { from, to, matches, arrived } = piece.span;
                let (lane, matches) = (piece.lane.number(), matches.cast_signed());
                insert.insert(params![rule, id, lane, from, to, matches, arrived, piece.bytes])
            })?;
            if !is_of_use {
                group.remove();
            }
        }
        drop(insert);
        begun.execute("DELETE FROM journal", [])?;
        self.journal_bytes = 0;
        Ok(())
    }

    /// Forgets groups if they take too much memory: the large ones all at once, because one that is read again fills most of
    /// the room; then those that were not used since this was last necessary, and others as far as it needs. Of each the
    /// pieces remain that are only in the journal.
    fn make_room(&mut self) {
        let mut weight: usize = self.groups.values().map(|group| group.weight).sum();
        if weight <= MEMORY_BYTES {
            return;
        }
        for choice in [RoomChoice::Large, RoomChoice::Unused, RoomChoice::Any] {
            self.groups.retain(|_, group| {
                let goes = match choice {
                    RoomChoice::Large => group.weight >= LARGE_BYTES,
                    RoomChoice::Unused => !mem::take(&mut group.is_used) && weight > ROOM_BYTES,
                    RoomChoice::Any => weight > ROOM_BYTES,
                };
                if !goes {
                    return true;
                }
                weight = weight.saturating_sub(group.weight);
                let is_kept = group.shrink();
                weight += if is_kept { group.weight } else { 0 };
                is_kept
            });
        }
    }

    /// Forgets what is in memory: the next transaction reads it again.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The id of a table and a collector.
    pub(super) fn origin(&mut self, begun: &Connection, names: [&str; 2]) -> rusqlite::Result<i64> {
        let find = "SELECT id FROM origin WHERE (tbl, connector) = (?1, ?2)";
        let found = begun.prepare_cached(find)?.query_row(names, |row| row.get(0)).optional()?;
        match found {
            Some(id) => Ok(id),
            None => {
                let sql = "INSERT INTO origin (tbl, connector) VALUES (?1, ?2)";
                begun.prepare_cached(sql)?.insert(names)
            }
        }
    }

    /// The table and the collector of an id.
    pub(super) fn origin_names(&mut self, begun: &Connection, id: i64) -> rusqlite::Result<&[String; 2]> {
        let place = match self.origins.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let sql = "SELECT tbl, connector FROM origin WHERE id = ?1";
                let mut query = begun.prepare_cached(sql)?;
                let names = query.query_row([id], |row| Ok([row.get(0)?, row.get(1)?])).optional()?;
                place.insert(names.unwrap_or_default())
            }
        };
        Ok(place)
    }

    /// The id of the name of a field that alerts show.
    pub(super) fn name_id(&mut self, begun: &Connection, name: &str) -> rusqlite::Result<u32> {
        if let Some(id) = self.name_ids.get(name) {
            return Ok(*id);
        }
        let sql = "INSERT INTO shown_name (name) VALUES (?1) RETURNING id";
        let id = begun.prepare_cached(sql)?.query_row([name], |row| row.get(0))?;
        self.know_name(id, name.into());
        Ok(id)
    }

    /// The name of an id.
    pub(super) fn name(&self, id: u32) -> &str {
        self.names.get(&id).map_or("", |name| name)
    }

    fn know_name(&mut self, id: u32, name: Arc<str>) {
        self.name_ids.insert(Arc::clone(&name), id);
        self.names.insert(id, name);
    }

    fn read(&mut self, begun: &Connection) -> rusqlite::Result<()> {
        self.forget();
        let mut query = begun.prepare("SELECT id, name FROM shown_name")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            self.know_name(row.get(0)?, row.get::<_, String>(1)?.into());
        }
        let mut query = begun.prepare("SELECT id, mark FROM rule WHERE mark IS NOT NULL")?;
        let marks = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.marks = marks.collect::<rusqlite::Result<_>>()?;
        let mut query = begun.prepare("SELECT DISTINCT grp FROM kept")?;
        self.kept = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut query = begun.prepare("SELECT data FROM journal ORDER BY id")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let data = row.get_ref(0)?.as_blob()?;
            self.journal_bytes += data.len() as u64;
            let taken = read_growth(data, &mut |rule, id, growth| {
                self.group(rule, id).grow(&growth);
            });
            taken.ok_or_else(broken)?;
        }
        for state in ["live", "withdrawn"] {
            let mut query =
                begun.prepare(&format!("SELECT grp FROM alert WHERE {state} = 1 AND grp IS NOT NULL"))?;
            for group in query.query_map([], |row| row.get(0))? {
                self.alerted.insert(group?);
            }
        }
        Ok(())
    }

    /// A group that is known by its id.
    pub(super) fn group(&mut self, rule: i64, id: i64) -> &mut HeldGroup {
        let mark = self.marks.get(&rule).copied().unwrap_or(NOTHING_FORGOTTEN);
        self.groups.entry(id).or_insert_with(|| HeldGroup::new(rule, id, mark))
    }
}

fn write_growth(data: &mut Vec<u8>, rule: i64, id: i64, growth: &PieceGrowth<'_>) {
    let PieceGrowth { lane, day, continues, span, bytes } = growth;
    put(data, rule.unsigned_abs());
    data.extend_from_slice(&id.to_le_bytes());
    put(data, u64::from(*continues));
    for number in [lane.number(), *day, span.from, span.to.wrapping_sub(span.from), span.arrived] {
        put_signed(data, number);
    }
    put(data, span.matches);
    put(data, bytes.len() as u64);
    data.extend_from_slice(bytes);
}

/// `None` if the data are broken.
fn read_growth(data: &[u8], each: &mut dyn FnMut(i64, i64, PieceGrowth<'_>)) -> Option<()> {
    let mut reader = PieceReader { rest: data };
    while !reader.rest.is_empty() {
        let (rule, id) = (reader.number()?.cast_signed(), i64::from_le_bytes(reader.fixed()?));
        let continues = reader.number()? > 0;
        let lane = PieceLane::of_number(reader.signed()?);
        let (day, from) = (reader.signed()?, reader.signed()?);
        let (length, arrived) = (reader.signed()?, reader.signed()?);
        let span = PieceSpan { from, to: from.wrapping_add(length), arrived, matches: reader.number()? };
        let length = reader.number()?;
        each(rule, id, PieceGrowth { lane, day, continues, span, bytes: reader.slice(length)? });
    }
    Some(())
}
