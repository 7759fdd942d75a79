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
    group_contents::SpareContents,
    group_map::GroupMap,
    held_group::HeldGroup,
    held_piece::{PieceGrowth, PieceLane, PieceSpan, broken},
    mark::NOTHING_FORGOTTEN,
    piece::{put, put_signed},
    piece_reader::PieceReader,
    retain::DAY_SECONDS,
    stored_groups::StoredGroups,
};

/// The tables of this file. `n` counts matches.
pub(super) const TABLES: &str = "
INSERT INTO counter VALUES ('turn', 0), ('arrived', 0);
CREATE TABLE journal (id INTEGER PRIMARY KEY, arrived INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE piece (
    id INTEGER PRIMARY KEY, rule INTEGER NOT NULL, grp INTEGER NOT NULL, lane INTEGER NOT NULL, from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL, n INTEGER NOT NULL, arrived INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX piece_grp ON piece (rule, grp, lane, from_at, to_at);
CREATE INDEX piece_to ON piece (to_at, rule, n, arrived, from_at);
CREATE TABLE shown_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
";

/// Bytes that groups may take in memory between two batches, as they estimate it, unless something else is asked for.
const MEMORY_BYTES: usize = 32 << 20;
/// Groups whose contents find memory that others have left.
const SPARE_MAX: usize = 1_000;

/// How much of anything there may be, all of it a part of what groups may take in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldLimits {
    /// Bytes that groups may take.
    memory: usize,
    /// What is left of that when it was too much, so that not each batch makes room.
    room: usize,
    /// What is left of it when the pieces have moved. To forget a group then costs nothing; later on its piece ends early.
    moved: usize,
    /// From this on a group is large.
    large: usize,
    /// Bytes in the journal before its pieces move. They are read again at each start.
    journal: u64,
    /// Bytes that may come into the journal, groups that may be new, and rows that may be read, before groups are weighed
    /// again.
    unweighed: u64,
    unweighed_groups: usize,
    unweighed_rows: u64,
    /// Seconds of event time in one piece.
    pub(super) piece_seconds: i64,
}

impl HeldLimits {
    /// Limits for groups that take so many bytes, and for pieces of this length.
    pub(super) fn of(memory: usize, piece_seconds: i64) -> Self {
        let journal = memory as u64 / 4;
        Self {
            memory,
            room: memory / 4 * 3,
            moved: memory / 4 * 3,
            large: memory / 32,
            journal,
            unweighed: journal / 32,
            unweighed_groups: memory >> 14,
            unweighed_rows: memory as u64 >> 13,
            piece_seconds,
        }
    }
}

impl Default for HeldLimits {
    fn default() -> Self {
        Self::of(MEMORY_BYTES, DAY_SECONDS)
    }
}

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
    pub(super) groups: GroupMap<Box<HeldGroup>>,
    /// Which groups may have pieces in their table.
    stored: StoredGroups,
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
    /// The memory of the last row of the journal, for the next.
    growth: Vec<u8>,
    spare: SpareContents,
    /// The memory of what a group is known by.
    pub(super) key: Vec<u8>,
    weighed: WeighedAt,
    pub(super) limits: HeldLimits,
}

/// How much there was when groups were last weighed.
#[derive(Debug, Default)]
struct WeighedAt {
    journal_bytes: u64,
    groups: usize,
    rows: u64,
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
        rows_read: u64,
        now: i64,
    ) -> rusqlite::Result<i64> {
        let mut data = mem::take(&mut self.growth);
        data.clear();
        for id in grown {
            let Some(group) = self.groups.get_mut(id) else { continue };
            let rule = group.rule;
            group.growth(&mut |growth| write_growth(&mut data, rule, *id, &growth));
        }
        if !data.is_empty() {
            self.journal_bytes += data.len() as u64;
            let sql = "INSERT INTO journal (arrived, data) VALUES (?1, ?2)";
            begun.prepare_cached(sql)?.execute(params![now, data])?;
        }
        self.growth = data;
        for id in grown {
            let Some(group) = self.groups.get_mut(id).filter(|group| group.is_read_easily()) else {
                continue;
            };
            let room = SPARE_MAX - self.spare.len().min(SPARE_MAX);
            self.spare.extend(group.rest().filter(|_| room > 0));
        }
        let is_light = self.is_light(rows_read) || self.make_room(rows_read);
        if self.journal_bytes > self.limits.journal || !is_light {
            self.store_pieces(begun)?;
            self.forget_groups(self.limits.moved);
        }
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
        let mut newest = 0;
        for (rule, id) in groups {
            let Entry::Occupied(mut group) = self.groups.entry(id) else { continue };
            self.stored.add(id);
            let is_of_use = group.get_mut().store(&mut |piece| {
                let PieceSpan { from, to, matches, arrived } = piece.span;
                let (lane, matches) = (piece.lane.number(), matches.cast_signed());
                newest = arrived.max(newest);
                insert.insert(params![rule, id, lane, from, to, matches, arrived, piece.bytes])
            })?;
            if !is_of_use {
                group.remove();
            }
        }
        drop(insert);
        let sql = "UPDATE counter SET value = max(value, ?1) WHERE name = 'arrived'";
        begun.prepare_cached(sql)?.execute([newest])?;
        begun.execute("DELETE FROM journal", [])?;
        (self.journal_bytes, self.weighed.journal_bytes) = (0, 0);
        Ok(())
    }

    /// Whether so little has come since groups were last weighed that they need not be weighed again.
    fn is_light(&self, rows_read: u64) -> bool {
        self.journal_bytes < self.weighed.journal_bytes + self.limits.unweighed
            && self.groups.len() < self.weighed.groups + self.limits.unweighed_groups
            && rows_read < self.weighed.rows + self.limits.unweighed_rows
    }

    /// Forgets groups if they take too much memory: the large ones all at once, because one that is read again fills most of
    /// the room; then those that were not used since this was last necessary, and others as far as it needs. Of each the
    /// pieces remain that are only in the journal. Returns whether that was enough.
    fn make_room(&mut self, rows_read: u64) -> bool {
        let mut weight = self.weight();
        if weight > self.limits.memory {
            weight = self.forget_groups(self.limits.room);
        }
        let (journal_bytes, groups) = (self.journal_bytes, self.groups.len());
        self.weighed = WeighedAt { journal_bytes, groups, rows: rows_read };
        weight <= self.limits.memory
    }

    fn weight(&self) -> usize {
        self.groups.values().map(|group| group.weight).sum()
    }

    /// Forgets groups until no more than this is left of them. Returns what they weigh then.
    fn forget_groups(&mut self, room: usize) -> usize {
        let mut weight = self.weight();
        if weight <= room {
            return weight;
        }
        for choice in [RoomChoice::Large, RoomChoice::Unused, RoomChoice::Any] {
            self.groups.retain(|_, group| {
                let goes = match choice {
                    RoomChoice::Large => group.weight >= self.limits.large,
                    RoomChoice::Unused => !mem::take(&mut group.is_used) && weight > room,
                    RoomChoice::Any => weight > room,
                };
                if !goes || group.is_bare() {
                    return true;
                }
                weight = weight.saturating_sub(group.weight);
                let is_kept = group.shrink();
                weight += if is_kept { group.weight } else { 0 };
                is_kept
            });
        }
        weight
    }

    /// Forgets what is in memory: the next transaction reads it again.
    pub(super) fn forget(&mut self) {
        *self = Self { limits: self.limits, ..Self::default() };
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
        self.stored = StoredGroups::read(begun)?;
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
        let (stored, piece_seconds) = (&self.stored, self.limits.piece_seconds);
        let make = || Box::new(HeldGroup::new([rule, id], mark, piece_seconds, stored.may_have(id)));
        let group = self.groups.entry(id).or_insert_with(make);
        group.wake(&mut self.spare);
        group
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
