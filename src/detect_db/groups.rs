//! What correlations see of matches, by group and second.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{
    group_record::CarriedRecord,
    held_group::HeldGroup,
    held_piece::PieceLane,
    matches::SeenMatch,
    piece::{GroupValues, PieceEntry},
    rules::KnownRule,
    store::Turn,
};
use crate::{
    detect::{
        episodes::{Episode, TickValue},
        model::RuleIndex,
    },
    digest::digest_number,
};

/// What has changed in a group.
#[derive(Debug, Default)]
pub(super) struct GroupWork {
    /// Seconds whose ticks have changed, some of them repeatedly.
    pub(super) changed: SmallVec<[i64; 1]>,
    /// Stretches to evaluate again for another reason.
    pub(super) stretches: Vec<Episode>,
    /// Records that are new in the group, or newly brought by a hit.
    pub(super) added: SmallVec<[AddedRecord; 1]>,
    /// Records that left it.
    pub(super) removed: Vec<(i64, Box<str>)>,
    /// Seconds of records that fewer hits bring: what alerts counted may have become less.
    pub(super) lost: Vec<i64>,
    /// Ticks were removed.
    pub(super) recount: bool,
}

/// A record that is new in a group.
#[derive(Clone, Debug)]
pub(super) struct AddedRecord {
    pub(super) at: i64,
    pub(super) record: Box<str>,
    /// It was not there at all.
    pub(super) is_new: bool,
    /// No hit had brought it.
    pub(super) is_newly_brought: bool,
}

/// A hit in a group of an input, as the group of its correlation sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct HitTick {
    pub(super) at: i64,
    pub(super) child: i64,
    pub(super) input: u32,
    /// 1 if it has come, -1 if it was taken back.
    pub(super) by: i64,
}

impl Turn<'_> {
    /// The id of a group.
    pub(super) fn group(&mut self, rule: RuleIndex, values: &[Option<Cow<'_, str>>]) -> Option<i64> {
        let KnownRule { id: rule, epoch, .. } = *self.known(rule)?;
        let id = group_id([rule, epoch], values, &mut self.held.key);
        self.held.group(rule, id).know(values);
        Some(id)
    }

    /// The values of a group.
    pub(super) fn group_values(&mut self, group: i64) -> rusqlite::Result<GroupValues> {
        match self.held.groups.get_mut(&group) {
            Some(group) => group.values(self.begun).cloned(),
            None => Ok(GroupValues::new()),
        }
    }

    /// A group, of which a lane is known in these seconds.
    pub(super) fn held(
        &mut self,
        group: i64,
        lane: PieceLane,
        [from, to]: [i64; 2],
    ) -> rusqlite::Result<Option<&mut HeldGroup>> {
        let Some(group) = self.held.groups.get_mut(&group) else { return Ok(None) };
        group.ensure(self.begun, lane, from..=to, self.rows_read)?;
        Ok(Some(group))
    }

    /// Whether a rule has forgotten what happened in a second.
    pub(super) fn is_forgotten(&self, rule: RuleIndex, at: i64) -> bool {
        self.known(rule).is_some_and(|known| at <= known.mark)
    }

    /// Adds a match of an input. Whether it is new.
    pub(super) fn add_match(
        &mut self,
        rule: RuleIndex,
        group: i64,
        seen: SeenMatch<'_>,
    ) -> rusqlite::Result<bool> {
        let SeenMatch { at, record, origin, shown, input, values } = seen;
        let now = self.now;
        let Some(held) = self.held(group, PieceLane::Records, [at, at])? else { return Ok(false) };
        let known = held.known_record(at, record);
        if known.is_some_and(|known| known.inputs & (1 << input.min(127)) != 0) {
            return Ok(false);
        }
        let is_new = !known.is_some_and(|known| known.exists());
        let had_grown = held.has_grown;
        held.add(PieceEntry::Match { at, record, origin, shown: 0, input }, shown.iter().copied(), now);
        for value in values {
            held.add(PieceEntry::Tick { at, input, value, by: 1 }, std::iter::empty(), now);
        }
        self.note_growth(group, had_grown);
        let work = self.work_on(rule, group);
        work.changed.push(at);
        if is_new {
            let record = record.into();
            work.added.push(AddedRecord { at, record, is_new, is_newly_brought: false });
        }
        Ok(true)
    }

    /// Adds or removes a hit of an input.
    pub(super) fn change_tick(&mut self, rule: RuleIndex, group: i64, tick: HitTick) {
        let HitTick { at, child, input, by } = tick;
        if self.is_forgotten(rule, at) {
            return;
        }
        let Some(held) = self.held.groups.get_mut(&group) else { return };
        let had_grown = held.has_grown;
        let value = TickValue::Hit(child);
        held.add(PieceEntry::Tick { at, input, value, by }, std::iter::empty(), self.now);
        self.note_growth(group, had_grown);
        let work = self.work_on(rule, group);
        work.changed.push(at);
        work.recount |= by < 0;
    }

    /// Notes for a group that one of its seconds is a hit in the group of a correlation that uses it, or no longer is.
    pub(super) fn change_hit(&mut self, parent: i64, tick: HitTick) {
        let HitTick { at, child, input, by } = tick;
        let Some(held) = self.held.groups.get_mut(&child) else { return };
        let had_grown = held.has_grown;
        held.add(PieceEntry::Hit { at, parent, input, by }, std::iter::empty(), self.now);
        self.note_growth(child, had_grown);
    }

    /// A hit brings a record to a group.
    pub(super) fn bring(
        &mut self,
        rule: RuleIndex,
        group: i64,
        carried: &CarriedRecord,
    ) -> rusqlite::Result<()> {
        let CarriedRecord { at, record, origin, shown } = carried;
        let (at, origin, now) = (*at, *origin, self.now);
        if self.is_forgotten(rule, at) {
            return Ok(());
        }
        let Some(held) = self.held(group, PieceLane::Records, [at, at])? else { return Ok(()) };
        let known = held.known_record(at, record);
        let (is_new, brought) = known.map_or((true, 0), |known| (!known.exists(), known.brought));
        let had_grown = held.has_grown;
        let pairs = shown.iter().map(|(name, value)| (*name, &**value));
        held.add(PieceEntry::Brought { at, record, origin, shown: 0, by: 1 }, pairs, now);
        self.note_growth(group, had_grown);
        let is_newly_brought = brought == 0;
        if is_new || is_newly_brought {
            let record = record.clone();
            self.work_on(rule, group).added.push(AddedRecord { at, record, is_new, is_newly_brought });
        }
        Ok(())
    }

    /// A hit no longer brings a record; what nothing else brings leaves the group.
    pub(super) fn unbring(
        &mut self,
        rule: RuleIndex,
        group: i64,
        at: i64,
        record: &str,
    ) -> rusqlite::Result<()> {
        let now = self.now;
        let Some(held) = self.held(group, PieceLane::Records, [at, at])? else { return Ok(()) };
        let known = held.known_record(at, record).filter(|known| known.brought > 0);
        let Some(known) = known else { return Ok(()) };
        let (left, origin, is_gone) = (known.brought - 1, known.origin, known.inputs == 0);
        let had_grown = held.has_grown;
        let entry = PieceEntry::Brought { at, record, origin, shown: 0, by: -1 };
        held.add(entry, std::iter::empty(), now);
        self.note_growth(group, had_grown);
        if left > 0 {
            return Ok(());
        }
        let work = self.work_on(rule, group);
        work.lost.push(at);
        if is_gone {
            work.removed.push((at, record.into()));
        }
        Ok(())
    }

    fn note_growth(&mut self, group: i64, had_grown: bool) {
        if !had_grown {
            self.grown.push(group);
        }
    }
}

/// An id for a group of a rule since it last started over, the same in every run.
fn group_id(rule: [i64; 2], values: &[Option<Cow<'_, str>>], bytes: &mut Vec<u8>) -> i64 {
    bytes.clear();
    rule.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    for value in values {
        match value {
            None => bytes.push(0),
            Some(text) => {
                bytes.push(1);
                bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
    }
    digest_number(bytes)
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    #[test]
    fn values_that_were_made_to_share_a_fast_hash_are_groups_of_their_own() {
        let beside =
            ["mozilla @@@ (x11; linux) ", &"a".repeat(38), " @@@ aaaicvs!", &"a".repeat(43)].concat();
        let made = |[first, second]: [char; 2]| {
            format!("{beside} @@@{first}aaaicvs!{}icvs{second}{}", "a".repeat(51), "a".repeat(68))
        };
        let [one, other] = [[' ', '!'], ['!', ' ']].map(made);
        assert_ne!(one, other);
        let [mut of_one, mut of_other] = [Vec::new(), Vec::new()];
        let id = |value: &str, bytes: &mut Vec<u8>| group_id([7, 3], &[Some(value.into())], bytes);
        assert_ne!(id(&one, &mut of_one), id(&other, &mut of_other));
        assert_eq!(xxh3_64(&of_one), xxh3_64(&of_other), "they share one");
        assert_eq!(id(&one, &mut of_one), id(&one, &mut of_other));
    }
}
