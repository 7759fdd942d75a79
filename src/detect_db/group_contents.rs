//! What is known of one group: its records and hits. `group_ticks` has its ticks.

use std::cmp::Ordering;

use super::{
    group_record::{CarriedRecord, GroupRecord},
    held_group::HeldGroup,
    piece::ShownPair,
};

impl HeldGroup {
    /// The seconds between these that are hits in a group.
    pub(super) fn hits_between(
        &self,
        (parent, input): (i64, u32),
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = i64> {
        let end = match to.checked_add(1) {
            Some(end) => (parent, input, end),
            None => (parent, input.saturating_add(1), i64::MIN),
        };
        let found = self.hits.range_to((parent, input, from), Some(end));
        found.filter(|(_, count)| **count > 0).map(|((_, _, at), _)| *at)
    }

    /// A record, if anything is known of it.
    pub(super) fn known_record(&self, at: i64, record: &str) -> Option<&GroupRecord> {
        self.records.find(place_of(at, record), || (at, record.into()))
    }

    /// A record with everything that is known of it.
    pub(super) fn carried(&self, at: i64, record: &str) -> Option<CarriedRecord> {
        let known = self.known_record(at, record)?;
        let shown = self.shown(known).map(|(name, value)| (name, value.into())).collect();
        Some(CarriedRecord { at, record: record.into(), origin: known.origin, shown })
    }

    /// What a record shows.
    pub(super) fn shown(&self, record: &GroupRecord) -> impl Iterator<Item = ShownPair<'_>> {
        record.shown().into_iter().flat_map(|(_, texts, place)| {
            self.texts.get(texts as usize).into_iter().flat_map(move |texts| texts.shown(place))
        })
    }

    /// The records of these seconds, in order of time and id.
    pub(super) fn records_between(
        &self,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (i64, &str, &GroupRecord)> {
        let end = to.checked_add(1).map(|end| (end, Box::from("")));
        let inside = self.records.range_to((from, Box::from("")), end);
        inside.filter(|(_, record)| record.exists()).map(|((at, id), record)| (*at, &**id, record))
    }
}

/// Where a record lies among others.
pub(super) fn place_of(at: i64, record: &str) -> impl Fn(&(i64, Box<str>)) -> Ordering + '_ {
    move |(known_at, known)| known_at.cmp(&at).then_with(|| (**known).cmp(record))
}
