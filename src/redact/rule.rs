//! What happens to the values at one path.

use super::path::Path;

/// What happens to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// It is removed with its name.
    Drop,
    /// A fixed text replaces it.
    Mask,
    /// A keyed hash replaces it, the same for the same value.
    Hash,
}

impl RuleAction {
    /// The key of the settings that lists its paths.
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
pub struct RedactionRule {
    /// Their path.
    pub path: Path,
    /// What happens to them.
    pub action: RuleAction,
}
