//! What became of alerts.

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionOutcome {
    /// The cases of the alerts, one for each group.
    pub cases: Vec<CaseOutcome>,
    /// How many alerts already were attached to cases of their rule, by an earlier run.
    pub repeated: u64,
    /// How many groups share one case, because there were too many.
    pub overflowed: u64,
}

/// A case, and what a run did to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseOutcome {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: i64,
    /// Whether it is new.
    pub is_new: bool,
    /// Whether it was opened again.
    pub is_reopened: bool,
    /// Alerts that were attached.
    pub attached: u64,
    /// Alerts that were not, because it has too many.
    pub skipped: u64,
}
