//! Chains: the hits of a correlation are the ticks of those that use it, and bring the records of their windows along.

use std::collections::{BTreeSet, HashSet};

use rusqlite::params;

use super::{
    groups::{GroupWork, Membership},
    rules::ChainLink,
    store::Turn,
};
use crate::detect::{
    episodes::{Episode, Tick, TickValue, joined},
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
}

impl GroupLink {
    fn tick(&self, at: i64) -> Tick {
        Tick { at, input: self.input, value: TickValue::Hit(self.child), count: 1 }
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
        let values: Vec<Option<String>> =
            link.group_from.iter().map(|place| values.get(*place).cloned().flatten()).collect();
        let back = self.book.back.get(child_rule.0 as usize).copied().unwrap_or(0);
        let (parent_rule, input) = (link.parent, link.input);
        let parent = self.group(parent_rule, &values)?;
        Ok(parent.map(|parent| GroupLink { child, parent, parent_rule, input, back }))
    }

    /// Before hits change: what left the child also leaves the parent.
    pub(super) fn take_back(&mut self, link: &GroupLink, work: &GroupWork) -> rusqlite::Result<()> {
        let removed = work.removed.iter().map(|(at, _)| *at);
        let covered = self.covered_around(link, removed)?;
        for (at, record) in &work.removed {
            if covered.iter().any(|stretch| stretch.holds(*at)) {
                self.unbring_member(link.parent_rule, link.parent, *at, record)?;
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
        // Records of the stretch may also be brought by hits around it, which have not changed.
        let near = Episode {
            from: stretch.from.saturating_sub(link.back),
            to: stretch.to.saturating_add(link.back),
        };
        let before: BTreeSet<i64> = self.hits(link, near)?.into_iter().collect();
        let others = before.iter().copied().filter(|at| !stretch.holds(*at));
        let after: BTreeSet<i64> = others.chain(hits.iter().copied()).collect();
        let (gone, come): (Vec<i64>, Vec<i64>) =
            (before.difference(&after).copied().collect(), after.difference(&before).copied().collect());
        if gone.is_empty() && come.is_empty() {
            return Ok(());
        }
        for at in &gone {
            self.remove_tick(link.parent_rule, link.parent, &link.tick(*at))?;
            let sql = "DELETE FROM hit WHERE (child, parent, input, at) = (?1, ?2, ?3, ?4)";
            self.begun.prepare_cached(sql)?.execute(params![link.child, link.parent, link.input, at])?;
        }
        for at in &come {
            self.add_tick(link.parent_rule, link.parent, &link.tick(*at))?;
            let sql = "INSERT OR IGNORE INTO hit VALUES (?1, ?2, ?3, ?4)";
            self.begun.prepare_cached(sql)?.execute(params![link.child, link.parent, link.input, at])?;
        }
        let (was, is) = (link.covered(before), link.covered(after));
        let new: HashSet<(i64, &str)> =
            work.added.iter().filter(|one| one.is_new).map(|one| (one.at, &*one.record)).collect();
        for stretch in without(&is, &was) {
            for (at, record) in self.members(link.child, stretch)? {
                // Those that are new come with `bring_new`.
                if !new.contains(&(at, &*record)) {
                    self.add_member(link.parent_rule, link.parent, at, &record, Membership::Brought)?;
                }
            }
        }
        for stretch in without(&was, &is) {
            for (at, record) in self.members(link.child, stretch)? {
                if !new.contains(&(at, &*record)) {
                    self.unbring_member(link.parent_rule, link.parent, at, &record)?;
                }
            }
        }
        Ok(())
    }

    /// After hits have changed: what is new in the child and lies in the window of a hit is also in the parent.
    pub(super) fn bring_new(&mut self, link: &GroupLink, work: &GroupWork) -> rusqlite::Result<()> {
        let added = || work.added.iter().filter(|one| one.is_new);
        let covered = self.covered_around(link, added().map(|one| one.at))?;
        for one in added() {
            let after = covered.partition_point(|stretch| stretch.from <= one.at);
            if after
                .checked_sub(1)
                .and_then(|place| covered.get(place))
                .is_some_and(|found| found.holds(one.at))
            {
                self.add_member(link.parent_rule, link.parent, one.at, &one.record, Membership::Brought)?;
            }
        }
        Ok(())
    }

    /// Which time around these seconds the hits of a group cover.
    fn covered_around(
        &self,
        link: &GroupLink,
        seconds: impl Iterator<Item = i64>,
    ) -> rusqlite::Result<Vec<Episode>> {
        let near = joined(seconds.map(|at| Episode { from: at, to: at.saturating_add(link.back) }).collect());
        let mut hits = Vec::new();
        for stretch in near {
            hits.extend(self.hits(link, stretch)?);
        }
        Ok(link.covered(hits))
    }

    fn hits(&self, link: &GroupLink, stretch: Episode) -> rusqlite::Result<Vec<i64>> {
        let sql = "SELECT at FROM hit WHERE (child, parent, input) = (?1, ?2, ?3) AND at BETWEEN ?4 AND ?5";
        let mut query = self.begun.prepare_cached(sql)?;
        let key = params![link.child, link.parent, link.input, stretch.from, stretch.to];
        let hits: Vec<i64> = query.query_map(key, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        self.read(hits.len() as u64);
        Ok(hits)
    }

    fn members(&self, group: i64, stretch: Episode) -> rusqlite::Result<Vec<(i64, String)>> {
        let sql = "SELECT at, record FROM member WHERE grp = ?1 AND at BETWEEN ?2 AND ?3";
        let mut query = self.begun.prepare_cached(sql)?;
        let found =
            query.query_map([group, stretch.from, stretch.to], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let found: Vec<(i64, String)> = found.collect::<rusqlite::Result<_>>()?;
        self.read(found.len() as u64);
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
