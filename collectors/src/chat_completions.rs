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
    reading::{Order, Reading, Seen, Turn},
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
pub fn order(reading: &Reading, seen: Seen, direction: Option<Direction>) -> Order {
    match &reading.anchor {
        Some(anchor) if seen.order == Order::Flat && direction.is_none() && !reading.down => {
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
    reading: &mut Reading,
    page: &ListPage,
    seen: Seen,
    direction: &mut Option<Direction>,
    anchors: &mut Anchors,
    ignored: &mut u32,
) -> Result<Turn, CollectErrorKind> {
    let order = order(reading, seen, *direction);
    match order {
        Order::Empty if page.unusable.is_empty() => return Ok(empty(reading, anchors)),
        Order::Empty if seen.has_more => {
            return Err(CollectErrorKind::Malformed(Malformed {
                offset: 0,
                reason: "a full page without one usable record",
            }));
        }
        Order::Mixed => return Err(CollectErrorKind::Unordered),
        Order::Descending if !reading.down => {
            turn_round(reading, direction, anchors, Direction::Descending);
            return Ok(Turn::Discard);
        }
        Order::Ascending if reading.down => {
            turn_round(reading, direction, anchors, Direction::Ascending);
            return Ok(Turn::Discard);
        }
        Order::Empty | Order::Flat | Order::Descending | Order::Ascending => {}
    }
    if starts_elsewhere(reading, seen, *direction) {
        if reading.fresh {
            *ignored += 1;
            if *ignored >= IGNORED_MAX {
                *ignored = 0;
                return Err(CollectErrorKind::CursorIgnored);
            }
        }
        warn_gone(reading, "the list starts elsewhere");
        fall_back(reading, anchors, "the list starts elsewhere");
        return Ok(Turn::Discard);
    }
    if !matches!(order, Order::Flat | Order::Empty) && direction.is_none() && !reading.down {
        tracing::info!(list = "chat_completions", "order=asc is honoured");
        *direction = Some(Direction::Ascending);
    }
    let unread = (reading.from, reading.to);
    let turn = if reading.down { down(reading, page, seen) } else { up(reading, page, seen, *direction) };
    if turn == Turn::Done || unread != (reading.from, reading.to) {
        *ignored = 0;
    }
    Ok(turn)
}

fn up(reading: &mut Reading, page: &ListPage, seen: Seen, direction: Option<Direction>) -> Turn {
    // Records of one second do not tell from which end of the list they are.
    let is_known = direction.is_some();
    if !seen.has_more || (is_known && reading.to.is_some_and(|to| seen.max > to)) {
        return Turn::Done;
    }
    let next = page.records.iter().rev().find(|record| record.second < seen.max);
    let behind =
        reading.anchor.as_ref().is_some_and(|anchor| next.is_none_or(|next| next.second <= anchor.second));
    let stuck = seen.order == Order::Flat || (behind && reading.at == Some(seen.max));
    reading.at = Some(seen.max);
    if stuck {
        return Turn::Crowded(seen.max);
    }
    if is_known {
        reading.raise_to(seen.max);
    }
    move_to(reading, next.and_then(anchor_of), Some(seen.max));
    Turn::More
}

fn down(reading: &mut Reading, page: &ListPage, seen: Seen) -> Turn {
    if !seen.has_more || seen.min < reading.from {
        return Turn::Done;
    }
    reading.lower_to(seen.min);
    let next = page.records.iter().rev().find(|record| record.second > seen.min);
    let behind =
        reading.anchor.as_ref().is_some_and(|anchor| next.is_none_or(|next| next.second >= anchor.second));
    let stuck = seen.order == Order::Flat || (behind && reading.at == Some(seen.min));
    reading.at = Some(seen.min);
    if stuck {
        return Turn::Crowded(seen.min);
    }
    move_to(reading, next.and_then(anchor_of), Some(seen.min));
    Turn::More
}

/// Goes on behind a crowded second, from one of its own records: `after` drops the rest of that second.
pub fn pass(
    reading: &mut Reading,
    anchor: Option<Anchor>,
    second: i64,
    direction: Option<Direction>,
) -> bool {
    reading.at = Some(if reading.down { second - 1 } else { second + 1 });
    if reading.down {
        reading.lower_to(second - 1);
    } else if direction.is_some() {
        reading.raise_to(second + 1);
    }
    move_to(reading, anchor, None);
    reading.down && second <= reading.from
}

/// Leaves a gone anchor for the next older one, at last for the beginning of the list.
pub fn fall_back(reading: &mut Reading, anchors: &mut Anchors, why: &'static str) {
    let Some(gone) = reading.anchor.take() else { return };
    anchors.remove(&gone);
    if !reading.down {
        reading.anchor = anchors.before(gone.second).cloned();
    }
    reading.at = None;
    reading.again = None;
    reading.fresh = false;
    let older = reading.anchor.as_ref().map(|anchor| anchor.second);
    tracing::debug!(second = gone.second, older, why, "going back to an older anchor");
}

/// Says that the record behind the cursor is gone.
pub fn warn_gone(reading: &Reading, why: &'static str) {
    let second = reading.anchor.as_ref().map(|anchor| anchor.second);
    tracing::warn!(second, why, "anchor is gone, falling back to an older one");
}

/// An empty answer may mean "no such cursor", also behind a record that was read a moment ago. An older one confirms it.
fn empty(reading: &mut Reading, anchors: &mut Anchors) -> Turn {
    let second = reading.anchor.as_ref().map(|anchor| anchor.second);
    if second.is_none() || (reading.fresh && second == reading.doubted) {
        return Turn::Done;
    }
    reading.doubted = second;
    // Behind the newest record of a list that is in order, too, there is nothing.
    fall_back(reading, anchors, "the answer is empty");
    Turn::Discard
}

/// Whether a page behind an anchor shows what lies before it.
pub fn starts_elsewhere(reading: &Reading, seen: Seen, direction: Option<Direction>) -> bool {
    let Some(anchor) = &reading.anchor else {
        return false;
    };
    match seen.order {
        Order::Empty => false,
        Order::Flat | Order::Descending | Order::Ascending | Order::Mixed if reading.down => {
            seen.max > anchor.second
        }
        Order::Flat | Order::Descending | Order::Ascending | Order::Mixed => {
            // The rest of the anchor's own second may be the end of a list that answers newest first.
            let may_be_the_end = direction.is_none() && !reading.fresh && seen.max <= anchor.second;
            seen.min < anchor.second || may_be_the_end
        }
    }
}

/// What was read stays read: before a direction is known nothing counts as read.
fn turn_round(reading: &mut Reading, direction: &mut Option<Direction>, anchors: &Anchors, found: Direction) {
    tracing::warn!(
        list = "chat_completions",
        order = found.word(),
        "the asked order is not honoured, reading the other way"
    );
    *direction = Some(found);
    let down = found == Direction::Descending;
    *reading = Reading {
        from: reading.from,
        to: reading.to,
        down,
        anchor: anchors.before(reading.from).filter(|_| !down).cloned(),
        pages: reading.pages,
        ..Reading::new(reading.lo, reading.hi)
    };
}

/// Goes on from this record; `again` is the second that the next page must show again.
fn move_to(reading: &mut Reading, anchor: Option<Anchor>, again: Option<i64>) {
    if anchor.is_some() {
        reading.anchor = anchor;
        reading.again = again;
        reading.fresh = true;
    }
}

/// The record as an anchor.
pub fn anchor_of(record: &crate::record::Record) -> Option<Anchor> {
    Some(Anchor { second: record.second, id: record.id_text()?.into_owned() })
}
