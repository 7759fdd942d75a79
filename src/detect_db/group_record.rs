//! A record of a group.

use std::sync::Arc;

/// A record of a group.
#[derive(Debug, Default)]
pub(super) struct GroupRecord {
    /// The inputs that it matches, a bit each. A correlation has at most 100.
    pub(super) inputs: u128,
    /// How many hits bring it.
    pub(super) brought: i64,
    /// Where it is from.
    pub(super) origin: i64,
    /// What it shows: for each input that it matches, and if it is brought, the texts and the place in them.
    pub(super) shown: Vec<(u32, u32, u32)>,
}

impl GroupRecord {
    /// Whether anything says that it belongs to the group.
    pub(super) fn exists(&self) -> bool {
        self.inputs != 0 || self.brought > 0
    }
}

/// What is shown because a hit brings the record comes after what inputs show.
pub(super) const SHOWN_BROUGHT: u32 = u32::MAX;

/// A record with everything that is known of it, on its way from one group to another.
#[derive(Clone, Debug)]
pub(super) struct CarriedRecord {
    pub(super) at: i64,
    pub(super) record: Box<str>,
    pub(super) origin: i64,
    pub(super) shown: Vec<(Arc<str>, Arc<str>)>,
}
