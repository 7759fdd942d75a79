//! The two stages of a route.

/// The stages of a route, which fail and recover independently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// From the source to the page.
    Reading,
    /// From the page to the commit.
    Writing,
}

impl Stage {
    /// Both, in order of their indexes.
    pub const ALL: [Self; 2] = [Self::Reading, Self::Writing];

    /// A fixed word for metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Writing => "writing",
        }
    }
}
