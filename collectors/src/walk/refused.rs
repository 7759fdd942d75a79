//! What follows from a request of a walk that failed: whether it is repeated as it was, in another form, or is an
//! error.

use std::time::Duration;

use crate::{
    doubt::{Belief, Doubt},
    error::{CollectError, CollectErrorKind},
    http::client::Client,
    walk::{
        Walk,
        apply::Page,
        crowded::CrowdedSecond,
        cursor::Task,
        page_size::TooMuch,
        request::WalkRequest,
        time_slice::TimeSlice,
        witness::{Suspect, Testimony},
    },
};

/// Delay before a refused request is repeated, if others like it were answered.
const REFUSED_WAIT: Duration = Duration::from_secs(2);

/// After this many 429 in a row to the same request, and again after as many more, their reason may be the number of records.
const THROTTLED_MAX: u32 = 6;

/// 413. What limits responses on the way to the API also answers so, although requests have no body.
pub(crate) const TOO_LARGE: u16 = 413;

/// What follows from a refusal.
enum AfterRefusal {
    /// The request is repeated, possibly in another form.
    Repeat,
    /// The walk continues elsewhere.
    Move(Box<Page>),
    /// It is an error of the route.
    Fail,
}

impl Walk {
    /// Handles an error answer; `None` if the request is to be repeated.
    pub(super) async fn refused(
        &mut self,
        client: &Client,
        task: Task,
        slice: &TimeSlice,
        request: &WalkRequest,
        error: CollectError,
        now: i64,
    ) -> Result<Option<Page>, CollectError> {
        let repeats = match &error.kind {
            CollectErrorKind::TooLarge { .. } | CollectErrorKind::Refused { status: TOO_LARGE, .. } => {
                self.asks_for_less(task, TooMuch::Bytes)
            }
            // Either a passing network fault, or a page too large for the timeout, which would fail for ever
            // at the same limit.
            CollectErrorKind::TooSlow(_) => {
                self.doubts.repeats_once(&request.query, Doubt::Failed)
                    || self.asks_for_less(task, TooMuch::Slow)
            }
            kind if is_about_order(kind) && !self.list.has_time_filter() => {
                if self.doubts.strike(&request.query, Doubt::OrderRefused, true) == Belief::Believe {
                    return end(self.give_up_order(client, task, slice, now), error);
                }
                true
            }
            kind if is_about_limit(kind) => self.asks_for_less(task, TooMuch::Refused),
            kind if is_about_cursor(kind) && self.asks_with_cursor(task, slice) => {
                // Gateways also answer 404. It is about the cursor only if the list answers without one.
                let witness = self.list.newest(1, self.orders);
                let answered =
                    client.list(&witness.query, self.list.scope, self.list.time, self.lane(task, now)).await;
                match answered {
                    Ok(answer) => client.accept(&answer.page, witness.span),
                    // The witness is asked for newest first, which has nothing to do with the cursor.
                    Err(error) if is_about_order(&error.kind) && client.refused_order(&self.list, true) => {
                        return Ok(None);
                    }
                    Err(error) => return Err(passing(error)),
                }
                if self.doubts.strike(&request.query, Doubt::CursorRefused, true) == Belief::Believe {
                    return Ok(Some(self.give_up_cursor(task, slice, now)));
                }
                true
            }
            CollectErrorKind::NotFound => self.doubts.repeats_at_once(&request.query, Doubt::NotFound),
            // A single cut connection or server error is common: only a second one is logged and delayed. Several
            // in a row may be due to the size of the page.
            CollectErrorKind::Unanswered(_) | CollectErrorKind::Overloaded { retry_after: None, .. } => {
                let is_less = self.asks_for_less(task, TooMuch::Perhaps);
                self.doubts.repeats_once(&request.query, Doubt::Failed) || is_less
            }
            CollectErrorKind::Unreachable(_) | CollectErrorKind::Untrusted(_) => {
                self.doubts.repeats_once(&request.query, Doubt::Failed)
            }
            CollectErrorKind::Overloaded { retry_after: Some(_), .. } => {
                self.asks_for_less(task, TooMuch::Perhaps);
                false
            }
            // Some gateways answer so whenever a request asks for more than they allow, however rarely it comes.
            CollectErrorKind::Throttled { .. } => {
                let refusals = self.doubts.count(&request.query, Doubt::Throttled);
                let wanted = if self.suspicion.is_size_known() { 1 } else { THROTTLED_MAX };
                // A service that refuses everything must not get a witness with each request.
                if !refusals.is_multiple_of(wanted) && !self.suspicion.is_open(&request.query) {
                    return Err(error);
                }
                return end(self.find_suspect(client, task, slice, request, now).await, error);
            }
            // An intermediary may briefly refuse a request that was allowed before.
            kind if may_pass(kind) => {
                if !self.doubts.repeats_at_once(&request.query, Doubt::Refused) {
                    if !is_unspecific(kind) {
                        return Err(error);
                    }
                    return end(self.find_suspect(client, task, slice, request, now).await, error);
                }
                tokio::time::sleep(REFUSED_WAIT).await;
                true
            }
            _ => false,
        };
        if repeats { Ok(None) } else { Err(passing(error)) }
    }

    /// Requests the page without what may be at fault, and continues without the part that is proven.
    async fn find_suspect(
        &mut self,
        client: &Client,
        task: Task,
        slice: &TimeSlice,
        request: &WalkRequest,
        now: i64,
    ) -> AfterRefusal {
        match self.hear_witnesses(client, task, slice, request, now).await {
            Testimony::None => AfterRefusal::Fail,
            Testimony::Against => AfterRefusal::Repeat,
            Testimony::Proven(Suspect::Order) => self.give_up_order(client, task, slice, now),
            Testimony::Proven(Suspect::Cursor) => {
                AfterRefusal::Move(Box::new(self.give_up_cursor(task, slice, now)))
            }
            Testimony::Proven(Suspect::Size) if self.asks_for_less(task, TooMuch::Refused) => {
                AfterRefusal::Repeat
            }
            Testimony::Proven(Suspect::Size) => AfterRefusal::Fail,
        }
    }

    /// Continues without the order that the list refuses.
    fn give_up_order(&mut self, client: &Client, task: Task, slice: &TimeSlice, now: i64) -> AfterRefusal {
        let is_far_end = self.crowds[task as usize].as_ref().is_some_and(CrowdedSecond::asks_far_end);
        if !client.refused_order(&self.list, task == Task::Search || is_far_end) {
            return AfterRefusal::Fail;
        }
        if is_far_end {
            return AfterRefusal::Move(Box::new(self.give_up_cursor(task, slice, now)));
        }
        AfterRefusal::Repeat
    }

    /// Continues without the cursor that the list refuses.
    fn give_up_cursor(&mut self, task: Task, slice: &TimeSlice, now: i64) -> Page {
        let crowd = self.crowds[task as usize].take();
        let decision = self.decide_without_cursor(task, slice, crowd, now);
        self.apply(task, decision, now)
    }

    /// Learns that a page did not arrive. True if the next request asks for fewer records.
    fn asks_for_less(&mut self, task: Task, why: TooMuch) -> bool {
        let (is_less, limit) = match &mut self.crowds[task as usize] {
            Some(crowd) => (crowd.reach.failed(why), crowd.reach.limit()),
            None => (self.size.failed(why), self.size.limit()),
        };
        if is_less {
            let reason = match why {
                TooMuch::Bytes => "responses are too large",
                TooMuch::Slow => "responses take longer than the timeout",
                TooMuch::Refused => "requests for more are refused, at any rate",
                TooMuch::Perhaps => "several requests in a row failed",
            };
            tracing::info!(limit, reason, "requesting fewer records");
        }
        is_less
    }

    pub(super) fn asks_with_cursor(&self, task: Task, slice: &TimeSlice) -> bool {
        let crowd = self.crowds[task as usize].as_ref();
        slice.anchor().is_some() || crowd.is_some_and(CrowdedSecond::asks_with_cursor)
    }
}

fn end(after: AfterRefusal, error: CollectError) -> Result<Option<Page>, CollectError> {
    match after {
        AfterRefusal::Repeat => Ok(None),
        AfterRefusal::Move(page) => Ok(Some(*page)),
        AfterRefusal::Fail => Err(error),
    }
}

/// Whether a refusal may be about the cursor.
fn is_about_cursor(kind: &CollectErrorKind) -> bool {
    match kind {
        CollectErrorKind::ParameterRefused { status, param } => {
            *status == 404 || param.starts_with("after") || param.starts_with("before")
        }
        CollectErrorKind::NotFound => true,
        _ => false,
    }
}

/// Whether a refusal is about the order of the list.
pub(crate) fn is_about_order(kind: &CollectErrorKind) -> bool {
    matches!(kind, CollectErrorKind::ParameterRefused { param, .. } if param == "order")
}

/// Whether a refusal is about the number of records.
pub(crate) fn is_about_limit(kind: &CollectErrorKind) -> bool {
    matches!(kind, CollectErrorKind::ParameterRefused { param, .. } if param == "limit")
}

/// Whether a refusal may be about any part of the request, because it names none.
pub(crate) fn is_unspecific(kind: &CollectErrorKind) -> bool {
    matches!(
        kind,
        CollectErrorKind::Refused { .. } | CollectErrorKind::Intercepted { .. } | CollectErrorKind::Forbidden
    )
}

/// Whether the request itself is refused, and not any request at the moment.
pub(super) fn is_refusal(kind: &CollectErrorKind) -> bool {
    is_unspecific(kind)
        || matches!(kind, CollectErrorKind::ParameterRefused { .. } | CollectErrorKind::NotFound)
}

/// Whether a refusal may come from an intermediary, for a moment.
fn may_pass(kind: &CollectErrorKind) -> bool {
    is_unspecific(kind)
        || matches!(
            kind,
            CollectErrorKind::Unauthorized
                | CollectErrorKind::MethodNotAllowed
                | CollectErrorKind::Redirected { .. }
                | CollectErrorKind::ProxyAuthentication
        )
}

/// A list that has answered does not disappear: its 404 comes from something on the way.
fn passing(error: CollectError) -> CollectError {
    match error.kind {
        CollectErrorKind::NotFound => {
            let kind = CollectErrorKind::Overloaded { status: 404, retry_after: None };
            CollectError { kind, ..error }
        }
        _ => error,
    }
}
