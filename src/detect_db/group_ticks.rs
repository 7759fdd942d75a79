//! The ticks of one group, for its windows. Only as much is read as they ask for.

use std::{
    cell::{Cell, RefCell},
    ops::ControlFlow,
};

use rusqlite::Connection;

use super::{held_group::HeldGroup, held_piece::PieceLane};
use crate::detect::episodes::{Tick, TickSource, TickValue};

/// The ticks of one group.
pub(super) struct GroupTicks<'a> {
    pub(super) group: RefCell<&'a mut HeldGroup>,
    pub(super) connection: &'a Connection,
    pub(super) rows_read: &'a Cell<u64>,
    /// No window depends on more seconds before it.
    pub(super) reach: i64,
}

impl GroupTicks<'_> {
    fn count_row(&self) {
        self.rows_read.set(self.rows_read.get() + 1);
    }
}

impl HeldGroup {
    /// The ticks of these seconds, in order of time and input.
    pub(super) fn ticks_between(&self, from: i64, to: i64) -> impl DoubleEndedIterator<Item = Tick> {
        let entries = self.tick_entries(from, to);
        entries.map(|((at, input, value), count)| Tick {
            at: *at,
            input: *input,
            value: value.clone(),
            count,
        })
    }

    /// How many matches each of them is.
    fn counts_between(&self, from: i64, to: i64) -> impl Iterator<Item = u64> {
        self.tick_entries(from, to).map(|(_, count)| count)
    }

    fn tick_entries(
        &self,
        from: i64,
        to: i64,
    ) -> impl DoubleEndedIterator<Item = (&(i64, u32, TickValue), u64)> {
        let contents = self.contents.iter();
        let found = contents.flat_map(move |contents| {
            let begin = (from, 0, TickValue::Nothing);
            let end = to.checked_add(1).map(|end| (end, 0, TickValue::Nothing));
            contents.ticks.range_to(begin, end)
        });
        found.filter_map(|(key, count)| Some((key, u64::try_from(*count).ok().filter(|count| *count > 0)?)))
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
        let mut group = self.group.borrow_mut();
        let mut from = from;
        while from <= to {
            let end = group.known_after(self.connection, PieceLane::Ticks, [from, to], self.rows_read)?;
            for tick in group.ticks_between(from, end) {
                self.count_row();
                if each(tick).is_break() {
                    return Ok(());
                }
            }
            let Some(next) = end.checked_add(1) else { break };
            from = next;
        }
        Ok(())
    }

    fn matches_between(&self, from: i64, to: i64, most: u64) -> rusqlite::Result<u64> {
        let mut group = self.group.borrow_mut();
        let (mut from, mut found) = (from, 0_u64);
        while from <= to && found < most {
            let end = group.known_after(self.connection, PieceLane::Ticks, [from, to], self.rows_read)?;
            for count in group.counts_between(from, end) {
                self.count_row();
                found = found.saturating_add(count);
                if found >= most {
                    break;
                }
            }
            let Some(next) = end.checked_add(1) else { break };
            from = next;
        }
        Ok(found)
    }

    fn newest_before(&self, before: i64, count: usize) -> rusqlite::Result<Vec<Tick>> {
        let mut group = self.group.borrow_mut();
        let (oldest, mut last) = (before.saturating_sub(self.reach), before.saturating_sub(1));
        let mut ticks: Vec<Tick> = Vec::new();
        while oldest <= last && ticks.len() < count {
            let from =
                group.known_before(self.connection, PieceLane::Ticks, [oldest, last], self.rows_read)?;
            for tick in group.ticks_between(from, last).rev().take(count - ticks.len()) {
                self.count_row();
                ticks.push(tick);
            }
            let Some(next) = from.checked_sub(1) else { break };
            last = next;
        }
        ticks.reverse();
        Ok(ticks)
    }

    fn first_from(&self, from: i64) -> rusqlite::Result<Option<i64>> {
        let mut group = self.group.borrow_mut();
        let (mut from, to) = (from, from.saturating_add(self.reach));
        while from <= to {
            let end = group.known_after(self.connection, PieceLane::Ticks, [from, to], self.rows_read)?;
            self.count_row();
            if let Some(tick) = group.ticks_between(from, end).next() {
                return Ok(Some(tick.at));
            }
            let Some(next) = end.checked_add(1) else { break };
            from = next;
        }
        Ok(None)
    }
}
