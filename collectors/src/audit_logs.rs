//! `GET /organization/audit_logs`: closed slices of time, walked by time and never by a list cursor.
//!
//! The list has no `order` parameter and answers newest first, undocumented; so the direction is found from the pages. A page
//! takes away from the unread stretch what lies strictly beyond its last second: the last second itself is asked for again,
//! because the page may end in the middle of it.

use url::form_urlencoded::Serializer;

use crate::{
    LIMIT,
    crowded::Probe,
    cursor::Direction,
    error::CollectErrorKind,
    page::Malformed,
    reading::{Order, Reading, Seen, Turn},
};

/// Path of the list, below the base URL.
pub const PATH: &str = "/organization/audit_logs";
/// The permission it needs, as the API's own errors name it.
pub const SCOPE: &str = "api.audit_logs.read";
/// How many pages a slice aims at: enough to be worth its own bookkeeping, few enough to deliver nearly in order.
const SLICE_PAGES: i64 = 50;
/// A slice that looks longer than this on its first page is cut before it is read.
const SLICE_PAGES_MAX: i64 = 150;
/// The most that a slice is cut down at once.
const CUT_MAX: i64 = 4;
/// How often an answer that contradicts its request is asked for again before it is taken for the list's habit.
const STRIKES: u32 = 3;

/// Which events to list. Every list of values narrows it; an empty one does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditLogs {
    /// `project_ids[]`.
    pub project_ids: Vec<String>,
    /// `event_types[]`.
    pub event_types: Vec<String>,
    /// `actor_ids[]`.
    pub actor_ids: Vec<String>,
    /// `actor_emails[]`.
    pub actor_emails: Vec<String>,
    /// `resource_ids[]`.
    pub resource_ids: Vec<String>,
    /// Lists tenant-scoped events only, which the list leaves out otherwise.
    pub tenant_only: bool,
}

impl AuditLogs {
    /// The same filters for the tenant walk. `None` when none of the wanted event types is tenant-scoped: one other type would
    /// have the whole call refused.
    pub fn tenant(&self) -> Option<Self> {
        let event_types: Vec<String> =
            self.event_types.iter().filter(|name| is_tenant_scoped(name)).cloned().collect();
        if event_types.is_empty() && !self.event_types.is_empty() {
            return None;
        }
        Some(Self { event_types, tenant_only: true, ..self.clone() })
    }

    /// Path and query of a page of `window`. A probe of a crowded second adds its cursor or filter.
    pub fn query(&self, window: (i64, Option<i64>), probe: Option<&Probe>) -> String {
        let mut query = Serializer::new(format!("{PATH}?"));
        query.append_pair("limit", &LIMIT.to_string());
        if window.0 > 0 {
            query.append_pair("effective_at[gte]", &window.0.to_string());
        }
        if let Some(to) = window.1 {
            query.append_pair("effective_at[lte]", &to.to_string());
        }
        if self.tenant_only {
            query.append_pair("tenant_only", "true");
        }
        match probe {
            Some(Probe::After(id)) => _ = query.append_pair("after", id),
            Some(Probe::Before(id)) => _ = query.append_pair("before", id),
            Some(Probe::Only(event_type)) => _ = query.append_pair("event_types[]", event_type),
            Some(Probe::Again) | None => {}
        }
        if !matches!(probe, Some(Probe::Only(_))) {
            append_all(&mut query, "event_types[]", &self.event_types);
        }
        append_all(&mut query, "project_ids[]", &self.project_ids);
        append_all(&mut query, "actor_ids[]", &self.actor_ids);
        append_all(&mut query, "actor_emails[]", &self.actor_emails);
        append_all(&mut query, "resource_ids[]", &self.resource_ids);
        query.finish()
    }
}

fn append_all(query: &mut Serializer<'_, String>, name: &str, values: &[String]) {
    for value in values {
        query.append_pair(name, value);
    }
}

/// Whether events of this type are listed with `tenant_only=true` alone.
fn is_tenant_scoped(event_type: &str) -> bool {
    event_type.starts_with("tenant.")
        || matches!(event_type, "role.bound_to_resource" | "role.unbound_from_resource")
}

/// What is learned while a walk goes on, and forgotten with the process.
#[derive(Debug, Default)]
pub struct Doubts {
    strikes: u32,
    /// `has_more` was seen on an empty page of a single second: an empty page is the end, whatever it says.
    empty_is_end: bool,
    /// It was said that pages cannot be placed.
    told: bool,
}

/// Takes from the unread stretch what a page has shown. `now` is the newest second that a record may have.
pub fn advance(
    reading: &mut Reading,
    seen: Seen,
    direction: &mut Option<Direction>,
    doubts: &mut Doubts,
    now: i64,
) -> Result<Turn, CollectErrorKind> {
    reading.empty = if seen.order == Order::Empty { reading.empty + 1 } else { 0 };
    if !seen.has_more {
        doubts.strikes = 0;
        return Ok(done_or_more(reading.finish_window()));
    }
    let (from, to) = reading.window();
    match seen.order {
        Order::Empty if reading.empty < STRIKES => Ok(Turn::More),
        Order::Empty if doubts.empty_is_end => {
            reading.empty = 0;
            Ok(done_or_more(reading.finish_window()))
        }
        Order::Empty | Order::Mixed => {
            if !std::mem::replace(&mut doubts.told, true) {
                tracing::warn!(order = ?seen.order, from, to, "pages cannot be placed in time, halving their windows");
            }
            if !reading.halve(now.max(seen.max)) {
                if seen.order == Order::Mixed {
                    return contradiction(doubts);
                }
                tracing::warn!(
                    second = from,
                    "has_more on an empty page of one second: an empty page counts as the end"
                );
                doubts.empty_is_end = true;
                reading.upper = None;
            }
            reading.empty = 0;
            Ok(Turn::More)
        }
        Order::Flat if reading.covers(seen.max) => contradiction(doubts),
        Order::Flat => Ok(flat(reading, seen.max, *direction)),
        Order::Descending => {
            found(direction, Direction::Descending);
            if to.is_some_and(|to| seen.max > to) {
                return contradiction(doubts);
            }
            if seen.min < from {
                return beyond(reading, doubts);
            }
            doubts.strikes = 0;
            reading.lower_to(seen.min);
            Ok(Turn::More)
        }
        Order::Ascending => {
            found(direction, Direction::Ascending);
            if seen.min < from {
                return contradiction(doubts);
            }
            if to.is_some_and(|to| seen.max > to) {
                return beyond(reading, doubts);
            }
            doubts.strikes = 0;
            if reading.upper.is_none() {
                reading.raise_to(seen.max);
            } else if !reading.halve(now.max(seen.max)) {
                return contradiction(doubts);
            }
            Ok(Turn::More)
        }
    }
}

fn done_or_more(done: bool) -> Turn {
    if done { Turn::Done } else { Turn::More }
}

/// A full page of one second. Only a known direction tells which side of that second is read.
fn flat(reading: &mut Reading, second: i64, direction: Option<Direction>) -> Turn {
    let (from, to) = reading.window();
    match direction {
        _ if to == Some(second) || from == second && to == Some(from) => Turn::Crowded(second),
        Some(Direction::Descending) => {
            reading.lower_to(second);
            Turn::Crowded(second)
        }
        Some(Direction::Ascending) if reading.upper.is_none() => {
            reading.raise_to(second);
            Turn::Crowded(second)
        }
        Some(Direction::Ascending) | None => {
            reading.upper = Some(second + 1);
            Turn::More
        }
    }
}

fn found(direction: &mut Option<Direction>, now: Direction) {
    if *direction != Some(now) {
        let before = direction.map(Direction::word);
        tracing::info!(list = "audit_logs", order = now.word(), before, "order of the list found");
        *direction = Some(now);
    }
}

/// Records past the far end of the window. Believed at once, a page that answers an earlier request would end the window unread.
fn beyond(reading: &mut Reading, doubts: &mut Doubts) -> Result<Turn, CollectErrorKind> {
    match contradiction(doubts) {
        Err(CollectErrorKind::WindowIgnored) => Ok(done_or_more(reading.finish_window())),
        early => early,
    }
}

/// Records on the wrong side of the window: a stale answer at first, a list without a time filter when it stays so.
fn contradiction(doubts: &mut Doubts) -> Result<Turn, CollectErrorKind> {
    doubts.strikes += 1;
    if doubts.strikes < STRIKES {
        let reason = "records outside of the window that was asked for";
        return Err(CollectErrorKind::Malformed(Malformed { offset: 0, reason }));
    }
    doubts.strikes = 0;
    Err(CollectErrorKind::WindowIgnored)
}

/// A shorter end for a slice that its first page shows to be far too long. It is not cut below a part of its planned length: what
/// is dense at the slice's end may follow a long silence, which would be crossed in tiny steps.
pub fn shorter_slice(reading: &Reading, seen: Seen, now: i64, planned_seconds: i64) -> Option<i64> {
    let ordered = matches!(seen.order, Order::Descending | Order::Ascending);
    if reading.pages > 0 || !seen.has_more || !ordered {
        return None;
    }
    let seconds_a_page = seen.max - seen.min + 1;
    let length = reading.to.unwrap_or(now.max(seen.max)) - reading.lo + 1;
    let shorter = (seconds_a_page * SLICE_PAGES).max(planned_seconds / CUT_MAX);
    (length / seconds_a_page > SLICE_PAGES_MAX).then(|| reading.lo + shorter - 1)
}

/// How long the next slice should be, after one of `seconds` that took `pages`.
pub fn next_slice_seconds(seconds: i64, pages: u32) -> i64 {
    const TEN_YEARS: i64 = 10 * 366 * 86_400;
    let pages = i64::from(pages.max(1));
    let seconds = match pages {
        ..10 => seconds.saturating_mul((SLICE_PAGES / pages).min(8)),
        10..=SLICE_PAGES => seconds,
        _ => seconds * SLICE_PAGES / pages,
    };
    seconds.clamp(1, TEN_YEARS)
}
