//! What is counted while lists are read: plain numbers, without a metrics library.

use std::collections::{BTreeMap, BTreeSet};

use crate::http::transport::{Response, TransportError};

/// Outcome of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestOutcome {
    /// A complete answer with this HTTP status.
    Answered(u16),
    /// No answer, or only a part of one.
    Unreachable,
    /// The answer exceeded its size limit.
    TooLarge,
}

impl RequestOutcome {
    /// The outcome of this request.
    pub fn of(sent: &Result<Response, TransportError>) -> Self {
        match sent {
            Ok(response) => Self::Answered(response.status.as_u16()),
            Err(
                TransportError::Unreachable(_)
                | TransportError::Unanswered(_)
                | TransportError::TooSlow(_)
                | TransportError::Untrusted(_),
            ) => Self::Unreachable,
            Err(TransportError::TooLarge { .. }) => Self::TooLarge,
        }
    }
}

/// Requests per outcome.
pub type Outcomes = BTreeMap<RequestOutcome, u64>;

/// A property of an answer that a well-behaved list does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// A body that is truncated or is not a list.
    Malformed,
    /// Records that are not in order of time.
    Unordered,
    /// The list answers in another direction than before or than requested.
    Reversed,
    /// No records, although more are said to follow.
    EmptyWithMore,
    /// Records outside the requested window.
    OutsideWindow,
    /// The page of another request.
    RepeatedPage,
    /// A page that omits a record of its range that was shown before.
    Gap,
    /// Records that the filter should exclude.
    Unfiltered,
    /// A page that contains a record twice.
    DoubledInPage,
    /// A record that was delivered before with another second.
    Redated,
    /// The record behind the cursor is gone, or the list ignores the cursor.
    CursorLost,
    /// A second with more records than a page, all of which were probably found.
    CrowdedSecond,
    /// A second with more records than a page, some of which may be missing.
    CrowdedSecondUnsure,
}

impl Anomaly {
    /// Every variant.
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

    /// Its fixed name in metrics.
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

/// Counts since they were last taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceCounters {
    /// Requests per outcome.
    pub outcomes: Outcomes,
    /// Answers per anomaly.
    pub anomalies: BTreeMap<Anomaly, u64>,
    /// The seconds behind [`Anomaly::CrowdedSecondUnsure`]; the first thousand of them.
    pub unsure_seconds: BTreeSet<i64>,
}

/// The most seconds that are named, because a list without an order could make every second one of them.
pub const UNSURE_SECONDS_MAX: usize = 1000;

impl SourceCounters {
    /// Counts a request.
    pub fn count(&mut self, outcome: RequestOutcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    /// Counts an anomaly.
    pub fn note(&mut self, anomaly: Anomaly) {
        *self.anomalies.entry(anomaly).or_default() += 1;
    }

    /// Names a crowded second of which some records may be missing.
    pub fn note_unsure(&mut self, second: i64) {
        if self.unsure_seconds.len() < UNSURE_SECONDS_MAX {
            self.unsure_seconds.insert(second);
        }
    }

    /// Adds the counts of another place.
    pub fn add(&mut self, other: Self) {
        for (outcome, times) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += times;
        }
        for (anomaly, times) in other.anomalies {
            *self.anomalies.entry(anomaly).or_default() += times;
        }
        other.unsure_seconds.into_iter().for_each(|second| self.note_unsure(second));
    }

    /// Requests over all outcomes.
    pub fn requests(&self) -> u64 {
        self.outcomes.values().sum()
    }
}
