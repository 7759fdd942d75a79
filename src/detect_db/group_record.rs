//! A record of a group.

/// A record of a group.
#[derive(Debug, Default)]
pub(super) struct GroupRecord {
    /// The inputs that it matches, a bit each. A correlation has at most 100.
    pub(super) inputs: u128,
    /// How many hits bring it.
    pub(super) brought: i64,
    /// Where it is from.
    pub(super) origin: i64,
    /// What it shows. Most records match one input.
    first_shown: Option<ShownPlace>,
    more_shown: Vec<ShownPlace>,
}

/// What a record shows: for an input that it matches, or if it is brought, the texts and the place in them.
pub(super) type ShownPlace = (u32, u32, u32);

impl GroupRecord {
    /// One of which nothing is known but where it is from.
    pub(super) fn of(origin: i64) -> Self {
        Self { origin, ..Self::default() }
    }

    /// Whether anything says that it belongs to the group.
    pub(super) fn exists(&self) -> bool {
        self.inputs != 0 || self.brought > 0
    }

    /// Adds what it shows.
    pub(super) fn show(&mut self, place: ShownPlace) {
        match self.first_shown {
            None => self.first_shown = Some(place),
            Some(_) => self.more_shown.push(place),
        }
    }

    /// What it shows, in order of its inputs.
    pub(super) fn shown(&self) -> Vec<ShownPlace> {
        let mut places: Vec<ShownPlace> =
            self.first_shown.into_iter().chain(self.more_shown.iter().copied()).collect();
        places.sort_unstable();
        places
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
    /// Fields by their ids, with their values.
    pub(super) shown: Vec<(u32, Box<str>)>,
}
