//! Lists without a time filter, read from anchors.
//!
//! `after` drops the other records of its own second. So the anchor of the next page is a record of an *earlier* second than
//! the last one seen, and that last second is read again. Where the list does not honour `order=asc` everything is mirrored.
//!
//! A page puts the walk into one of the [`Situation`]s; each of them has one consequence, in [`advance`].

use std::cmp::Ordering;

use crate::{
    error::CollectErrorKind,
    page::record::Record,
    page::{ListPage, Malformed},
    walk::anchors::{Anchor, Anchors},
    walk::cursor::{Cursor, Direction},
    walk::time_slice::{Order, Position, Seen, TimeSlice, Turn},
};

/// After so many cursors in a row that were read a moment ago and have no effect, no cursor of this list has any.
const IGNORED_MAX: u32 = 3;

/// What a page means for the slice that asked for it.
#[derive(Debug, PartialEq, Eq)]
enum Situation {
    /// Nothing is shown: the end of the list, or an anchor that the list does not know.
    Empty,
    /// A full page without one usable record: nothing says how to continue.
    Unusable,
    /// The records are in no order.
    Unordered,
    /// The list answers in the other direction than the slice is read.
    OtherDirection(Direction),
    /// The page begins before its anchor: the list does not know it, or ignores cursors.
    Elsewhere,
    /// The last records of the slice, or of the list.
    End,
    /// No anchor leads past this second: it may hold more records than a page.
    Stuck(i64),
    /// More follows behind this record; everything beyond the second is read.
    More(i64, Option<Anchor>),
}

impl Situation {
    fn of(slice: &TimeSlice, page: &ListPage, seen: Seen, direction: Option<Direction>) -> Self {
        match order(slice, seen, direction) {
            Order::Empty if page.unusable.is_empty() => return Self::Empty,
            Order::Empty if seen.has_more => return Self::Unusable,
            Order::Mixed => return Self::Unordered,
            Order::Descending if !slice.down => return Self::OtherDirection(Direction::Descending),
            Order::Ascending if slice.down => return Self::OtherDirection(Direction::Ascending),
            Order::Empty | Order::Flat | Order::Descending | Order::Ascending => {}
        }
        if starts_elsewhere(slice, seen, direction) {
            return Self::Elsewhere;
        }
        let is_past_the_slice = if slice.down {
            seen.min < slice.from
        } else {
            // Records of one second do not tell from which end of the list they are.
            let is_known = direction.is_some() || proves_ascending(slice, seen, direction);
            is_known && slice.to.is_some_and(|to| seen.max > to)
        };
        if !seen.has_more || is_past_the_slice {
            return Self::End;
        }
        let last = if slice.down { seen.min } else { seen.max };
        let is_earlier = |a: i64, b: i64| if slice.down { a > b } else { a < b };
        let next = page.records.iter().rev().find(|record| is_earlier(record.second, last));
        let is_behind = |anchor: &Anchor| next.is_none_or(|next| !is_earlier(anchor.second, next.second));
        let is_at_a_stop = slice.anchor().is_some_and(is_behind) && slice.at == Some(last);
        if seen.order == Order::Flat || is_at_a_stop {
            return Self::Stuck(last);
        }
        Self::More(last, next.and_then(anchor_of))
    }
}

/// Takes from a slice what a page has shown. A page that contradicts its request comes here only when it is all that the request is
/// answered with. `ignored` counts the cursors in a row that had no effect.
pub fn advance(
    list: &'static str,
    slice: &mut TimeSlice,
    page: &ListPage,
    seen: Seen,
    cursor: &mut Cursor,
    ignored: &mut u32,
) -> Result<Turn, CollectErrorKind> {
    let Cursor { direction, anchors, .. } = cursor;
    let situation = Situation::of(slice, page, seen, *direction);
    let is_onward = matches!(situation, Situation::End | Situation::Stuck(_) | Situation::More(..));
    if is_onward && proves_ascending(slice, seen, *direction) {
        tracing::info!(list, "order=asc is honoured");
        *direction = Some(Direction::Ascending);
    }
    let unread = (slice.from, slice.to);
    let turn = match situation {
        Situation::Empty => return Ok(empty(slice, anchors)),
        Situation::Unusable => {
            let reason = "a full page without one usable record";
            return Err(CollectErrorKind::Malformed(Malformed { offset: 0, reason }));
        }
        Situation::Unordered => return Err(CollectErrorKind::Unordered),
        Situation::OtherDirection(found) => {
            let order = found.word();
            tracing::warn!(
                list,
                order,
                "the requested order is not honoured, reading in the other direction"
            );
            *direction = Some(found);
            turn_round(slice, anchors, found);
            return Ok(Turn::Discard);
        }
        Situation::Elsewhere => {
            // A record that was shown a moment ago exists: the list pays no heed to cursors at all.
            if matches!(slice.position, Position::Shown(_)) {
                *ignored += 1;
                if *ignored >= IGNORED_MAX {
                    return Err(CollectErrorKind::CursorIgnored);
                }
            }
            warn_gone(slice, "the list starts elsewhere");
            fall_back(slice, anchors, "the list starts elsewhere");
            return Ok(Turn::Discard);
        }
        Situation::End => Turn::Done,
        Situation::Stuck(last) => {
            slice.at = Some(last);
            if slice.down {
                slice.lower_to(last);
            }
            Turn::Crowded(last)
        }
        Situation::More(last, next) => {
            slice.at = Some(last);
            if slice.down {
                slice.lower_to(last);
            } else if direction.is_some() {
                slice.raise_to(last);
            }
            move_to(slice, next, Some(last));
            Turn::More
        }
    };
    if turn == Turn::Done || unread != (slice.from, slice.to) {
        *ignored = 0;
    }
    Ok(turn)
}

/// What of a page is seen of the order of its records: only the page before tells on which side of it a page of one second lies.
pub fn order(slice: &TimeSlice, seen: Seen, direction: Option<Direction>) -> Order {
    match slice.anchor() {
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

/// Whether a page shows for the first time that the list honours `order=asc`.
fn proves_ascending(slice: &TimeSlice, seen: Seen, direction: Option<Direction>) -> bool {
    let order = order(slice, seen, direction);
    direction.is_none() && !slice.down && !matches!(order, Order::Flat | Order::Empty)
}

/// Whether a page behind an anchor shows what lies before it.
pub fn starts_elsewhere(slice: &TimeSlice, seen: Seen, direction: Option<Direction>) -> bool {
    let Some(anchor) = slice.anchor() else {
        return false;
    };
    match seen.order {
        Order::Empty => false,
        Order::Flat | Order::Descending | Order::Ascending | Order::Mixed if slice.down => {
            seen.max > anchor.second
        }
        Order::Flat | Order::Descending | Order::Ascending | Order::Mixed => {
            // The rest of the anchor's own second may be the end of a list that answers newest first.
            let is_shown = matches!(slice.position, Position::Shown(_));
            let may_be_the_end = direction.is_none() && !is_shown && seen.max <= anchor.second;
            seen.min < anchor.second || may_be_the_end
        }
    }
}

/// Continues behind a crowded second, from one of its own records: `after` drops the rest of that second. True when that was the
/// last second of the slice.
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
    let Some(gone) = slice.anchor().cloned() else { return };
    anchors.remove(&gone);
    let older = if slice.down { None } else { anchors.before(gone.second).cloned() };
    let older_second = older.as_ref().map(|anchor| anchor.second);
    slice.position = older.into();
    slice.at = None;
    slice.again = None;
    tracing::debug!(second = gone.second, older = older_second, why, "going back to an older anchor");
}

/// Says that the record behind the cursor is gone.
pub fn warn_gone(slice: &TimeSlice, why: &'static str) {
    let second = slice.anchor().map(|anchor| anchor.second);
    tracing::warn!(second, why, "anchor is gone, falling back to an older one");
}

/// An empty answer may mean "no such cursor", also behind a record that was read a moment ago. An older one confirms it.
fn empty(slice: &mut TimeSlice, anchors: &mut Anchors) -> Turn {
    let Some(second) = slice.anchor().map(|anchor| anchor.second) else {
        return Turn::Done;
    };
    if matches!(slice.position, Position::Shown(_)) && slice.emptied == Some(second) {
        return Turn::Done;
    }
    slice.emptied = Some(second);
    // Behind the newest record of a list that is in order, too, there is nothing.
    fall_back(slice, anchors, "the response is empty");
    Turn::Discard
}

/// What was read stays read: before a direction is known nothing counts as read.
fn turn_round(slice: &mut TimeSlice, anchors: &Anchors, found: Direction) {
    let down = found == Direction::Descending;
    *slice = TimeSlice {
        from: slice.from,
        to: slice.to,
        down,
        position: anchors.before(slice.from).filter(|_| !down).cloned().into(),
        pages: slice.pages,
        ..TimeSlice::new(slice.lo, slice.hi)
    };
}

/// Continues from this record; `again` is the second that the next page must show again.
fn move_to(slice: &mut TimeSlice, anchor: Option<Anchor>, again: Option<i64>) {
    if let Some(anchor) = anchor {
        slice.position = Position::Shown(anchor);
        slice.again = again;
    }
}

/// The record as an anchor.
pub fn anchor_of(record: &Record) -> Option<Anchor> {
    Some(Anchor { second: record.second, id: record.id_text()?.into_owned() })
}
