//! Answers that look wrong: the request is repeated, and an odd answer is accepted only if it keeps coming.
//!
//! Gateways serve the previous request's page, drop the filter, truncate a page, or answer `null`. Each of
//! these is well-formed JSON, so one answer alone cannot expose it; a second one can. Doubts are counted per
//! request: eight readers that hit the same short fault are no evidence about the window of any of them.

pub(crate) mod plausible;
pub(crate) mod repeated_page;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

use crate::{error::CollectErrorKind, source_counters::Anomaly};

/// How often in a row the same request must get the same odd answer before the list is assumed to behave like
/// this.
const BELIEVED_AFTER: u32 = 5;
/// How long only such answers must have come, unless the list has shown this habit before: faults are
/// shorter.
const FAULT_LASTS: Duration = Duration::from_secs(20);
/// How many repeats are sent without a delay; after that the delays grow.
const AT_ONCE: u32 = 3;
/// The longest of these delays.
const WAIT_MAX: Duration = Duration::from_secs(8);
/// [`BELIEVED_AFTER`] for answers that lose no record if they are accepted by mistake.
const HARMLESS_BELIEVED_AFTER: u32 = 2;
/// How often a request is repeated at once after an unusable answer.
pub const REPEATED_AT_ONCE: u32 = 2;
/// A request that gets this many odd answers of changing kinds becomes an error, so that its retry delay
/// grows.
const REPORTED_AFTER: u32 = 12;

/// What looks wrong about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// `null` instead of the array of records.
    Null,
    /// No record, although more follows.
    EmptyWithMore,
    /// Records outside the requested window.
    OutsideWindow,
    /// Records before the cursor.
    BeforeCursor,
    /// The same page answered another request before, one that did not cover all of this one.
    RepeatedPage,
    /// A record that was shown or delivered before, and is within the request, is missing.
    Gap,
    /// The first page that reveals the list's direction or where it begins: a second answer must agree.
    Unproven,
    /// Records that are not in order of time.
    Unordered,
    /// Records in the opposite direction to before, or to the one requested.
    Reversed,
    /// Records that the filter should exclude.
    Unfiltered,
    /// The API says that the record behind the cursor is gone.
    CursorRefused,
    /// The API refuses the requested order.
    OrderRefused,
    /// 404 for a list that has answered before.
    NotFound,
    /// No answer, or an error that is likely to pass (5xx, 408, 409).
    Failed,
    /// A refusal of a request like others that were answered.
    Refused,
    /// 429.
    Throttled,
}

impl Doubt {
    /// The wording for logs and errors.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Null => "`data` is null",
            Self::EmptyWithMore => "no records, although more follow",
            Self::OutsideWindow => "records outside the requested window",
            Self::BeforeCursor => "records before the cursor",
            Self::RepeatedPage => "the same page came again for another request",
            Self::Gap => "a record shown before is missing",
            Self::Unordered => "records in no order",
            Self::Reversed => "records in the other direction",
            Self::Unfiltered => "records that the filter excludes",
            Self::CursorRefused => "the cursor is refused",
            Self::OrderRefused => "the order is refused",
            Self::NotFound => "404",
            Self::Failed => "no response",
            Self::Refused => "refused",
            Self::Throttled => "429",
            Self::Unproven => "not seen twice yet",
        }
    }

    /// The anomaly to count it as; `None` where another place counts it.
    pub fn anomaly(self) -> Option<Anomaly> {
        match self {
            Self::EmptyWithMore => Some(Anomaly::EmptyWithMore),
            Self::OutsideWindow => Some(Anomaly::OutsideWindow),
            Self::RepeatedPage => Some(Anomaly::RepeatedPage),
            Self::Gap => Some(Anomaly::Gap),
            Self::Unordered => Some(Anomaly::Unordered),
            Self::Unfiltered => Some(Anomaly::Unfiltered),
            Self::Null => Some(Anomaly::Malformed),
            // Counted when it is accepted.
            Self::BeforeCursor
            | Self::Reversed
            | Self::CursorRefused
            | Self::OrderRefused
            | Self::NotFound
            | Self::Failed
            | Self::Refused
            | Self::Throttled
            | Self::Unproven => None,
        }
    }

    /// Whether a list that has shown this long enough always shows it, so that the wait is not repeated. Not
    /// so for an empty list that answers `null`: once it has records, `null` is a fault.
    fn is_of_the_list(self) -> bool {
        match self {
            Self::EmptyWithMore
            | Self::OutsideWindow
            | Self::BeforeCursor
            | Self::Unordered
            | Self::Reversed
            | Self::Unfiltered => true,
            Self::Null
            | Self::RepeatedPage
            | Self::Gap
            | Self::Unproven
            | Self::CursorRefused
            | Self::OrderRefused
            | Self::NotFound
            | Self::Failed
            | Self::Refused
            | Self::Throttled => false,
        }
    }

    /// Whether there was no answer, which says nothing about those that come in between.
    fn is_failure(self) -> bool {
        match self {
            Self::NotFound | Self::Failed | Self::Refused | Self::Throttled => true,
            Self::Null
            | Self::EmptyWithMore
            | Self::OutsideWindow
            | Self::BeforeCursor
            | Self::RepeatedPage
            | Self::Gap
            | Self::Unproven
            | Self::Unordered
            | Self::Reversed
            | Self::Unfiltered
            | Self::CursorRefused
            | Self::OrderRefused => false,
        }
    }

    /// Whether to warn when it is accepted. The others are logged where they occur, or are no fault: in a
    /// quiet list two requests can well have the same answer.
    fn is_warned_of(self) -> bool {
        match self {
            Self::Null | Self::EmptyWithMore | Self::OutsideWindow | Self::Unordered | Self::Unfiltered => {
                true
            }
            Self::BeforeCursor
            | Self::RepeatedPage
            | Self::Gap
            | Self::Unproven
            | Self::Refused
            | Self::Throttled
            | Self::Reversed
            | Self::CursorRefused
            | Self::OrderRefused
            | Self::NotFound
            | Self::Failed => false,
        }
    }

    /// The error of a request that gets no other answer.
    pub fn error(self) -> CollectErrorKind {
        match self {
            Self::RepeatedPage => CollectErrorKind::RepeatedPage,
            Self::Null
            | Self::EmptyWithMore
            | Self::OutsideWindow
            | Self::BeforeCursor
            | Self::Gap
            | Self::Unproven
            | Self::Unordered
            | Self::Reversed
            | Self::Unfiltered
            | Self::CursorRefused
            | Self::OrderRefused
            | Self::NotFound
            | Self::Failed
            | Self::Refused
            | Self::Throttled => CollectErrorKind::Implausible(self.reason()),
        }
    }
}

/// What follows from an odd answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// Repeat the request after this delay.
    AskAgain(Duration),
    /// Return an error: the caller logs it, waits and tries again.
    Report,
    /// Take the answer as it is.
    Believe,
}

/// The odd answers to the request that is being repeated.
#[derive(Debug, Default)]
pub struct Doubts {
    request: u64,
    answers: UnbrokenRow,
    failures: UnbrokenRow,
    total: u32,
    /// The kind of the odd answers in an unbroken row, whatever was requested, and when the row began.
    since: Option<(Doubt, Instant)>,
    /// The kinds that were accepted: habits of this list.
    habits: Vec<Doubt>,
}

/// The same kind in an unbroken row.
#[derive(Debug, Default)]
struct UnbrokenRow {
    last: Option<Doubt>,
    in_a_row: u32,
}

impl UnbrokenRow {
    fn count(&mut self, doubt: Doubt) -> u32 {
        self.in_a_row = if self.last == Some(doubt) { self.in_a_row + 1 } else { 1 };
        self.last = Some(doubt);
        self.in_a_row
    }
}

impl Doubts {
    /// Counts an odd answer to this query. `harmless` means that accepting it by mistake costs requests but
    /// no records.
    pub fn strike(&mut self, query: &str, doubt: Doubt, harmless: bool) -> Belief {
        let in_a_row = self.count(query, doubt);
        let since = match self.since {
            Some((of, since)) if of == doubt => since,
            Some(_) | None => Instant::now(),
        };
        self.since = Some((doubt, since));
        // Count and duration are both needed: a gateway's fault can return many identical pages within a
        // second.
        let wanted = if harmless { HARMLESS_BELIEVED_AFTER } else { BELIEVED_AFTER };
        let lasts = harmless
            || since.elapsed() >= FAULT_LASTS
            || (doubt.is_of_the_list() && self.has_believed(doubt));
        if in_a_row >= wanted && lasts {
            self.forget();
            if !harmless {
                self.believed(doubt);
            }
            return Belief::Believe;
        }
        tracing::debug!(
            reason = doubt.reason(),
            times = in_a_row,
            "response looks wrong, requesting \
                                                                         it again"
        );
        // Harmless and known kinds are repeated at once: delays exist only to outlast a fault.
        let exponent = in_a_row.checked_sub(AT_ONCE).filter(|_| !harmless && !lasts);
        let wait = exponent.map_or(Duration::ZERO, |exponent| Duration::from_secs(1 << exponent.min(3)));
        if self.total.is_multiple_of(REPORTED_AFTER) {
            Belief::Report
        } else {
            Belief::AskAgain(wait.min(WAIT_MAX))
        }
    }

    /// Counts an unusable answer. True if the request is to be repeated at once.
    pub fn repeats_at_once(&mut self, query: &str, doubt: Doubt) -> bool {
        self.count(query, doubt) <= REPEATED_AT_ONCE
    }

    /// Counts a failed request. True if it is to be repeated at once, which is only so the first time.
    pub fn repeats_once(&mut self, query: &str, doubt: Doubt) -> bool {
        self.count(query, doubt) == 1
    }

    /// Forgets the odd answers after a good one, but not the habits.
    pub fn reset(&mut self) {
        self.since = None;
        self.forget();
    }

    fn forget(&mut self) {
        (self.request, self.total) = (0, 0);
        (self.answers, self.failures) = (UnbrokenRow::default(), UnbrokenRow::default());
    }

    /// Whether this was accepted as the list's habit.
    pub fn has_believed(&self, doubt: Doubt) -> bool {
        self.habits.contains(&doubt)
    }

    /// Counts an odd or unusable answer, and returns how many of this kind this query got in a row.
    pub fn count(&mut self, query: &str, doubt: Doubt) -> u32 {
        let request = xxhash_rust::xxh3::xxh3_64(query.as_bytes());
        // Another query is another question: what was seen so far says nothing about it.
        if self.request != request {
            self.forget();
            self.request = request;
        }
        self.total += 1;
        if doubt.is_failure() {
            return self.failures.count(doubt);
        }
        self.failures = UnbrokenRow::default();
        self.answers.count(doubt)
    }

    fn believed(&mut self, doubt: Doubt) {
        if self.habits.contains(&doubt) {
            return;
        }
        self.habits.push(doubt);
        if doubt.is_warned_of() {
            tracing::warn!(reason = doubt.reason(), "the list keeps responding like this: accepted as it is");
        }
    }
}
