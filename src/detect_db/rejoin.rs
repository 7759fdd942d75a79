//! A correlation that was not in use knows nothing of the records that came to those that it is about, or left them. When it
//! comes back, each of its groups is compared with them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    DetectDb, feed::GROUPS_MAX, group_record::CarriedRecord, held_piece::PieceLane, mark::NOTHING_FORGOTTEN,
    store::Turn,
};
use crate::detect::{
    episodes::{Episode, TickValue, joined},
    model::RuleIndex,
};

/// The records that hits of an input bring, by the input and the group that has them.
type BringingHits = BTreeMap<(u32, i64), Vec<Episode>>;

impl DetectDb {
    /// Compares the groups of a correlation that is in use again with those that it is about.
    pub(super) fn rejoin(&mut self, index: RuleIndex, notified_max: u32, now: i64) -> rusqlite::Result<()> {
        let mut groups = BTreeSet::new();
        self.in_turn(notified_max, now, |turn| {
            groups = turn.groups_of(index)?;
            Ok(())
        })?;
        let groups: Vec<i64> = groups.into_iter().collect();
        for some in groups.chunks(GROUPS_MAX) {
            self.in_turn(notified_max, now, |turn| {
                some.iter().try_for_each(|group| turn.rejoin_group(index, *group))
            })?;
        }
        Ok(())
    }
}

impl Turn<'_> {
    fn rejoin_group(&mut self, index: RuleIndex, group: i64) -> rusqlite::Result<()> {
        let Some((_, known)) = self.book.rule(index) else { return Ok(()) };
        self.held.group(known.id, group);
        // Of records that an input has forgotten, what is known remains.
        let mut since = known.mark;
        let mut wanted: BTreeMap<(i64, Box<str>), (i64, CarriedRecord)> = BTreeMap::new();
        for ((input, child), covered) in self.bringing_hits(index, group)? {
            let Some((rule, id, mark)) = self.input(index, input) else { continue };
            since = since.max(mark);
            if self.book.correlation(rule).is_none() {
                continue;
            }
            self.held.group(id, child);
            for stretch in covered {
                for carried in self.records(child, stretch)? {
                    let key = (carried.at, carried.record.clone());
                    wanted.entry(key).or_insert((0, carried)).0 += 1;
                }
            }
        }
        let Some(held) = self.held(group, PieceLane::Records, [NOTHING_FORGOTTEN, i64::MAX])? else {
            return Ok(());
        };
        let first = since.saturating_add(1);
        let brought = held.records_between(first, i64::MAX).filter(|(_, _, record)| record.brought > 0);
        let brought: BTreeMap<(i64, Box<str>), i64> =
            brought.map(|(at, id, record)| ((at, id.into()), record.brought)).collect();
        for ((at, record), count) in &brought {
            let more = wanted.get(&(*at, record.clone())).map_or(0, |(count, _)| *count);
            for _ in more..*count {
                self.unbring(index, group, *at, record)?;
            }
        }
        for (key, (count, carried)) in wanted.iter().filter(|((at, _), _)| *at >= first) {
            for _ in brought.get(key).copied().unwrap_or(0)..*count {
                self.bring(index, group, carried)?;
            }
        }
        Ok(())
    }

    /// An input: its rule, the id of that in the database, and its mark.
    fn input(&self, index: RuleIndex, input: u32) -> Option<(RuleIndex, i64, i64)> {
        let rule = self.book.correlation(index)?.inputs.get(input as usize)?.rule;
        self.known(rule).map(|known| (rule, known.id, known.mark))
    }

    /// The seconds of records that the hits in a group bring.
    fn bringing_hits(&mut self, index: RuleIndex, group: i64) -> rusqlite::Result<BringingHits> {
        let (book, rows_read) = (self.book, self.rows_read);
        let Some(correlation) = book.correlation(index) else { return Ok(BringingHits::new()) };
        let all = [NOTHING_FORGOTTEN, i64::MAX];
        let Some(held) = self.held(group, PieceLane::Ticks, all)? else { return Ok(BringingHits::new()) };
        let mut hits = BringingHits::new();
        for tick in held.ticks_between(NOTHING_FORGOTTEN, i64::MAX) {
            rows_read.set(rows_read.get() + 1);
            let TickValue::Hit(child) = tick.value else { continue };
            let from = tick.at.saturating_sub(book.back_of_input(correlation, tick.input));
            hits.entry((tick.input, child)).or_default().push(Episode { from, to: tick.at });
        }
        Ok(hits.into_iter().map(|(key, stretches)| (key, joined(stretches))).collect())
    }
}
