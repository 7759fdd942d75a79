//! Chains: the hits of a correlation are the ticks of those that use it, and bring the records of their windows along.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
};

use super::{
    group_record::CarriedRecord,
    groups::{GroupWork, HitTick},
    held_piece::PieceLane,
    rules::ChainLink,
    store::Turn,
};
use crate::detect::{
    episodes::{Episode, joined},
    model::RuleIndex,
};

/// A group, and one of a correlation that uses it.
pub(super) struct GroupLink {
    child: i64,
    parent: i64,
    parent_rule: RuleIndex,
    input: u32,
    /// How many seconds before a hit its records lie.
    back: i64,
    /// What hits there were up to here cannot be found again.
    exact: i64,
}

impl GroupLink {
    fn tick(&self, at: i64, by: i64) -> HitTick {
        HitTick { at, child: self.child, input: self.input, by }
    }

    /// The time of the records that hits bring.
    fn covered(&self, hits: impl IntoIterator<Item = i64>) -> Vec<Episode> {
        joined(hits.into_iter().map(|at| Episode { from: at.saturating_sub(self.back), to: at }).collect())
    }
}

impl Turn<'_> {
    /// The group of a parent in which the hits of a group count.
    pub(super) fn parent_group(
        &mut self,
        child_rule: RuleIndex,
        child: i64,
        link: &ChainLink,
    ) -> rusqlite::Result<Option<GroupLink>> {
        let values = self.group_values(child)?;
        let value = |place: &usize| values.get(*place)?.as_deref().map(Cow::Borrowed);
        let values: Vec<Option<Cow<'_, str>>> = link.group_from.iter().map(value).collect();
        let back = self.book.back.get(child_rule.0 as usize).copied().unwrap_or(0);
        let exact = self.book.lines(child_rule).exact;
        let (parent_rule, input) = (link.parent, link.input);
        let parent = self.group(parent_rule, &values);
        Ok(parent.map(|parent| GroupLink { child, parent, parent_rule, input, back, exact }))
    }

    /// Before hits change: what left the child also leaves the parent.
    pub(super) fn take_back(&mut self, link: &GroupLink, work: &GroupWork) -> rusqlite::Result<()> {
        for (at, record) in &work.removed {
            if self.is_covered(link, *at)? {
                self.unbring(link.parent_rule, link.parent, *at, record)?;
            }
        }
        Ok(())
    }

    /// The hits of a stretch are now these.
    pub(super) fn pass_on(
        &mut self,
        link: &GroupLink,
        stretch: Episode,
        hits: &[i64],
        work: &GroupWork,
    ) -> rusqlite::Result<()> {
        let before: BTreeSet<i64> = self.hits(link, stretch)?.into_iter().collect();
        let others = before.iter().copied().filter(|at| *at <= link.exact);
        let after: BTreeSet<i64> = others.chain(hits.iter().copied()).collect();
        let (gone, come): (Vec<i64>, Vec<i64>) =
            (before.difference(&after).copied().collect(), after.difference(&before).copied().collect());
        let changed = || gone.iter().chain(&come).copied();
        let Some((first, last)) = changed().min().zip(changed().max()) else { return Ok(()) };
        // Records of changed hits may also be brought by hits around them, which have not changed.
        let around = [
            Episode { from: first.saturating_sub(link.back), to: stretch.from.saturating_sub(1) },
            Episode { from: stretch.to.saturating_add(1), to: last.saturating_add(link.back) },
        ];
        let mut unchanged = Vec::new();
        for stretch in around.into_iter().filter(|stretch| stretch.from <= stretch.to) {
            unchanged.extend(self.hits(link, stretch)?);
        }
        let changes = gone.iter().map(|at| link.tick(*at, -1)).chain(come.iter().map(|at| link.tick(*at, 1)));
        for tick in changes {
            self.change_tick(link.parent_rule, link.parent, tick);
            self.change_hit(link.parent, tick);
        }
        let covered = |hits: &BTreeSet<i64>| link.covered(hits.iter().chain(&unchanged).copied());
        let (was, is) = (covered(&before), covered(&after));
        let new: HashSet<(i64, &str)> =
            work.added.iter().filter(|one| one.is_new).map(|one| (one.at, &*one.record)).collect();
        for stretch in without(&is, &was) {
            for carried in self.records(link.child, stretch)? {
                // Those that are new come with `bring_new`.
                if !new.contains(&(carried.at, &*carried.record)) {
                    self.bring(link.parent_rule, link.parent, &carried)?;
                }
            }
        }
        for stretch in without(&was, &is) {
            for CarriedRecord { at, record, .. } in self.records(link.child, stretch)? {
                if !new.contains(&(at, &*record)) {
                    self.unbring(link.parent_rule, link.parent, at, &record)?;
                }
            }
        }
        Ok(())
    }

    /// After hits have changed: what is new in the child and lies in the window of a hit is also in the parent.
    pub(super) fn bring_new(&mut self, link: &GroupLink, work: &GroupWork) -> rusqlite::Result<()> {
        for one in work.added.iter().filter(|one| one.is_new) {
            if !self.is_covered(link, one.at)? {
                continue;
            }
            let held = self.held(link.child, PieceLane::Records, [one.at, one.at])?;
            if let Some(carried) = held.and_then(|held| held.carried(one.at, &one.record)) {
                self.bring(link.parent_rule, link.parent, &carried)?;
            }
        }
        Ok(())
    }

    /// Whether a hit of a group brings the records of a second.
    fn is_covered(&mut self, link: &GroupLink, at: i64) -> rusqlite::Result<bool> {
        let (begun, rows_read) = (self.begun, self.rows_read);
        let Some(held) = self.held.groups.get_mut(&link.child) else { return Ok(false) };
        let (mut from, to) = (at, at.saturating_add(link.back));
        while from <= to {
            let end = held.known_after(begun, PieceLane::Ticks, [from, to], rows_read)?;
            rows_read.set(rows_read.get() + 1);
            if held.hits_between((link.parent, link.input), from, end).next().is_some() {
                return Ok(true);
            }
            let Some(next) = end.checked_add(1) else { break };
            from = next;
        }
        Ok(false)
    }

    fn hits(&mut self, link: &GroupLink, stretch: Episode) -> rusqlite::Result<Vec<i64>> {
        let rows_read = self.rows_read;
        let near = [stretch.from, stretch.to];
        let Some(held) = self.held(link.child, PieceLane::Ticks, near)? else { return Ok(Vec::new()) };
        let hits: Vec<i64> = held.hits_between((link.parent, link.input), stretch.from, stretch.to).collect();
        rows_read.set(rows_read.get() + hits.len() as u64);
        Ok(hits)
    }

    pub(super) fn records(&mut self, group: i64, stretch: Episode) -> rusqlite::Result<Vec<CarriedRecord>> {
        let rows_read = self.rows_read;
        let near = [stretch.from, stretch.to];
        let Some(held) = self.held(group, PieceLane::Records, near)? else { return Ok(Vec::new()) };
        let found = held.records_between(stretch.from, stretch.to);
        let found: Vec<CarriedRecord> = found.filter_map(|(at, id, _)| held.carried(at, id)).collect();
        rows_read.set(rows_read.get() + found.len() as u64);
        Ok(found)
    }
}

/// The seconds of some stretches that are not in others. Both are in order of time.
fn without(stretches: &[Episode], others: &[Episode]) -> Vec<Episode> {
    let mut left = Vec::new();
    for one in stretches {
        let mut from = one.from;
        for other in others.iter().filter(|other| other.meets(one)) {
            if from < other.from {
                left.push(Episode { from, to: other.from - 1 });
            }
            from = from.max(other.to.saturating_add(1));
        }
        if from <= one.to {
            left.push(Episode { from, to: one.to });
        }
    }
    left
}
