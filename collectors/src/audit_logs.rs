//! `GET /organization/audit_logs`: closed slices of time, walked by time and never by a list cursor.
//!
//! The list has no `order` parameter and answers newest first, undocumented; so the direction is found from the pages. A page
//! takes away from the unread stretch what lies strictly beyond its last second: the last second itself is asked for again,
//! because the page may end in the middle of it.

use url::form_urlencoded::Serializer;

use crate::{
    crowded::Probe,
    cursor::Direction,
    error::CollectErrorKind,
    time_slice::{Order, Seen, TimeSlice, Turn},
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

    /// Path and query of a page of `window` with at most `limit` records. A probe of a crowded second adds its cursor or filter.
    pub fn query(&self, window: (i64, Option<i64>), probe: Option<&Probe>, limit: usize) -> String {
        let mut query = Serializer::new(format!("{PATH}?"));
        query.append_pair("limit", &limit.to_string());
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
            // There is `before` for that.
            Some(Probe::FarEnd(_) | Probe::Again) | None => {}
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
pub fn is_tenant_scoped(event_type: &str) -> bool {
    event_type.starts_with("tenant.")
        || matches!(event_type, "role.bound_to_resource" | "role.unbound_from_resource")
}

/// Takes from the unread stretch what a page has shown. A page that contradicts its request comes here only when it is all that the
/// request is answered with. `is_turned` where pages were found to be turned round. `now` is the newest second that a record may have.
pub fn advance(
    slice: &mut TimeSlice,
    seen: Seen,
    direction: &mut Option<Direction>,
    empty_is_end: &mut bool,
    is_turned: bool,
    now: i64,
) -> Result<Turn, CollectErrorKind> {
    if !seen.has_more || (seen.order == Order::Empty && *empty_is_end) {
        return Ok(done_or_more(slice.finish_window()));
    }
    let (from, to) = slice.window();
    match seen.order {
        Order::Empty | Order::Mixed => {
            if slice.halve(now.max(seen.max)) {
                return Ok(Turn::More);
            }
            if seen.order == Order::Mixed {
                return Err(CollectErrorKind::WindowIgnored);
            }
            // A single second stays empty: `has_more` says nothing here, and the whole window can be asked for again.
            *empty_is_end = true;
            slice.upper = None;
            Ok(Turn::More)
        }
        Order::Flat if slice.covers(seen.max) => Err(CollectErrorKind::WindowIgnored),
        Order::Flat => Ok(flat(slice, seen.max, *direction)),
        Order::Descending => {
            found(direction, Direction::Descending);
            if to.is_some_and(|to| seen.max > to) {
                return Err(CollectErrorKind::WindowIgnored);
            }
            if seen.min < from {
                return Ok(done_or_more(slice.finish_window()));
            }
            slice.lower_to(seen.min);
            slice.again = Some(seen.min);
            Ok(Turn::More)
        }
        Order::Ascending => {
            if seen.min < from {
                return Err(CollectErrorKind::WindowIgnored);
            }
            if to.is_some_and(|to| seen.max > to) {
                return Ok(done_or_more(slice.finish_window()));
            }
            if is_turned || slice.upper.is_some() {
                // Halves need no order.
                let halved = slice.halve(now.max(seen.max));
                return if halved { Ok(Turn::More) } else { Err(CollectErrorKind::WindowIgnored) };
            }
            if *direction != Some(Direction::Ascending) && seen.min > from {
                // A page may be turned round on its way: first what lies before it must be seen to be empty.
                slice.proof = Some(seen.min);
                return Ok(Turn::Discard);
            }
            found(direction, Direction::Ascending);
            slice.raise_to(seen.max);
            slice.again = Some(seen.max);
            Ok(Turn::More)
        }
    }
}

fn done_or_more(done: bool) -> Turn {
    if done { Turn::Done } else { Turn::More }
}

/// A full page of one second. Only a known direction tells which side of that second is read.
fn flat(slice: &mut TimeSlice, second: i64, direction: Option<Direction>) -> Turn {
    let (from, to) = slice.window();
    match direction {
        _ if to == Some(second) || from == second && to == Some(from) => Turn::Crowded(second),
        Some(Direction::Descending) => {
            slice.lower_to(second);
            Turn::Crowded(second)
        }
        Some(Direction::Ascending) if slice.upper.is_none() => {
            slice.raise_to(second);
            Turn::Crowded(second)
        }
        Some(Direction::Ascending) | None => {
            slice.upper = Some(second + 1);
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

/// A shorter end for a slice that its first page shows to be far too long. It is not cut below a part of its planned length: what
/// is dense at the slice's end may follow a long silence, which would be crossed in tiny steps.
pub fn shorter_slice(slice: &TimeSlice, seen: Seen, now: i64, planned_seconds: i64) -> Option<i64> {
    let ordered = matches!(seen.order, Order::Descending | Order::Ascending);
    if slice.pages > 0 || !seen.has_more || !ordered {
        return None;
    }
    let seconds_a_page = seen.max - seen.min + 1;
    let length = slice.to.unwrap_or(now.max(seen.max)) - slice.lo + 1;
    let shorter = (seconds_a_page * SLICE_PAGES).max(planned_seconds / CUT_MAX);
    (length / seconds_a_page > SLICE_PAGES_MAX).then(|| slice.lo + shorter - 1)
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
