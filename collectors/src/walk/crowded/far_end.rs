//! Reads the list from its other end. Where the order is stable and there is no `before`, this shows the end
//! of the second.

use super::{Next, Shown};
use crate::{
    page::record::{IdHash, Record},
    walk::anchors::Anchor,
};

/// Requests newest first, after a record of a later second.
#[derive(Debug)]
pub(super) struct FarEnd {
    /// That record; `None` if the second is the last of the list.
    pub anchor: Option<Anchor>,
    /// The records that every read from the near end shows, first to last.
    pub beginning: Vec<IdHash>,
}

impl FarEnd {
    pub(super) fn read(&self, shown: &Shown<'_>) -> Next {
        // If the beginning and the end overlap, nothing is hidden between them.
        if self.meets_beginning(&shown.mine) { Next::Finished { complete: true } } else { Next::TryFilters }
    }

    /// Whether a page from the other end overlaps or adjoins the beginning: then both together are the whole
    /// second. A list that does not reverse the order inside a second shows the same records again, which
    /// proves nothing.
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
