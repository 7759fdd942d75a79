//! Lists without a time filter, read from anchors.
//!
//! `after` also drops the other records of its own second. So the anchor of the next page is a record of an
//! *earlier* second than the last one seen, and that last second is read again. If the list does not honour
//! `order=asc`, everything is mirrored.
//!
//! A page puts the walk into one of the [`Situation`]s; [`advance`] has one consequence for each.

use std::cmp::Ordering;

use crate::{
    error::CollectErrorKind,
    page::{ListPage, Malformed, record::Record},
    walk::{
        anchors::{Anchor, Anchors},
        cursor::{Cursor, Direction},
        time_slice::{PageOrder, PageSummary, Position, SliceTurn, TimeSlice},
    },
};

/// After this many cursors in a row without effect, all of records that were just read, the list ignores
/// cursors.
const IGNORED_MAX: u32 = 3;

/// What a page means for the slice that asked for it.
#[derive(Debug, PartialEq, Eq)]
enum Situation {
    /// No records: the end of the list, or an anchor that the list does not know.
    Empty,
    /// A full page without a usable record, so that nothing says how to continue.
    Unusable,
    /// The records are in no order.
    Unordered,
    /// The list answers in the opposite direction to the slice.
    OtherDirection(Direction),
    /// The page begins before its anchor: the list does not know it, or ignores cursors.
    Elsewhere,
    /// The last records of the slice, or of the list.
    End,
    /// No anchor leads past this second, which may hold more records than a page.
    Stuck(i64),
    /// More follows after this record; everything beyond the second is read.
    More(i64, Option<Anchor>),
}

impl Situation {
    fn of(slice: &TimeSlice, page: &ListPage, seen: PageSummary, direction: Option<Direction>) -> Self {
        match order(slice, seen, direction) {
            PageOrder::Empty if page.unusable.is_empty() => return Self::Empty,
            PageOrder::Empty if seen.has_more => return Self::Unusable,
            PageOrder::Mixed => return Self::Unordered,
            PageOrder::Descending if !slice.down => return Self::OtherDirection(Direction::Descending),
            PageOrder::Ascending if slice.down => return Self::OtherDirection(Direction::Ascending),
            PageOrder::Empty | PageOrder::Flat | PageOrder::Descending | PageOrder::Ascending => {}
        }
        if starts_elsewhere(slice, seen, direction) {
            return Self::Elsewhere;
        }
        let is_past_the_slice = if slice.down {
            seen.min < slice.from
        } else {
            // Records of a single second do not show from which end of the list they come.
            let is_known = direction.is_some() || proves_ascending(slice, seen, direction);
            is_known && slice.to.is_some_and(|to| seen.max > to)
        };
        if !seen.has_more || is_past_the_slice {
            return Self::End;
        }
        let last = if slice.down { seen.min } else { seen.max };
        let is_earlier = |a: i64, b: i64| if slice.down { a > b } else { a < b };
        // Of an earlier second, because `after` would drop the unseen records of the last one.
        let next = page.records.iter().rev().find(|record| is_earlier(record.second, last));
        let is_behind = |anchor: &Anchor| next.is_none_or(|next| !is_earlier(anchor.second, next.second));
        // The same last second twice, and no anchor beyond the current one: the next request would be this
        // one again.
        let is_at_a_stop = slice.anchor().is_some_and(is_behind) && slice.at == Some(last);
        if seen.order == PageOrder::Flat || is_at_a_stop {
            return Self::Stuck(last);
        }
        Self::More(last, next.and_then(anchor_of))
    }
}

/// Shortens a slice by what a page has shown. A page that contradicts its request gets here only if it is the
/// list's only answer. `ignored` counts the cursors in a row that had no effect.
pub fn advance(
    list: &'static str,
    slice: &mut TimeSlice,
    page: &ListPage,
    seen: PageSummary,
    cursor: &mut Cursor,
    ignored: &mut u32,
) -> Result<SliceTurn, CollectErrorKind> {
    let Cursor { direction, anchors, .. } = cursor;
    let situation = Situation::of(slice, page, seen, *direction);
    let is_onward = matches!(situation, Situation::End | Situation::Stuck(_) | Situation::More(..));
    if is_onward && proves_ascending(slice, seen, *direction) {
        tracing::info!(list, "order=asc is honoured");
        *direction = Some(Direction::Ascending);
    }
    // Compared below: only a page that marks time as read proves that cursors work.
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
            return Ok(SliceTurn::Discard);
        }
        Situation::Elsewhere => {
            // A record that was just shown exists, so the list ignores cursors.
            if matches!(slice.position, Position::Shown(_)) {
                *ignored += 1;
                if *ignored >= IGNORED_MAX {
                    return Err(CollectErrorKind::CursorIgnored);
                }
            }
            warn_gone(slice, "the list starts elsewhere");
            fall_back(slice, anchors, "the list starts elsewhere");
            return Ok(SliceTurn::Discard);
        }
        Situation::End => SliceTurn::Done,
        Situation::Stuck(last) => {
            slice.at = Some(last);
            // Before the direction is known, nothing says on which side of the page everything is read.
            if slice.down {
                slice.lower_to(last);
            }
            SliceTurn::Crowded(last)
        }
        Situation::More(last, next) => {
            slice.at = Some(last);
            if slice.down {
                slice.lower_to(last);
            } else if direction.is_some() {
                slice.raise_to(last);
            }
            move_to(slice, next, Some(last));
            SliceTurn::More
        }
    };
    if turn == SliceTurn::Done || unread != (slice.from, slice.to) {
        *ignored = 0;
    }
    Ok(turn)
}

/// The order that a page shows. For a page of a single second, only its anchor shows in which direction the
/// list continues.
pub fn order(slice: &TimeSlice, seen: PageSummary, direction: Option<Direction>) -> PageOrder {
    match slice.anchor() {
        Some(anchor) if seen.order == PageOrder::Flat && direction.is_none() && !slice.down => {
            match seen.max.cmp(&anchor.second) {
                Ordering::Less => PageOrder::Descending,
                Ordering::Equal => PageOrder::Flat,
                Ordering::Greater => PageOrder::Ascending,
            }
        }
        Some(_) | None => seen.order,
    }
}

/// Whether this page is the first to show that the list honours `order=asc`.
fn proves_ascending(slice: &TimeSlice, seen: PageSummary, direction: Option<Direction>) -> bool {
    let order = order(slice, seen, direction);
    direction.is_none() && !slice.down && !matches!(order, PageOrder::Flat | PageOrder::Empty)
}

/// Whether a page after an anchor shows records from before it.
pub fn starts_elsewhere(slice: &TimeSlice, seen: PageSummary, direction: Option<Direction>) -> bool {
    let Some(anchor) = slice.anchor() else {
        return false;
    };
    match seen.order {
        PageOrder::Empty => false,
        PageOrder::Flat | PageOrder::Descending | PageOrder::Ascending | PageOrder::Mixed if slice.down => {
            seen.max > anchor.second
        }
        PageOrder::Flat | PageOrder::Descending | PageOrder::Ascending | PageOrder::Mixed => {
            // The rest of the anchor's own second can also be the end of a list that answers newest first.
            let is_shown = matches!(slice.position, Position::Shown(_));
            let may_be_the_end = direction.is_none() && !is_shown && seen.max <= anchor.second;
            seen.min < anchor.second || may_be_the_end
        }
    }
}

/// Whether one more page that begins before this cursor proves that the list ignores cursors.
pub fn is_last_ignored(slice: &TimeSlice, ignored: u32) -> bool {
    matches!(slice.position, Position::Shown(_)) && ignored + 1 >= IGNORED_MAX
}

/// Continues after a crowded second, from one of its own records: `after` drops the rest of that second. True
/// if it was the last second of the slice.
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

/// Falls back to the next older anchor, or in the end to the beginning of the list.
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

/// Warns that the record behind the cursor is gone.
pub fn warn_gone(slice: &TimeSlice, why: &'static str) {
    let second = slice.anchor().map(|anchor| anchor.second);
    tracing::warn!(second, why, "anchor is gone, falling back to an older one");
}

/// Handles an empty answer. It can mean "no such cursor", even behind a record that was just read, so an
/// older anchor must confirm it.
fn empty(slice: &mut TimeSlice, anchors: &mut Anchors) -> SliceTurn {
    let Some(second) = slice.anchor().map(|anchor| anchor.second) else {
        return SliceTurn::Done;
    };
    if matches!(slice.position, Position::Shown(_)) && slice.emptied == Some(second) {
        return SliceTurn::Done;
    }
    slice.emptied = Some(second);
    // An empty answer is also what a list in order gives behind its newest record.
    fall_back(slice, anchors, "the response is empty");
    SliceTurn::Discard
}

/// Restarts the slice in the other direction. What was read stays read, because nothing counts as read before
/// the direction is known.
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
