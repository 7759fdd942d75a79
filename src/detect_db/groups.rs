//! What correlations see of matches, by group and second.

use std::{cell::Cell, collections::BTreeSet, ops::ControlFlow};

use rusqlite::{
    Connection, OptionalExtension as _, Row, ToSql, params,
    types::{ToSqlOutput, Value, ValueRef},
};

use super::store::Turn;
use crate::detect::{
    episodes::{Amount, Episode, Tick, TickSource, TickValue},
    model::RuleIndex,
};

/// What has changed in a group.
#[derive(Debug, Default)]
pub(super) struct GroupWork {
    /// Seconds whose ticks have changed.
    pub(super) changed: BTreeSet<i64>,
    /// Stretches to evaluate again for another reason.
    pub(super) stretches: Vec<Episode>,
    /// Records that are new in the group, or newly brought by a hit.
    pub(super) added: Vec<AddedMember>,
    /// Records that left it.
    pub(super) removed: Vec<(i64, String)>,
    /// Seconds of records that fewer hits bring: what alerts counted may have become less.
    pub(super) lost: Vec<i64>,
    /// Ticks were removed.
    pub(super) recount: bool,
}

/// A record that is new in a group.
#[derive(Clone, Debug)]
pub(super) struct AddedMember {
    pub(super) at: i64,
    pub(super) record: String,
    /// It was not there at all.
    pub(super) is_new: bool,
    /// No hit had brought it.
    pub(super) is_newly_brought: bool,
}

/// Why a record belongs to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// It matches a detection.
    Direct,
    /// It lies in the window of a hit.
    Brought,
}

impl Turn<'_> {
    /// The id of a group, which is created if it is new.
    pub(super) fn group(
        &mut self,
        rule: RuleIndex,
        values: &[Option<String>],
    ) -> rusqlite::Result<Option<i64>> {
        let Some(known) = self.known(rule).copied() else { return Ok(None) };
        let key = serde_json::to_string(values).unwrap_or_default();
        if let Some(id) = self.ids.get(&(rule, key.clone())) {
            return Ok(Some(*id));
        }
        let find = "SELECT id FROM grp WHERE rule = ?1 AND key = ?2";
        let found = self.begun.prepare_cached(find)?.query_row(params![known.id, key], |row| row.get(0));
        let id = match found.optional()? {
            Some(id) => id,
            None => {
                let sql = "INSERT INTO grp (rule, key) VALUES (?1, ?2)";
                self.begun.prepare_cached(sql)?.insert(params![known.id, key])?
            }
        };
        self.ids.insert((rule, key), id);
        Ok(Some(id))
    }

    /// The values of a group.
    pub(super) fn group_values(&self, group: i64) -> rusqlite::Result<Vec<Option<String>>> {
        let sql = "SELECT key FROM grp WHERE id = ?1";
        let key: String = self.begun.prepare_cached(sql)?.query_row([group], |row| row.get(0))?;
        Ok(serde_json::from_str(&key).unwrap_or_default())
    }

    /// Adds a tick, and notes the change.
    pub(super) fn add_tick(&mut self, rule: RuleIndex, group: i64, tick: &Tick) -> rusqlite::Result<()> {
        let sql = "INSERT INTO tick VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO UPDATE SET n = n + excluded.n";
        let count = tick.count.cast_signed();
        self.begun.prepare_cached(sql)?.execute(params![group, tick.at, tick.input, tick.value, count])?;
        self.work_on(rule, group).changed.insert(tick.at);
        Ok(())
    }

    /// Removes a tick.
    pub(super) fn remove_tick(&mut self, rule: RuleIndex, group: i64, tick: &Tick) -> rusqlite::Result<()> {
        let sql = "DELETE FROM tick WHERE (grp, at, input, value) = (?1, ?2, ?3, ?4)";
        self.begun.prepare_cached(sql)?.execute(params![group, tick.at, tick.input, tick.value])?;
        let work = self.work_on(rule, group);
        work.changed.insert(tick.at);
        work.recount = true;
        Ok(())
    }

    /// Adds a record to a group, for one more reason.
    pub(super) fn add_member(
        &mut self,
        rule: RuleIndex,
        group: i64,
        at: i64,
        record: &str,
        why: Membership,
    ) -> rusqlite::Result<()> {
        let [direct, brought] = [Membership::Direct, Membership::Brought].map(|one| i64::from(one == why));
        let sql = "INSERT INTO member VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
                   SET direct = direct + excluded.direct, brought = brought + excluded.brought
                   RETURNING direct, brought";
        let (directs, broughts): (i64, i64) = self
            .begun
            .prepare_cached(sql)?
            .query_row(params![group, at, record, direct, brought], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let is_new = directs + broughts == 1;
        let is_newly_brought = why == Membership::Brought && broughts == 1;
        if is_new || is_newly_brought {
            let sql = "INSERT INTO second VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
                       SET n = n + excluded.n, brought = brought + excluded.brought, arrived = max(arrived, excluded.arrived)";
            let counts = params![group, at, is_new, is_newly_brought, self.now];
            self.begun.prepare_cached(sql)?.execute(counts)?;
            let record = record.to_owned();
            self.work_on(rule, group).added.push(AddedMember { at, record, is_new, is_newly_brought });
        }
        Ok(())
    }

    /// A hit no longer brings a record; what nothing else brings leaves the group.
    pub(super) fn unbring_member(
        &mut self,
        rule: RuleIndex,
        group: i64,
        at: i64,
        record: &str,
    ) -> rusqlite::Result<()> {
        let sql = "UPDATE member SET brought = brought - 1 WHERE (grp, at, record) = (?1, ?2, ?3)
                   RETURNING direct, brought";
        let left: Option<(i64, i64)> = self
            .begun
            .prepare_cached(sql)?
            .query_row(params![group, at, record], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((direct, 0)) = left else { return Ok(()) };
        let is_gone = direct == 0;
        if is_gone {
            let sql = "DELETE FROM member WHERE (grp, at, record) = (?1, ?2, ?3)";
            self.begun.prepare_cached(sql)?.execute(params![group, at, record])?;
        }
        let sql = "UPDATE second SET n = n - ?3, brought = brought - 1 WHERE (grp, at) = (?1, ?2)";
        self.begun.prepare_cached(sql)?.execute(params![group, at, is_gone])?;
        let sql = "DELETE FROM second WHERE (grp, at) = (?1, ?2) AND n = 0";
        self.begun.prepare_cached(sql)?.execute(params![group, at])?;
        let work = self.work_on(rule, group);
        work.lost.push(at);
        if is_gone {
            work.removed.push((at, record.to_owned()));
        }
        Ok(())
    }

    /// The ticks of a group.
    pub(super) fn ticks(&self, group: i64) -> GroupTicks<'_> {
        GroupTicks { connection: self.begun, group, rows_read: self.rows_read }
    }
}

/// The ticks of one group, from the database.
pub(super) struct GroupTicks<'a> {
    connection: &'a Connection,
    group: i64,
    rows_read: &'a Cell<u64>,
}

impl GroupTicks<'_> {
    fn read(&self, row: &Row<'_>) -> rusqlite::Result<Tick> {
        self.rows_read.set(self.rows_read.get() + 1);
        let count: i64 = row.get(3)?;
        Ok(Tick {
            at: row.get(0)?,
            input: row.get(1)?,
            value: value(row.get_ref(2)?),
            count: count.unsigned_abs(),
        })
    }
}

impl TickSource for GroupTicks<'_> {
    type Error = rusqlite::Error;

    fn between(
        &self,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(Tick) -> ControlFlow<()>,
    ) -> rusqlite::Result<()> {
        let sql =
            "SELECT at, input, value, n FROM tick WHERE grp = ?1 AND at BETWEEN ?2 AND ?3 ORDER BY at, input";
        let mut query = self.connection.prepare_cached(sql)?;
        let mut rows = query.query([self.group, from, to])?;
        while let Some(row) = rows.next()? {
            if each(self.read(row)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn newest_before(&self, before: i64, count: usize) -> rusqlite::Result<Vec<Tick>> {
        let sql = "SELECT at, input, value, n FROM tick WHERE grp = ?1 AND at < ?2 ORDER BY at DESC, input DESC LIMIT ?3";
        let mut query = self.connection.prepare_cached(sql)?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let ticks = query.query_map([self.group, before, count], |row| self.read(row))?;
        let mut ticks: Vec<Tick> = ticks.collect::<rusqlite::Result<_>>()?;
        ticks.reverse();
        Ok(ticks)
    }

    fn first_from(&self, from: i64) -> rusqlite::Result<Option<i64>> {
        self.rows_read.set(self.rows_read.get() + 1);
        let sql = "SELECT at FROM tick WHERE grp = ?1 AND at >= ?2 ORDER BY at LIMIT 1";
        self.connection.prepare_cached(sql)?.query_row([self.group, from], |row| row.get(0)).optional()
    }
}

/// The forms of a value are distinguished by their type in the database.
impl ToSql for TickValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Nothing => ToSqlOutput::Borrowed(ValueRef::Blob(&[])),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Number(number) => ToSqlOutput::Owned(Value::Real(number.number())),
            Self::Hit(group) => ToSqlOutput::Owned(Value::Integer(*group)),
        })
    }
}

fn value(value: ValueRef<'_>) -> TickValue {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => TickValue::Nothing,
        ValueRef::Text(text) => TickValue::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Real(number) => TickValue::Number(Amount::new(number)),
        ValueRef::Integer(group) => TickValue::Hit(group),
    }
}
