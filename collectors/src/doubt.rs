//! Answers that look wrong: the request is sent again, and only what comes again and again is believed.
//!
//! Gateways answer with the page of the request before, drop the filter, cut a page short, or say `null`. Such an answer is
//! complete and well formed, so nothing but a second one can tell it from the truth. Doubts are counted for one request alone: what
//! eight readers saw during one short fault says nothing about the window of any of them.

use crate::{error::CollectErrorKind, page::Malformed, tally::Anomaly};

/// So often in a row the same request must be answered in the same odd way before that is taken for the list's habit.
const BELIEVED_AFTER: u32 = 5;
/// The same for what may be believed wrongly without a loss.
const HARMLESS_BELIEVED_AFTER: u32 = 2;
/// So often a request is repeated at once after an answer that cannot be used at all.
pub const REPEATED_AT_ONCE: u32 = 2;
/// A request that gets odd answers of changing kinds is an error after so many of them, so that its delay grows.
const REPORTED_AFTER: u32 = 12;

/// What looks wrong about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// `null` where the records should be.
    Null,
    /// No record, although more follows.
    EmptyWithMore,
    /// Records outside of the window that was asked for.
    OutsideWindow,
    /// Records that lie before the cursor.
    BeforeCursor,
    /// The page has answered another request, which did not ask for all that this one asks for.
    RepeatedPage,
    /// A record that was shown a moment ago, and lies in what was asked for, is not shown again.
    Gap,
    /// Records in no order of time.
    Unordered,
    /// Records in the other direction than before, or than was asked for.
    Reversed,
    /// Records that the filter leaves out.
    Unfiltered,
    /// The record behind the cursor is said to be gone.
    CursorRefused,
    /// 404 for a list.
    NotFound,
    /// No answer, or that of a server in trouble.
    Failed,
}

impl Doubt {
    /// The words for it in the log and in errors.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Null => "`data` is null",
            Self::EmptyWithMore => "no record, although more follows",
            Self::OutsideWindow => "records outside of the window that was asked for",
            Self::BeforeCursor => "records before the cursor",
            Self::RepeatedPage => "the same page as for another request",
            Self::Gap => "what was shown before is missing",
            Self::Unordered => "records in no order",
            Self::Reversed => "records in the other direction",
            Self::Unfiltered => "records that the filter leaves out",
            Self::CursorRefused => "the cursor is refused",
            Self::NotFound => "404",
            Self::Failed => "no answer",
        }
    }

    /// What it is counted as, unless that is counted where it is seen.
    pub fn anomaly(self) -> Option<Anomaly> {
        match self {
            Self::EmptyWithMore => Some(Anomaly::EmptyWithMore),
            Self::OutsideWindow => Some(Anomaly::OutsideWindow),
            Self::RepeatedPage => Some(Anomaly::RepeatedPage),
            Self::Gap => Some(Anomaly::Gap),
            Self::Unordered => Some(Anomaly::Unordered),
            Self::Unfiltered => Some(Anomaly::Unfiltered),
            Self::Null => Some(Anomaly::Malformed),
            // Counted when they are believed.
            Self::BeforeCursor | Self::Reversed | Self::CursorRefused | Self::NotFound | Self::Failed => None,
        }
    }

    /// Whether an operator should know when it is believed. The others have a line of their own, or are no fault: in a quiet list
    /// two requests may well have the same answer.
    fn is_warned_of(self) -> bool {
        match self {
            Self::Null | Self::EmptyWithMore | Self::OutsideWindow | Self::Unordered | Self::Unfiltered => {
                true
            }
            Self::BeforeCursor
            | Self::RepeatedPage
            | Self::Gap
            | Self::Reversed
            | Self::CursorRefused
            | Self::NotFound
            | Self::Failed => false,
        }
    }

    /// The error of a request that gets no other answers.
    pub fn error(self) -> CollectErrorKind {
        CollectErrorKind::Malformed(Malformed { offset: 0, reason: self.reason() })
    }
}

/// What follows from an odd answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// Send the same request again at once.
    AskAgain,
    /// Wait before it is sent again, and say why.
    Report,
    /// Take the answer as it is.
    Believe,
}

/// The odd answers to the request that is being repeated.
#[derive(Debug, Default)]
pub struct Doubts {
    request: u64,
    last: Option<Doubt>,
    in_a_row: u32,
    total: u32,
    warned: Vec<Doubt>,
}

impl Doubts {
    /// Counts an odd answer to the request with this query. `harmless` where believing it leaves nothing unread: it costs requests.
    pub fn strike(&mut self, query: &str, doubt: Doubt, harmless: bool) -> Belief {
        self.count(query, doubt);
        let wanted = if harmless { HARMLESS_BELIEVED_AFTER } else { BELIEVED_AFTER };
        if self.in_a_row >= wanted {
            self.settle();
            self.warn_once(doubt);
            return Belief::Believe;
        }
        tracing::debug!(reason = doubt.reason(), times = self.in_a_row, "answer looks wrong, asking again");
        if self.total.is_multiple_of(REPORTED_AFTER) { Belief::Report } else { Belief::AskAgain }
    }

    /// Counts an answer that cannot be used at all. True when the request is to be repeated at once.
    pub fn repeats_at_once(&mut self, query: &str, doubt: Doubt) -> bool {
        self.count(query, doubt);
        self.in_a_row <= REPEATED_AT_ONCE
    }

    /// Counts a request that failed. True when it is to be repeated at once, which is the first time.
    pub fn repeats_once(&mut self, query: &str, doubt: Doubt) -> bool {
        self.count(query, doubt);
        self.in_a_row == 1
    }

    /// The request has got an answer that is taken: whatever was seen before says nothing about the next one.
    pub fn settle(&mut self) {
        (self.request, self.last, self.in_a_row, self.total) = (0, None, 0, 0);
    }

    /// Whether this has been taken for the list's habit before.
    pub fn has_believed(&self, doubt: Doubt) -> bool {
        self.warned.contains(&doubt)
    }

    fn count(&mut self, query: &str, doubt: Doubt) {
        let request = xxhash_rust::xxh3::xxh3_64(query.as_bytes());
        if self.request != request {
            self.settle();
            self.request = request;
        }
        self.in_a_row = if self.last == Some(doubt) { self.in_a_row + 1 } else { 1 };
        self.last = Some(doubt);
        self.total += 1;
    }

    fn warn_once(&mut self, doubt: Doubt) {
        if doubt.is_warned_of() && !self.warned.contains(&doubt) {
            self.warned.push(doubt);
            tracing::warn!(reason = doubt.reason(), "the list keeps answering like this: taken as it is");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_answer_is_believed_when_the_same_request_gets_nothing_else() {
        let mut doubts = Doubts::default();
        for _ in 1..BELIEVED_AFTER {
            assert_eq!(doubts.strike("/a", Doubt::Null, false), Belief::AskAgain);
        }
        assert_eq!(doubts.strike("/a", Doubt::Null, false), Belief::Believe);
        assert_eq!(doubts.strike("/a", Doubt::Null, false), Belief::AskAgain, "forgotten once believed");
    }

    #[test]
    fn what_another_request_was_answered_does_not_count() {
        let mut doubts = Doubts::default();
        for _ in 0..20 {
            assert_eq!(doubts.strike("/a", Doubt::Null, false), Belief::AskAgain);
            assert_eq!(doubts.strike("/b", Doubt::Null, false), Belief::AskAgain);
        }
    }

    #[test]
    fn odd_answers_of_changing_kinds_are_never_believed_and_reported_now_and_then() {
        let mut doubts = Doubts::default();
        let kinds = [Doubt::Null, Doubt::OutsideWindow];
        let beliefs: Vec<_> = (0..60).map(|n| doubts.strike("/a", kinds[n % 2], false)).collect();
        assert!(!beliefs.contains(&Belief::Believe));
        assert_eq!(beliefs.iter().filter(|belief| **belief == Belief::Report).count(), 5);
    }

    #[test]
    fn a_list_that_is_not_found_is_asked_for_twice_more_and_then_left_to_growing_delays() {
        let mut doubts = Doubts::default();
        let again: Vec<_> = (0..5).map(|_| doubts.repeats_at_once("/a", Doubt::NotFound)).collect();
        assert_eq!(again, [true, true, false, false, false]);
        doubts.settle();
        assert!(doubts.repeats_at_once("/a", Doubt::NotFound));
    }
}
