//! `GET /chat/completions`: nothing filters by time, so reading goes on from anchors.
//!
//! `after` drops the other records of its own second. So the anchor of the next page is a record of an *earlier* second than
//! the last one seen, and that last second is read again. Where the list does not honour `order=asc` everything is mirrored.

use std::cmp::Ordering;

use url::form_urlencoded::Serializer;

use crate::{
    anchors::{Anchor, Anchors},
    crowded::Probe,
    cursor::Direction,
    error::CollectErrorKind,
    page::{ListPage, Malformed},
    time_slice::{Order, Seen, TimeSlice, Turn},
};

/// Path of the list, below the base URL.
pub const PATH: &str = "/chat/completions";
/// The permission it needs, as errors of the inference endpoints name it; unverified for this list.
pub const SCOPE: &str = "api.model.read, model.request";
/// After so many cursors in a row that were read a moment ago and have no effect, no cursor of this list has any.
const IGNORED_MAX: u32 = 3;

/// Which completions to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatCompletions {
    /// `model`: the full name of a snapshot.
    pub model: Option<String>,
    /// `metadata[key]=value`.
    pub metadata: Vec<(String, String)>,
}

impl ChatCompletions {
    /// Path and query of the page after a record, with at most `limit` records. `search` reads newest first, as does a look from the
    /// far end.
    pub fn query(&self, after: Option<&str>, search: bool, probe: Option<&Probe>, limit: usize) -> String {
        let mut query = Serializer::new(format!("{PATH}?"));
        query.append_pair("limit", &limit.to_string());
        let newest_first = search || matches!(probe, Some(Probe::FarEnd(_)));
        query.append_pair("order", if newest_first { "desc" } else { "asc" });
        let after = match probe {
            Some(Probe::After(id) | Probe::Before(id)) => Some(id.as_str()),
            Some(Probe::FarEnd(anchor)) => anchor.as_ref().map(|anchor| anchor.id.as_str()),
            Some(Probe::Again | Probe::Only(_)) | None => after,
        };
        if let Some(after) = after {
            query.append_pair("after", after);
        }
        match probe {
            Some(Probe::Only(model)) => _ = query.append_pair("model", model),
            Some(Probe::Again | Probe::After(_) | Probe::Before(_) | Probe::FarEnd(_)) | None => {
                if let Some(model) = &self.model {
                    query.append_pair("model", model);
                }
            }
        }
        for (key, value) in &self.metadata {
            query.append_pair(&format!("metadata[{key}]"), value);
        }
        query.finish()
    }
}

/// What of a page is seen of the order of its records: only the page before tells on which side of it a page of one second lies.
pub fn order(slice: &TimeSlice, seen: Seen, direction: Option<Direction>) -> Order {
    match &slice.anchor {
        Some(anchor) if seen.order == Order::Flat && direction.is_none() && !slice.down => {
            match seen.max.cmp(&anchor.second) {
                Ordering::Less => Order::Descending,
                Ordering::Equal => Order::Flat,
                Ordering::Greater => Order::Ascending,
            }
        }
        Some(_) | None => seen.order,
    }
}

/// Moves a reading along a page. A page that contradicts its request comes here only when it is all that the request is answered
/// with. `ignored` counts the cursors in a row that had no effect.
pub fn advance(
    slice: &mut TimeSlice,
    page: &ListPage,
    seen: Seen,
    direction: &mut Option<Direction>,
    anchors: &mut Anchors,
    ignored: &mut u32,
) -> Result<Turn, CollectErrorKind> {
    let order = order(slice, seen, *direction);
    match order {
        Order::Empty if page.unusable.is_empty() => return Ok(empty(slice, anchors)),
        Order::Empty if seen.has_more => {
            return Err(CollectErrorKind::Malformed(Malformed {
                offset: 0,
                reason: "a full page without one usable record",
            }));
        }
        Order::Mixed => return Err(CollectErrorKind::Unordered),
        Order::Descending if !slice.down => {
            turn_round(slice, direction, anchors, Direction::Descending);
            return Ok(Turn::Discard);
        }
        Order::Ascending if slice.down => {
            turn_round(slice, direction, anchors, Direction::Ascending);
            return Ok(Turn::Discard);
        }
        Order::Empty | Order::Flat | Order::Descending | Order::Ascending => {}
    }
    if starts_elsewhere(slice, seen, *direction) {
        if slice.fresh {
            *ignored += 1;
            if *ignored >= IGNORED_MAX {
                *ignored = 0;
                return Err(CollectErrorKind::CursorIgnored);
            }
        }
        warn_gone(slice, "the list starts elsewhere");
        fall_back(slice, anchors, "the list starts elsewhere");
        return Ok(Turn::Discard);
    }
    if !matches!(order, Order::Flat | Order::Empty) && direction.is_none() && !slice.down {
        tracing::info!(list = "chat_completions", "order=asc is honoured");
        *direction = Some(Direction::Ascending);
    }
    let unread = (slice.from, slice.to);
    let turn = if slice.down { down(slice, page, seen) } else { up(slice, page, seen, *direction) };
    if turn == Turn::Done || unread != (slice.from, slice.to) {
        *ignored = 0;
    }
    Ok(turn)
}

fn up(slice: &mut TimeSlice, page: &ListPage, seen: Seen, direction: Option<Direction>) -> Turn {
    // Records of one second do not tell from which end of the list they are.
    let is_known = direction.is_some();
    if !seen.has_more || (is_known && slice.to.is_some_and(|to| seen.max > to)) {
        return Turn::Done;
    }
    let next = page.records.iter().rev().find(|record| record.second < seen.max);
    let behind =
        slice.anchor.as_ref().is_some_and(|anchor| next.is_none_or(|next| next.second <= anchor.second));
    let stuck = seen.order == Order::Flat || (behind && slice.at == Some(seen.max));
    slice.at = Some(seen.max);
    if stuck {
        return Turn::Crowded(seen.max);
    }
    if is_known {
        slice.raise_to(seen.max);
    }
    move_to(slice, next.and_then(anchor_of), Some(seen.max));
    Turn::More
}

fn down(slice: &mut TimeSlice, page: &ListPage, seen: Seen) -> Turn {
    if !seen.has_more || seen.min < slice.from {
        return Turn::Done;
    }
    slice.lower_to(seen.min);
    let next = page.records.iter().rev().find(|record| record.second > seen.min);
    let behind =
        slice.anchor.as_ref().is_some_and(|anchor| next.is_none_or(|next| next.second >= anchor.second));
    let stuck = seen.order == Order::Flat || (behind && slice.at == Some(seen.min));
    slice.at = Some(seen.min);
    if stuck {
        return Turn::Crowded(seen.min);
    }
    move_to(slice, next.and_then(anchor_of), Some(seen.min));
    Turn::More
}

/// Goes on behind a crowded second, from one of its own records: `after` drops the rest of that second.
pub fn pass(
    slice: &mut TimeSlice,
    anchor: Option<Anchor>,
    second: i64,
    direction: Option<Direction>,
) -> bool {
    slice.at = Some(if slice.down { second - 1 } else { second + 1 });
    if slice.down {
        slice.lower_to(second - 1);
    } else if direction.is_some() {
        slice.raise_to(second + 1);
    }
    move_to(slice, anchor, None);
    slice.down && second <= slice.from
}

/// Leaves a gone anchor for the next older one, at last for the beginning of the list.
pub fn fall_back(slice: &mut TimeSlice, anchors: &mut Anchors, why: &'static str) {
    let Some(gone) = slice.anchor.take() else { return };
    anchors.remove(&gone);
    if !slice.down {
        slice.anchor = anchors.before(gone.second).cloned();
    }
    slice.at = None;
    slice.again = None;
    slice.fresh = false;
    let older = slice.anchor.as_ref().map(|anchor| anchor.second);
    tracing::debug!(second = gone.second, older, why, "going back to an older anchor");
}

/// Says that the record behind the cursor is gone.
pub fn warn_gone(slice: &TimeSlice, why: &'static str) {
    let second = slice.anchor.as_ref().map(|anchor| anchor.second);
    tracing::warn!(second, why, "anchor is gone, falling back to an older one");
}

/// An empty answer may mean "no such cursor", also behind a record that was read a moment ago. An older one confirms it.
fn empty(slice: &mut TimeSlice, anchors: &mut Anchors) -> Turn {
    let second = slice.anchor.as_ref().map(|anchor| anchor.second);
    if second.is_none() || (slice.fresh && second == slice.doubted) {
        return Turn::Done;
    }
    slice.doubted = second;
    // Behind the newest record of a list that is in order, too, there is nothing.
    fall_back(slice, anchors, "the answer is empty");
    Turn::Discard
}

/// Whether a page behind an anchor shows what lies before it.
pub fn starts_elsewhere(slice: &TimeSlice, seen: Seen, direction: Option<Direction>) -> bool {
    let Some(anchor) = &slice.anchor else {
        return false;
    };
    match seen.order {
        Order::Empty => false,
        Order::Flat | Order::Descending | Order::Ascending | Order::Mixed if slice.down => {
            seen.max > anchor.second
        }
        Order::Flat | Order::Descending | Order::Ascending | Order::Mixed => {
            // The rest of the anchor's own second may be the end of a list that answers newest first.
            let may_be_the_end = direction.is_none() && !slice.fresh && seen.max <= anchor.second;
            seen.min < anchor.second || may_be_the_end
        }
    }
}

/// What was read stays read: before a direction is known nothing counts as read.
fn turn_round(slice: &mut TimeSlice, direction: &mut Option<Direction>, anchors: &Anchors, found: Direction) {
    tracing::warn!(
        list = "chat_completions",
        order = found.word(),
        "the asked order is not honoured, reading the other way"
    );
    *direction = Some(found);
    let down = found == Direction::Descending;
    *slice = TimeSlice {
        from: slice.from,
        to: slice.to,
        down,
        anchor: anchors.before(slice.from).filter(|_| !down).cloned(),
        pages: slice.pages,
        ..TimeSlice::new(slice.lo, slice.hi)
    };
}

/// Goes on from this record; `again` is the second that the next page must show again.
fn move_to(slice: &mut TimeSlice, anchor: Option<Anchor>, again: Option<i64>) {
    if anchor.is_some() {
        slice.anchor = anchor;
        slice.again = again;
        slice.fresh = true;
    }
}

/// The record as an anchor.
pub fn anchor_of(record: &crate::record::Record) -> Option<Anchor> {
    Some(Anchor { second: record.second, id: record.id_text()?.into_owned() })
}
