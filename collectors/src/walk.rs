//! One list with one cursor: what is due, and what a reading of it begins with.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    audit_logs::{self, AuditLogs},
    budget::Lane,
    chat_completions::ChatCompletions,
    crowded::CrowdedSecond,
    cursor::{Cursor, Direction, Sweep},
    dedup::DedupSet,
    doubt::Doubts,
    page_size::PageSize,
    source_counters::SourceCounters,
    time_slice::TimeSlice,
};

/// A list and its filters.
#[derive(Debug, Clone)]
pub enum List {
    /// Audit logs.
    AuditLogs(AuditLogs),
    /// Stored chat completions.
    ChatCompletions(ChatCompletions),
}

/// How often, and how far back, a walk reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two polls for new records.
    pub poll_interval: Duration,
    /// Between the starts of two sweeps.
    pub sweep_interval: Duration,
    /// How late a record may show and still be found.
    pub overlap: Duration,
    /// The most ids that are held.
    pub dedup_ids_max: usize,
}

/// What a walk can be busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Looking for the record before which to start.
    Search,
    /// The poll for new records.
    Tail,
    /// The reading again of everything after the watermark.
    Sweep,
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
    pub(crate) size: PageSize,
    /// Whether `has_more` was found to say nothing on an empty page. Like what follows, learned by this process.
    pub(crate) empty_is_end: bool,
    /// Whether pages of a list newest first were found to be turned round.
    pub(crate) is_turned: bool,
    /// The earliest second of the last page of which nothing else said that it goes on where reading stands.
    pub(crate) begins_at: Option<i64>,
    /// Cursors in a row that were read a moment ago and had no effect.
    pub(crate) ignored_cursors: u32,
    /// Up to which second everything was seen that showed then; `None` while that cannot be told.
    pub(crate) read_to: Option<i64>,
    pub(crate) counters: SourceCounters,
    polls: bool,
    next_poll: Instant,
    next_sweep: Instant,
}

impl Walk {
    /// Takes a walk up at its cursor. Without `polls` it is read by sweeps alone. `now` is the present second.
    pub fn new(
        index: u8,
        list: List,
        cursor: Cursor,
        dedup: DedupSet,
        timing: Timing,
        polls: bool,
        now: i64,
    ) -> Self {
        let at = Instant::now();
        // A sweep that ended lately, by the stored time, is not due again at once.
        let since = cursor.swept.map(|swept| now - swept).filter(|since| *since >= 0);
        let rested = since.map(|since| Duration::from_secs(since.unsigned_abs()));
        let wait = rested.map_or(Duration::ZERO, |rested| timing.sweep_interval.saturating_sub(rested));
        // What a sweep had not come to when the process ended is not late.
        let read_to = cursor.newest.zip(cursor.swept).map(|(newest, swept)| newest.min(swept));
        Self {
            index,
            list,
            cursor,
            dedup,
            timing,
            crowds: [None, None, None],
            dedup_warned: false,
            doubts: Doubts::default(),
            size: PageSize::default(),
            empty_is_end: false,
            is_turned: false,
            begins_at: None,
            ignored_cursors: 0,
            read_to,
            counters: SourceCounters::default(),
            polls,
            next_poll: at,
            next_sweep: at + wait,
        }
    }

    /// What is to be done now, polls first.
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
            // What is new would be read twice while history is still being caught up with.
            (true, true) if self.is_behind(now) => Some(Task::Sweep),
            (true, _) => Some(Task::Tail),
            (false, true) => Some(Task::Sweep),
            (false, false) => None,
        }
    }

    /// When something is due next.
    pub fn wake_at(&self) -> Option<Instant> {
        let sweep = self.next_sweep;
        (!self.cursor.finished).then(|| if self.polls { self.next_poll.min(sweep) } else { sweep })
    }

    /// Makes the poll due now.
    pub fn poll_now(&mut self) {
        self.next_poll = Instant::now();
    }

    /// Whether the newest delivered record is older than the overlap: history is being read, or nothing happens.
    pub fn is_behind(&self, now: i64) -> bool {
        self.cursor.newest.unwrap_or(self.cursor.watermark).min(now) < now - self.overlap()
    }

    /// Whether the sweep under way should have been followed by the next one already.
    pub fn is_sweep_late(&self) -> bool {
        self.cursor.sweep.is_some() && self.next_sweep + self.timing.sweep_interval < Instant::now()
    }

    pub(crate) fn overlap(&self) -> i64 {
        i64::try_from(self.timing.overlap.as_secs()).unwrap_or(i64::MAX / 4)
    }

    /// The time before the first request of the sweep under way.
    pub(crate) fn began(&self, now: i64) -> i64 {
        self.cursor.sweep.as_ref().map_or(now, |sweep| sweep.began)
    }

    pub(crate) fn lane(&self, task: Task, now: i64) -> Lane {
        match task {
            Task::Sweep if self.cursor.until.is_none() && !self.is_behind(now) => Lane::Half,
            Task::Search | Task::Tail | Task::Sweep => Lane::Full,
        }
    }

    pub(crate) fn slice_of(&self, task: Task) -> Option<&TimeSlice> {
        match task {
            Task::Search => self.cursor.search.as_ref(),
            Task::Tail => self.cursor.tail.as_ref(),
            Task::Sweep => self.cursor.sweep.as_ref().map(|sweep| &sweep.slice),
        }
    }

    pub(crate) fn set_slice(&mut self, task: Task, slice: TimeSlice) {
        match task {
            Task::Search => self.cursor.search = Some(slice),
            Task::Tail => self.cursor.tail = Some(slice),
            Task::Sweep => {
                if let Some(sweep) = &mut self.cursor.sweep {
                    sweep.slice = slice;
                }
            }
        }
    }

    /// Begins what is not under way yet, and tells where it stands.
    pub(crate) fn begin(&mut self, task: Task, now: i64) -> TimeSlice {
        if let Some(slice) = self.slice_of(task) {
            let slice = slice.clone();
            // Another task may have found meanwhile in which direction the list answers.
            let turned = match (&self.list, task, self.cursor.direction) {
                (List::AuditLogs(_), _, _) | (_, Task::Search, _) | (_, _, None) => false,
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
                self.start_at(newest.max(self.cursor.watermark).max(swept.unwrap_or(i64::MIN)), None)
            }
            Task::Sweep => {
                let slice = self.slice(self.cursor.watermark, now);
                self.cursor.sweep = Some(Sweep { began: now, slice: slice.clone() });
                self.next_sweep = Instant::now() + self.timing.sweep_interval;
                slice
            }
        };
        self.set_slice(task, slice.clone());
        slice
    }

    /// Ends a task; a sweep goes on with its next slice. `began` is the time before the sweep's first request.
    pub(crate) fn finish(&mut self, task: Task, slice: &TimeSlice) {
        match task {
            Task::Search => self.cursor.search = None,
            Task::Tail => {
                self.has_read(task, slice);
                self.cursor.tail = None;
                self.next_poll = Instant::now() + self.timing.poll_interval;
            }
            Task::Sweep => self.finish_slice(slice),
        }
    }

    fn finish_slice(&mut self, slice: &TimeSlice) {
        let Some(sweep) = self.cursor.sweep.take() else {
            return;
        };
        let floor = self.cursor.floor(sweep.began, self.overlap());
        if slice.hi != self.cursor.until {
            // A slice in the middle: `hi` is some.
            let next = slice.hi.map_or(slice.lo, |hi| hi + 1);
            self.cursor.raise_watermark(floor.min(next));
            self.cursor.slice_seconds = audit_logs::next_slice_seconds(next - slice.lo, slice.pages);
            let slice = self.slice(next, sweep.began);
            self.cursor.sweep = Some(Sweep { began: sweep.began, slice });
        } else if let Some(until) = self.cursor.until {
            self.cursor.raise_watermark(until + 1);
            self.cursor.finished = true;
        } else {
            self.cursor.raise_watermark(floor);
            self.cursor.swept = Some(sweep.began);
            self.has_read(Task::Sweep, slice);
            if slice.pages <= 1 && slice.lo <= self.cursor.watermark {
                // One request has just read everything up to now: that was a poll, too.
                self.next_poll = self.next_poll.max(Instant::now() + self.timing.poll_interval);
            }
        }
        self.dedup.forget_before(self.cursor.watermark);
    }

    /// The next stretch of a sweep, from `lo`.
    fn slice(&self, lo: i64, now: i64) -> TimeSlice {
        match &self.list {
            List::AuditLogs(_) => {
                let hi = lo.saturating_add(self.cursor.slice_seconds - 1);
                match self.cursor.until {
                    Some(until) => TimeSlice::new(lo, Some(hi.min(until))),
                    None => TimeSlice::new(lo, (hi < now).then_some(hi)),
                }
            }
            List::ChatCompletions(_) => self.start_at(lo, self.cursor.until),
        }
    }

    /// A slice of the same rest in the direction that is known now.
    fn turned(&self, slice: TimeSlice) -> TimeSlice {
        TimeSlice { lo: slice.lo, hi: slice.hi, pages: slice.pages, ..self.start_at(slice.from, slice.to) }
    }

    fn start_at(&self, lo: i64, hi: Option<i64>) -> TimeSlice {
        let chat = matches!(self.list, List::ChatCompletions(_));
        let down = chat && self.cursor.direction == Some(Direction::Descending);
        let anchor = if chat && !down { self.cursor.anchors.before(lo).cloned() } else { None };
        TimeSlice { down, anchor, ..TimeSlice::new(lo, hi) }
    }
}
