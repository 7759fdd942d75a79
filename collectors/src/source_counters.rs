//! What is counted while lists are read: plain numbers, for whoever shows them.

use std::collections::BTreeMap;

use crate::http::transport::{Response, TransportError};

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestOutcome {
    /// An answer with this HTTP status arrived whole.
    Answered(u16),
    /// No answer came, or only a part of one.
    Unreachable,
    /// The answer outgrew its limit.
    TooLarge,
}

impl RequestOutcome {
    /// What came of this one.
    pub fn of(sent: &Result<Response, TransportError>) -> Self {
        match sent {
            Ok(response) => Self::Answered(response.status.as_u16()),
            Err(
                TransportError::Unreachable(_) | TransportError::TooSlow(_) | TransportError::Untrusted(_),
            ) => Self::Unreachable,
            Err(TransportError::TooLarge { .. }) => Self::TooLarge,
        }
    }
}

/// Requests by what came of them.
pub type Outcomes = BTreeMap<RequestOutcome, u64>;

/// Something about an answer that a well-behaved list does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// A body that is cut or is no list.
    Malformed,
    /// Records in no order of time.
    Unordered,
    /// The list answers in another direction than before, or than it was asked to.
    Reversed,
    /// No record, although more follows.
    EmptyWithMore,
    /// Records outside of the window that was asked for.
    OutsideWindow,
    /// The same page as for another request.
    RepeatedPage,
    /// A page that leaves out what was shown before and lies in what was asked for.
    Gap,
    /// Records that the filter leaves out.
    Unfiltered,
    /// A page with a record that it shows twice.
    DoubledInPage,
    /// A record that was delivered before under another second.
    Redated,
    /// The record behind the cursor is gone, or the cursor has no effect.
    CursorLost,
    /// A second with more records than a page, all of them found as far as can be told.
    CrowdedSecond,
    /// A second with more records than a page, of which some may be missing.
    CrowdedSecondUnsure,
}

impl Anomaly {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Malformed,
        Self::Unordered,
        Self::Reversed,
        Self::EmptyWithMore,
        Self::OutsideWindow,
        Self::RepeatedPage,
        Self::Gap,
        Self::Unfiltered,
        Self::DoubledInPage,
        Self::Redated,
        Self::CursorLost,
        Self::CrowdedSecond,
        Self::CrowdedSecondUnsure,
    ];

    /// A fixed word to count by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unordered => "unordered",
            Self::Reversed => "reversed",
            Self::EmptyWithMore => "empty_with_more",
            Self::OutsideWindow => "outside_window",
            Self::RepeatedPage => "repeated_page",
            Self::Gap => "gap",
            Self::Unfiltered => "unfiltered",
            Self::DoubledInPage => "doubled_in_page",
            Self::Redated => "redated",
            Self::CursorLost => "cursor_lost",
            Self::CrowdedSecond => "crowded_second",
            Self::CrowdedSecondUnsure => "crowded_second_unsure",
        }
    }
}

/// What was counted since it was last taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceCounters {
    /// Requests.
    pub outcomes: Outcomes,
    /// Strange answers.
    pub anomalies: BTreeMap<Anomaly, u64>,
}

impl SourceCounters {
    /// Counts a request.
    pub fn count(&mut self, outcome: RequestOutcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    /// Counts a strange answer.
    pub fn note(&mut self, anomaly: Anomaly) {
        *self.anomalies.entry(anomaly).or_default() += 1;
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        for (outcome, times) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += times;
        }
        for (anomaly, times) in other.anomalies {
            *self.anomalies.entry(anomaly).or_default() += times;
        }
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.outcomes.values().sum()
    }
}
