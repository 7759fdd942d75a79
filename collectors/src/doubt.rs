//! Answers that look wrong: the request is sent again, and only what comes again and again is believed.
//!
//! Gateways answer with the page of the request before, drop the filter, cut a page short, or say `null`. Such an answer is
//! complete and well formed, so nothing but a second one can tell it from the truth. Doubts are counted for one request alone: what
//! eight readers saw during one short fault says nothing about the window of any of them.

pub(crate) mod plausible;
pub(crate) mod repeated_page;

use std::time::Duration;

use tokio::time::Instant;

use crate::{error::CollectErrorKind, page::Malformed, source_counters::Anomaly};

/// So often in a row the same request must be answered in the same odd way before that is taken for the list's habit.
const BELIEVED_AFTER: u32 = 5;
/// So long nothing but such answers must have come, unless the list has shown this habit before: a fault passes.
const FAULT_LASTS: Duration = Duration::from_secs(20);
/// So many answers are asked for at once; after that the waits grow.
const AT_ONCE: u32 = 3;
/// The longest of these waits.
const WAIT_MAX: Duration = Duration::from_secs(8);
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
    /// The first page that shows a direction, or a beginning: another answer must show the same.
    Unproven,
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
    /// A refusal of a request like those that were answered.
    Refused,
}

impl Doubt {
    /// The words for it in the log and in errors.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Null => "`data` is null",
            Self::EmptyWithMore => "no records, although more follow",
            Self::OutsideWindow => "records outside the requested window",
            Self::BeforeCursor => "records before the cursor",
            Self::RepeatedPage => "the same page as for another request",
            Self::Gap => "a record shown before is missing",
            Self::Unordered => "records in no order",
            Self::Reversed => "records in the other direction",
            Self::Unfiltered => "records that the filter excludes",
            Self::CursorRefused => "the cursor is refused",
            Self::NotFound => "404",
            Self::Failed => "no response",
            Self::Refused => "refused",
            Self::Unproven => "not seen twice yet",
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
            Self::BeforeCursor
            | Self::Reversed
            | Self::CursorRefused
            | Self::NotFound
            | Self::Failed
            | Self::Refused
            | Self::Unproven => None,
        }
    }

    /// Whether a list that has shown it for long shows it always, so that it need not last again. An empty list that says `null` may
    /// fill up, and then `null` is a fault.
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
            | Self::NotFound
            | Self::Failed
            | Self::Refused => false,
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
            | Self::Unproven
            | Self::Refused
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
    /// Send the same request again, after this long.
    AskAgain(Duration),
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
    /// Since when nothing but such answers came, whatever was asked.
    since: Option<(Doubt, Instant)>,
    /// What has been believed, and so is this list's habit.
    habits: Vec<Doubt>,
}

impl Doubts {
    /// Counts an odd answer to the request with this query. `harmless` where believing it leaves nothing unread: it costs requests.
    pub fn strike(&mut self, query: &str, doubt: Doubt, harmless: bool) -> Belief {
        self.count(query, doubt);
        let since = match self.since {
            Some((of, since)) if of == doubt => since,
            Some(_) | None => Instant::now(),
        };
        self.since = Some((doubt, since));
        let wanted = if harmless { HARMLESS_BELIEVED_AFTER } else { BELIEVED_AFTER };
        let lasts = harmless
            || since.elapsed() >= FAULT_LASTS
            || (doubt.is_of_the_list() && self.has_believed(doubt));
        if self.in_a_row >= wanted && lasts {
            self.forget();
            if !harmless {
                self.believed(doubt);
            }
            return Belief::Believe;
        }
        tracing::debug!(
            reason = doubt.reason(),
            times = self.in_a_row,
            "response looks wrong, requesting \
                                                                         it again"
        );
        let exponent = self.in_a_row.checked_sub(AT_ONCE).filter(|_| !harmless && !lasts);
        let wait = exponent.map_or(Duration::ZERO, |exponent| Duration::from_secs(1 << exponent.min(3)));
        if self.total.is_multiple_of(REPORTED_AFTER) {
            Belief::Report
        } else {
            Belief::AskAgain(wait.min(WAIT_MAX))
        }
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
        self.since = None;
        self.forget();
    }

    fn forget(&mut self) {
        (self.request, self.last, self.in_a_row, self.total) = (0, None, 0, 0);
    }

    /// Whether this has been taken for the list's habit before.
    pub fn has_believed(&self, doubt: Doubt) -> bool {
        self.habits.contains(&doubt)
    }

    fn count(&mut self, query: &str, doubt: Doubt) {
        let request = xxhash_rust::xxh3::xxh3_64(query.as_bytes());
        if self.request != request {
            self.forget();
            self.request = request;
        }
        self.in_a_row = if self.last == Some(doubt) { self.in_a_row + 1 } else { 1 };
        self.last = Some(doubt);
        self.total += 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows from the same odd answer again and again, with the time that is waited between.
    async fn until_believed(doubts: &mut Doubts, query: &str, doubt: Doubt) -> (u32, Duration) {
        let begun = Instant::now();
        for times in 1..100 {
            match doubts.strike(query, doubt, false) {
                Belief::AskAgain(wait) => tokio::time::sleep(wait).await,
                Belief::Report => tokio::time::sleep(Duration::from_secs(1)).await,
                Belief::Believe => return (times, begun.elapsed()),
            }
        }
        panic!("never believed");
    }

    #[tokio::test(start_paused = true)]
    async fn an_odd_answer_is_believed_when_the_same_request_gets_nothing_else_for_long() {
        let mut doubts = Doubts::default();
        let (times, took) = until_believed(&mut doubts, "/a", Doubt::Null).await;
        assert!(times > BELIEVED_AFTER && took >= FAULT_LASTS, "{times} in {took:?}");
        assert!(took < Duration::from_secs(35), "{took:?}");
        let (times, took) = until_believed(&mut doubts, "/b", Doubt::Null).await;
        assert_eq!((times, took), (BELIEVED_AFTER, Duration::ZERO), "nothing else came since");
        doubts.settle();
        let (_, took) = until_believed(&mut doubts, "/a", Doubt::Null).await;
        assert!(took >= FAULT_LASTS, "after a good answer it is a fault again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_habit_of_the_list_need_not_last_again() {
        let mut doubts = Doubts::default();
        until_believed(&mut doubts, "/a", Doubt::EmptyWithMore).await;
        doubts.settle();
        let (times, took) = until_believed(&mut doubts, "/a", Doubt::EmptyWithMore).await;
        assert_eq!((times, took), (BELIEVED_AFTER, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_request_was_answered_does_not_count() {
        let mut doubts = Doubts::default();
        for _ in 0..5 {
            assert_eq!(doubts.strike("/a", Doubt::Null, false), Belief::AskAgain(Duration::ZERO));
            assert_eq!(doubts.strike("/b", Doubt::Null, false), Belief::AskAgain(Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn odd_answers_of_changing_kinds_are_never_believed_and_reported_now_and_then() {
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
