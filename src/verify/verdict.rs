//! The verdict of a verification.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both sides hold the same.
    Agrees,
    /// They differ only where the reason is known.
    AgreesWithExplainedDifferences,
    /// They differ.
    Differs,
    /// It could not be found out.
    NotProvable,
}

impl Verdict {
    /// Every variant.
    pub const ALL: [Self; 4] =
        [Self::Agrees, Self::AgreesWithExplainedDifferences, Self::Differs, Self::NotProvable];

    /// That of a comparison with so many differences.
    pub fn of(unexplained: u64, explained: u64) -> Self {
        match (unexplained, explained) {
            (0, 0) => Self::Agrees,
            (0, _) => Self::AgreesWithExplainedDifferences,
            _ => Self::Differs,
        }
    }

    /// Its fixed word in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::AgreesWithExplainedDifferences => "agrees_with_explained_differences",
            Self::Differs => "differs",
            Self::NotProvable => "not_provable",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Agrees => "agrees",
            Self::AgreesWithExplainedDifferences => "agrees with explained differences",
            Self::Differs => "differs",
            Self::NotProvable => "not provable",
        })
    }
}
