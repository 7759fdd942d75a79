//! One list with one cursor: what is due, and where a task begins.

pub(crate) mod anchors;
pub(crate) mod apply;
pub(crate) mod by_anchor;
pub(crate) mod by_time;
pub(crate) mod crowd_search;
pub(crate) mod crowded;
pub(crate) mod cursor;
pub(crate) mod decide;
pub(crate) mod dedup;
pub(crate) mod ids;
pub(crate) mod new_records;
pub(crate) mod page_size;
pub(crate) mod refused;
pub(crate) mod request;
pub(crate) mod time_slice;
pub(crate) mod witness;

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    doubt::Doubts,
    http::budget::Lane,
    lists::{AcceptedOrders, List, Paging},
    source_counters::SourceCounters,
    walk::{
        crowded::CrowdedSecond,
        cursor::{Cursor, Direction, Sweep, Task},
        decide::Learned,
        dedup::DedupSet,
        page_size::PageSize,
        time_slice::TimeSlice,
        witness::Suspicion,
    },
};

/// How often, and how far back, a walk reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two polls for new records.
    pub poll_interval: Duration,
    /// Between the starts of two sweeps.
    pub sweep_interval: Duration,
    /// The longest time between a record's second and its appearance in the list.
    pub overlap: Duration,
    /// The most ids in the dedup set.
    pub dedup_ids_max: usize,
}

/// A walk with its progress.
#[derive(Debug)]
pub struct Walk {
    pub(crate) index: u8,
    pub(crate) list: List,
    pub(crate) cursor: Cursor,
    pub(crate) dedup: DedupSet,
    pub(crate) timing: Timing,
    pub(crate) crowds: [Option<CrowdedSecond>; 3],
    pub(crate) dedup_warned: bool,
    pub(crate) doubts: Doubts,
    pub(crate) suspicion: Suspicion,
    pub(crate) size: PageSize,
    /// What the list accepts as order.
    pub(crate) orders: AcceptedOrders,
    pub(crate) learned: Learned,
    /// The earliest second of the last page whose place in the list only the page itself showed.
    pub(crate) begins_at: Option<i64>,
    pub(crate) counters: SourceCounters,
    polls: bool,
    next_poll: Instant,
    next_sweep: Instant,
}

impl Walk {
    /// Restores a walk from its cursor. Without `polls` it only sweeps. `now` is the current second.
    pub fn new(
        index: u8,
        list: List,
        cursor: Cursor,
        mut dedup: DedupSet,
        timing: Timing,
        polls: bool,
        now: i64,
    ) -> Self {
        dedup.still_keep(cursor.kept.keys().copied());
        let at = Instant::now();
        // A restart soon after a sweep does not make the next one due.
        let since = cursor.swept.map(|swept| now - swept).filter(|since| *since >= 0);
        let rested = since.map(|since| Duration::from_secs(since.unsigned_abs()));
        let wait = rested.map_or(Duration::ZERO, |rested| timing.sweep_interval.saturating_sub(rested));
        // Records that the last sweep before the restart had not reached are not late.
        let read_to = cursor.newest.zip(cursor.swept).map(|(newest, swept)| newest.min(swept));
        let mut walk = Self {
            index,
            list,
            cursor,
            dedup,
            timing,
            crowds: [None, None, None],
            dedup_warned: false,
            doubts: Doubts::default(),
            suspicion: Suspicion::default(),
            size: PageSize::default(),
            orders: AcceptedOrders::default(),
            learned: Learned { read_to, ..Learned::default() },
            begins_at: None,
            counters: SourceCounters::default(),
            polls,
            next_poll: at,
            next_sweep: at + wait,
        };
        walk.wait_for_kept(now);
        walk
    }

    /// The task that is due now, if any; polls first.
    pub fn due(&self, now: i64) -> Option<Task> {
        let at = Instant::now();
        if self.cursor.finished {
            return None;
        }
        if self.cursor.search.is_some() {
            return Some(Task::Search);
        }
        if self.cursor.tail.is_some() {
            return Some(Task::Tail);
        }
        let sweep = self.cursor.sweep.is_some() || self.next_sweep <= at;
        let poll = self.polls && self.next_poll <= at;
        match (poll, sweep) {
            // The sweep will read the new records anyway; polling during a long catch-up would read them
            // twice.
            (true, true) if self.is_behind(now) => Some(Task::Sweep),
            (true, _) => Some(Task::Tail),
            (false, true) => Some(Task::Sweep),
            (false, false) => None,
        }
    }

    /// When the next task is due.
    pub fn wake_at(&self) -> Option<Instant> {
        let sweep = self.next_sweep;
        (!self.cursor.finished).then(|| if self.polls { self.next_poll.min(sweep) } else { sweep })
    }

    /// Makes the poll due now.
    pub fn poll_now(&mut self) {
        self.next_poll = Instant::now();
    }

    /// Makes the next poll due one interval from now at the earliest.
    pub(crate) fn postpone_poll(&mut self) {
        self.next_poll = self.next_poll.max(Instant::now() + self.timing.poll_interval);
    }

    /// Whether the newest delivered record is older than the overlap: the walk is catching up, or the list is
    /// quiet.
    pub fn is_behind(&self, now: i64) -> bool {
        self.cursor.newest.unwrap_or(self.cursor.watermark).min(now) < now - self.overlap()
    }

    /// Whether the running sweep has taken longer than the interval between sweeps.
    pub fn is_sweep_late(&self) -> bool {
        self.cursor.sweep.is_some() && self.next_sweep + self.timing.sweep_interval < Instant::now()
    }

    /// Postpones the next sweep of a window until a kept second is due, which is all that is left of it.
    pub(crate) fn wait_for_kept(&mut self, now: i64) {
        let is_read = self.cursor.sweep.is_none() && self.cursor.is_window_read();
        if let Some(due) = self.cursor.kept.values().map(|kept| kept.due).min().filter(|_| is_read) {
            let wait = Duration::from_secs(due.saturating_sub(now).max(0).unsigned_abs());
            self.next_sweep = Instant::now() + wait;
        }
    }

    pub(crate) fn overlap(&self) -> i64 {
        i64::try_from(self.timing.overlap.as_secs()).unwrap_or(i64::MAX / 4)
    }

    /// The time before the first request of the running sweep.
    pub(crate) fn began(&self, now: i64) -> i64 {
        self.cursor.sweep.as_ref().map_or(now, |sweep| sweep.began)
    }

    pub(crate) fn lane(&self, task: Task, now: i64) -> Lane {
        match task {
            Task::Sweep if self.cursor.until.is_none() && !self.is_behind(now) => Lane::Half,
            Task::Search | Task::Tail | Task::Sweep => Lane::Full,
        }
    }

    /// The unread slice of a task, which is started if it is not running.
    pub(crate) fn begin(&mut self, task: Task, now: i64) -> TimeSlice {
        if let Some(slice) = self.cursor.slice_of(task) {
            let slice = slice.clone();
            // Another task may have found the list's direction in the meantime.
            let turned = match (self.list.paging, task, self.cursor.direction) {
                (Paging::ByTime { .. }, _, _) | (_, Task::Search, _) | (_, _, None) => false,
                (_, _, Some(direction)) => slice.down != (direction == Direction::Descending),
            };
            return if turned { self.turned(slice) } else { slice };
        }
        let slice = match task {
            Task::Search => TimeSlice::downward(self.cursor.watermark),
            Task::Tail => {
                let newest = self.cursor.newest.unwrap_or(self.cursor.watermark).min(now);
                let swept =
                    self.cursor.sweep.as_ref().map(|sweep| self.cursor.floor(sweep.began, self.overlap()));
                let lo = newest.max(self.cursor.watermark).max(swept.unwrap_or(i64::MIN));
                start_at(&self.list, &self.cursor, lo, None)
            }
            Task::Sweep => {
                // The clock of the service may lag behind the wait for a kept second, and a window that is read
                // has nothing else to sweep.
                let by = if self.cursor.is_window_read() { i64::MAX } else { now };
                let slice = match self.cursor.kept_after(i64::MIN, by) {
                    Some(second) => kept_slice(&self.list, &self.cursor, second),
                    None => self.slice(self.cursor.watermark, now),
                };
                self.cursor.sweep = Some(Sweep { began: now, slice: slice.clone() });
                self.next_sweep = Instant::now() + self.timing.sweep_interval;
                slice
            }
        };
        self.cursor.set_slice(task, slice.clone());
        slice
    }

    /// The slice of a sweep that begins at `lo`.
    fn slice(&self, lo: i64, now: i64) -> TimeSlice {
        next_slice(&self.list, &self.cursor, lo, now)
    }

    /// A slice of the same unread part in the direction that is now known.
    fn turned(&self, slice: TimeSlice) -> TimeSlice {
        TimeSlice {
            lo: slice.lo,
            hi: slice.hi,
            pages: slice.pages,
            ..start_at(&self.list, &self.cursor, slice.from, slice.to)
        }
    }
}

/// The slice of a sweep that reads a kept second again.
pub(crate) fn kept_slice(list: &List, cursor: &Cursor, second: i64) -> TimeSlice {
    start_at(list, cursor, second, Some(second))
}

/// The slice of a sweep that begins at `lo`.
pub(crate) fn next_slice(list: &List, cursor: &Cursor, lo: i64, now: i64) -> TimeSlice {
    match list.paging {
        Paging::ByTime { .. } => {
            let hi = lo.saturating_add(cursor.slice_seconds - 1);
            match cursor.until {
                Some(until) => TimeSlice::new(lo, Some(hi.min(until))),
                None => TimeSlice::new(lo, (hi < now).then_some(hi)),
            }
        }
        Paging::ByAnchor { .. } => start_at(list, cursor, lo, cursor.until),
    }
}

fn start_at(list: &List, cursor: &Cursor, lo: i64, hi: Option<i64>) -> TimeSlice {
    let by_anchor = !list.has_time_filter();
    let down = by_anchor && cursor.direction == Some(Direction::Descending);
    let anchor = if by_anchor && !down { cursor.anchors.before(lo).cloned() } else { None };
    TimeSlice { down, position: anchor.into(), ..TimeSlice::new(lo, hi) }
}
