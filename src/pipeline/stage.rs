//! The two stages of a route.

/// The stages of a route, which fail and mend apart from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// From the source to the page.
    Reading,
    /// From the page to the commit.
    Writing,
}

impl Stage {
    /// Both, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Reading, Self::Writing];

    /// A fixed word to count by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Writing => "writing",
        }
    }
}
