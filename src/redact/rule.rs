//! What is to happen to the values at one path.

use super::path::Path;

/// What happens to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes, and its name with it.
    Drop,
    /// A fixed text stands in its place.
    Mask,
    /// A keyed hash stands in its place, the same for the same value.
    Hash,
}

impl Action {
    /// The key of the list that names its paths.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Mask => "mask",
            Self::Hash => "hash",
        }
    }
}

/// What happens to the values at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where they stand.
    pub path: Path,
    /// What happens to them.
    pub action: Action,
}
