//! Lists with a time filter: closed ranges of seconds, never a list cursor.
//!
//! Audit logs have no `order` parameter and answer newest first, which is undocumented, so the direction is
//! detected from the pages. A page shortens the unread range by what is strictly beyond its last second. The
//! last second itself is requested again, because the page may end in the middle of it.

use crate::{
    error::CollectErrorKind,
    walk::{
        cursor::Direction,
        decide::Learned,
        time_slice::{PageOrder, PageSummary, SliceTurn, TimeSlice},
    },
};

/// How many pages a slice aims at: enough to be worth its overhead, few enough to deliver nearly in order.
const SLICE_PAGES: i64 = 50;
/// A slice that its first page shows to be longer than this is cut before it is read.
const SLICE_PAGES_MAX: i64 = 150;
/// A cut leaves at least this part of the planned length (1/n).
const CUT_MAX: i64 = 4;

/// Shortens the unread range by what a page has shown. A page that contradicts its request gets here only if
/// it is the list's only answer. `now` is the newest second that a record may have.
pub fn advance(
    slice: &mut TimeSlice,
    seen: PageSummary,
    direction: &mut Option<Direction>,
    learned: &mut Learned,
    now: i64,
) -> Result<SliceTurn, CollectErrorKind> {
    if !seen.has_more || (seen.order == PageOrder::Empty && learned.empty_is_end) {
        return Ok(done_or_more(slice.finish_window()));
    }
    let (from, to) = slice.window();
    match seen.order {
        PageOrder::Empty | PageOrder::Mixed => {
            // Without an order, only a window that fits on one page can be read; so it is halved until it
            // does.
            if slice.halve(now.max(seen.max)) {
                return Ok(SliceTurn::More);
            }
            if seen.order == PageOrder::Mixed {
                return Err(CollectErrorKind::WindowIgnored);
            }
            // A single second is still empty: `has_more` means nothing here, so the whole window can be
            // requested again.
            learned.empty_is_end = true;
            slice.upper = None;
            Ok(SliceTurn::More)
        }
        PageOrder::Flat if slice.covers(seen.max) => Err(CollectErrorKind::WindowIgnored),
        PageOrder::Flat => Ok(flat(slice, seen.max, *direction)),
        PageOrder::Descending => {
            *direction = Some(Direction::Descending);
            // Newest first, a record above the window means that the filter was ignored; one below it, that
            // the window was read to its end.
            if to.is_some_and(|to| seen.max > to) {
                return Err(CollectErrorKind::WindowIgnored);
            }
            if seen.min < from {
                return Ok(done_or_more(slice.finish_window()));
            }
            slice.lower_to(seen.min);
            slice.again = Some(seen.min);
            Ok(SliceTurn::More)
        }
        PageOrder::Ascending => {
            if seen.min < from {
                return Err(CollectErrorKind::WindowIgnored);
            }
            if to.is_some_and(|to| seen.max > to) {
                return Ok(done_or_more(slice.finish_window()));
            }
            if learned.is_turned || slice.upper.is_some() {
                // Halves do not depend on the order.
                let halved = slice.halve(now.max(seen.max));
                return if halved { Ok(SliceTurn::More) } else { Err(CollectErrorKind::WindowIgnored) };
            }
            if *direction != Some(Direction::Ascending) && seen.min > from {
                // A gateway may have reversed the page: first the time before it must be seen to be empty.
                slice.proof = Some(seen.min);
                return Ok(SliceTurn::Discard);
            }
            *direction = Some(Direction::Ascending);
            slice.raise_to(seen.max);
            slice.again = Some(seen.max);
            Ok(SliceTurn::More)
        }
    }
}

fn done_or_more(done: bool) -> SliceTurn {
    if done { SliceTurn::Done } else { SliceTurn::More }
}

/// A full page of one second. Without a known direction, nothing says which side of that second is read.
fn flat(slice: &mut TimeSlice, second: i64, direction: Option<Direction>) -> SliceTurn {
    let (from, to) = slice.window();
    match direction {
        _ if to == Some(second) || from == second && to == Some(from) => SliceTurn::Crowded(second),
        Some(Direction::Descending) => {
            slice.lower_to(second);
            SliceTurn::Crowded(second)
        }
        Some(Direction::Ascending) if slice.upper.is_none() => {
            slice.raise_to(second);
            SliceTurn::Crowded(second)
        }
        Some(Direction::Ascending) | None => {
            // Reading the part above this second first turns it into the last second of the rest.
            slice.upper = Some(second + 1);
            SliceTurn::More
        }
    }
}

/// A shorter end for a slice whose first page shows that it is far too long. It is not cut below a part of
/// its planned length: dense records at its end may follow a long silence, which would then be crossed in
/// tiny steps.
pub fn shorter_slice(slice: &TimeSlice, seen: PageSummary, now: i64, planned_seconds: i64) -> Option<i64> {
    let ordered = matches!(seen.order, PageOrder::Descending | PageOrder::Ascending);
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
