//! The list from its other end: where its order is stable and it knows no `before`, that shows the end of the second.

use super::{Next, Shown};
use crate::{
    page::record::{IdHash, Record},
    walk::anchors::Anchor,
};

/// Asking newest first, behind a record of a later second.
#[derive(Debug)]
pub(super) struct FarEnd {
    /// The record; `None` where the second is the last of the list.
    pub anchor: Option<Anchor>,
    /// What shows again and again of the second from the near end, first to last.
    pub beginning: Vec<IdHash>,
}

impl FarEnd {
    pub(super) fn read(&self, shown: &Shown<'_>) -> Next {
        // Nothing can lie between a beginning and an end that overlap.
        if self.meets_beginning(&shown.mine) { Next::Finished { complete: true } } else { Next::TryFilters }
    }

    /// Whether a page from the other end continues where the beginning ends, or before that: then both together are the second. In
    /// a list that does not turn round what lies inside a second, the same records show once more, and prove nothing.
    fn meets_beginning(&self, mine: &[&Record]) -> bool {
        let end: Vec<IdHash> = mine.iter().rev().map(|record| record.id).collect();
        let met = end.first().and_then(|first| self.beginning.iter().position(|known| known == first));
        let Some((common, rest)) = met.and_then(|at| {
            let common = &self.beginning[at..];
            Some((common, end.strip_prefix(common)?))
        }) else {
            return false;
        };
        end.len() > 1 && !common.is_empty() && rest.iter().all(|id| !self.beginning.contains(id))
    }
}
