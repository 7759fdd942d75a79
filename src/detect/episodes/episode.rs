//! Stretches of event time.

/// A closed stretch of event time, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Episode {
    /// Its first second.
    pub from: i64,
    /// Its last second.
    pub to: i64,
}

impl Episode {
    /// Whether the second lies inside.
    pub fn holds(&self, second: i64) -> bool {
        (self.from..=self.to).contains(&second)
    }

    /// Whether both have a second in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    /// What of it lies after a second.
    pub fn after(&self, second: i64) -> Option<Self> {
        let from = self.from.max(second.saturating_add(1));
        (from <= self.to).then_some(Self { from, to: self.to })
    }

    /// Whether all of the other lies inside.
    pub fn covers(&self, other: &Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// The union of stretches, in order of time: those that share a second are one.
pub fn joined(mut pieces: Vec<Episode>) -> Vec<Episode> {
    pieces.sort_unstable();
    let mut all: Vec<Episode> = Vec::new();
    for piece in pieces {
        match all.last_mut().filter(|last| piece.from <= last.to) {
            Some(last) => last.to = last.to.max(piece.to),
            None => all.push(piece),
        }
    }
    all
}

/// The one of these stretches, in order of time, that holds a second.
pub(super) fn holder(sorted: &[Episode], second: i64) -> Option<Episode> {
    let after = sorted.partition_point(|one| one.from <= second);
    sorted.get(after.checked_sub(1)?).copied().filter(|one| one.holds(second))
}
