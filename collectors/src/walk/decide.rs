//! What follows from a page that is believed. Deciding changes nothing: [`Walk::apply`] does, all at once.
//!
//! The order of the steps is what the promise rests on. From a cursor, a page and the time:
//!
//! 1. Which records are *new* is read from the cursor, the dedup set and the time slice as they were before the page.
//! 2. The page takes from the slice only what it proves to be read, never a second that it may have shown in part.
//! 3. The ids of new records are remembered as long as their second may be read again.
//! 4. A sweep forgets ids of seconds that are read, and raises the watermark: to the floor at most, and never past the first second
//!    that is unread. The floor is the time before the sweep's first request less the overlap, or the newest delivered second.
//! 5. A task whose slice is read ends. A sweep continues with its next slice.
//!
//! The cursor that comes out is committed once the new records are delivered, never before.

use std::ops::Range;

use crate::{
    error::CollectErrorKind,
    http::client::ListAnswer,
    lists::Paging,
    page::ListPage,
    page::record::{IdHash, Record},
    source_counters::Anomaly,
    walk::by_anchor,
    walk::by_time,
    walk::crowded::CrowdedSecond,
    walk::cursor::{Cursor, Direction, Sweep, Task},
    walk::new_records::NewRecords,
    walk::time_slice::{Seen, TimeSlice, Turn},
    walk::{Walk, next_slice},
};

/// What a process has learned of a list. A restart forgets it, and learns it again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Learned {
    /// Whether `has_more` was found to say nothing on an empty page.
    pub empty_is_end: bool,
    /// Whether pages of a list newest first were found to be turned round.
    pub is_turned: bool,
    /// Cursors in a row that were read a moment ago and had no effect.
    pub ignored_cursors: u32,
    /// Up to which second everything was seen that showed then; `None` while that is unknown.
    pub read_to: Option<i64>,
}

/// What follows from a page.
#[derive(Debug)]
pub(crate) struct Decision {
    /// Where the walk is once the new records are delivered.
    pub cursor: Cursor,
    /// What is delivered.
    pub new: NewRecords,
    /// How late the new records are that an earlier reading would have found, in seconds.
    pub late: Vec<i64>,
    /// Ids that enter the dedup set.
    pub remember: Vec<(i64, IdHash)>,
    /// Seconds whose ids leave it.
    pub forget: Vec<Range<i64>>,
    /// The crowded second that is searched from now on.
    pub crowd: Option<CrowdedSecond>,
    pub learned: Learned,
    pub anomalies: Vec<Anomaly>,
    /// Whether everything up to now has just been read, so that no poll is due for a while.
    pub has_polled: bool,
}

impl Walk {
    /// Decides what follows from a page. `before` is the slice that asked for it, `crowd` the crowded second under search.
    pub(crate) fn decide(
        &self,
        task: Task,
        before: &TimeSlice,
        answer: &ListAnswer,
        seen: Seen,
        crowd: Option<CrowdedSecond>,
        now: i64,
    ) -> Result<Decision, CollectErrorKind> {
        let (page, nothing) = (&answer.page, NewRecords::default);
        let mut draft = Draft::new(self, task, crowd, now);
        let mut slice = before.clone();
        draft.leave_lost_crowd(page);
        if draft.crowd.is_some() {
            let new = draft.select_new(answer, before);
            let turn = draft.read_crowd(&mut slice, page, seen, new.records.len(), true);
            return Ok(draft.finish(slice, turn, new));
        }
        if task == Task::Sweep && draft.shorten(&mut slice, seen) {
            return Ok(draft.finish(slice, Turn::Discard, nothing()));
        }
        if slice.proof.take().is_some() {
            draft.prove_direction(page);
            return Ok(draft.finish(slice, Turn::Discard, nothing()));
        }
        let mut turn = draft.advance(&mut slice, page, seen)?;
        slice.pages += 1;
        if turn == Turn::Discard {
            // A search needs the newest record first; without that the walk starts at the list's beginning instead.
            if task == Task::Search && !slice.down {
                turn = Turn::Done;
            }
            return Ok(draft.finish(slice, turn, nothing()));
        }
        draft.offer_anchors(page);
        let new = if task == Task::Search { nothing() } else { draft.select_new(answer, before) };
        if let Turn::Crowded(second) = turn {
            let is_read = task == Task::Search || before.covers(second);
            turn = if is_read {
                let anchor = page.records.iter().rev().find_map(by_anchor::anchor_of);
                draft.pass(&mut slice, anchor, second)
            } else {
                draft.begin_crowd(&slice, second);
                draft.read_crowd(&mut slice, page, seen, new.records.len(), false)
            };
        }
        Ok(draft.finish(slice, turn, new))
    }

    /// Decides how to continue without a cursor that the list does not know.
    pub(crate) fn decide_without_cursor(
        &self,
        task: Task,
        before: &TimeSlice,
        crowd: Option<CrowdedSecond>,
        now: i64,
    ) -> Decision {
        let mut draft = Draft::new(self, task, crowd, now);
        let mut slice = before.clone();
        let crowd = draft.crowd.as_mut().filter(|crowd| crowd.asks_with_cursor());
        let turn = if let Some(crowd) = crowd {
            let verdict = crowd.refused();
            draft.leave_crowd(&mut slice, verdict, None)
        } else {
            draft.crowd = None;
            draft.anomalies.push(Anomaly::CursorLost);
            by_anchor::warn_gone(&slice, "the API does not know it");
            by_anchor::fall_back(&mut slice, &mut draft.cursor.anchors, "the API does not know it");
            Turn::Discard
        };
        draft.finish(slice, turn, NewRecords::default())
    }
}

/// The walk as it will be, while that is being decided.
pub(crate) struct Draft<'w> {
    pub walk: &'w Walk,
    pub task: Task,
    /// The newest second that a record may have.
    pub now: i64,
    pub cursor: Cursor,
    pub crowd: Option<CrowdedSecond>,
    pub learned: Learned,
    pub anomalies: Vec<Anomaly>,
}

impl<'w> Draft<'w> {
    fn new(walk: &'w Walk, task: Task, crowd: Option<CrowdedSecond>, now: i64) -> Self {
        let (cursor, learned) = (walk.cursor.clone(), walk.learned);
        Self { walk, task, now, cursor, crowd, learned, anomalies: Vec::new() }
    }

    fn select_new(&mut self, answer: &ListAnswer, before: &TimeSlice) -> NewRecords {
        let only = self.crowd.as_ref().map(|crowd| crowd.second);
        let new = NewRecords::of(answer, before, only, &self.cursor, &self.walk.dedup);
        let is_shown = |record: &&Record| {
            only.is_none_or(|only| only == record.second)
                && !before.covers(record.second)
                // One of the future is delivered, and moves nothing.
                && record.second <= self.now
        };
        let newest = answer.page.records.iter().filter(is_shown).map(|record| record.second).max();
        self.cursor.newest = self.cursor.newest.max(newest);
        self.anomalies.extend((0..new.redated(&self.walk.dedup)).map(|_| Anomaly::Redated));
        new
    }

    /// Takes from the slice what the page has shown.
    fn advance(
        &mut self,
        slice: &mut TimeSlice,
        page: &ListPage,
        seen: Seen,
    ) -> Result<Turn, CollectErrorKind> {
        let (name, before) = (self.walk.list.name, self.cursor.direction);
        let is_by_anchor = !self.walk.list.has_time_filter();
        let turn = match self.walk.list.paging {
            Paging::ByTime { .. } => {
                by_time::advance(name, slice, seen, &mut self.cursor.direction, &mut self.learned, self.now)
            }
            Paging::ByAnchor { .. } => {
                let ignored = &mut self.learned.ignored_cursors;
                by_anchor::advance(name, slice, page, seen, &mut self.cursor, ignored)
            }
        }?;
        let found = self.cursor.direction;
        // Lists that are read from anchors are asked for oldest first.
        let asked = if is_by_anchor { Some(Direction::Ascending) } else { None };
        if found != before && before.or(asked).is_some_and(|expected| found != Some(expected)) {
            self.anomalies.push(Anomaly::Reversed);
        } else if turn == Turn::Discard && is_by_anchor {
            self.anomalies.push(Anomaly::CursorLost);
        }
        Ok(turn)
    }

    /// Cuts a slice that its first page shows to be far too long.
    fn shorten(&mut self, slice: &mut TimeSlice, seen: Seen) -> bool {
        if !self.walk.list.has_time_filter() {
            return false;
        }
        let shorter = by_time::shorter_slice(slice, seen, self.now, self.cursor.slice_seconds)
            .filter(|hi| slice.hi.is_none_or(|old| *hi < old));
        if let Some(hi) = shorter {
            *slice = TimeSlice::new(slice.lo, Some(hi));
        }
        shorter.is_some()
    }

    /// Takes in what lies before the first page that came oldest first: nothing, if the list is in that order.
    fn prove_direction(&mut self, before: &ListPage) {
        let list = self.walk.list.name;
        if before.is_empty() {
            self.cursor.direction = Some(Direction::Ascending);
            tracing::info!(list, order = Direction::Ascending.word(), "list order detected");
        } else {
            self.learned.is_turned = true;
            tracing::warn!(list, "pages are reversed, reading without relying on their order");
        }
    }

    fn offer_anchors(&mut self, page: &ListPage) {
        if self.walk.list.has_time_filter() {
            return;
        }
        // First and last of the page are enough: the list thins itself out anyway, and the last second may be cut.
        let records = &page.records;
        let last_second = records.last().map(|record| record.second);
        let inner = records.iter().rev().find(|record| Some(record.second) != last_second);
        for record in records.first().into_iter().chain(inner).chain(records.last()) {
            // One of the future would be the newest for ever, and thin out all that are needed.
            if record.second <= self.now
                && let Some(anchor) = by_anchor::anchor_of(record)
            {
                self.cursor.anchors.offer(anchor);
            }
        }
        self.cursor.anchors.thin(self.cursor.watermark);
    }

    /// Steps 3 to 5.
    fn finish(mut self, slice: TimeSlice, turn: Turn, new: NewRecords) -> Decision {
        let (task, is_read) = (self.task, turn == Turn::Done);
        let late = self.lateness(&new.records);
        let floor = self.cursor.floor(self.walk.began(self.now), self.walk.overlap());
        let may_be_read_again =
            |second: i64| task == Task::Tail || second >= floor || (!is_read && !slice.covers(second));
        let remember = new.marks.iter().copied().filter(|(second, _)| may_be_read_again(*second)).collect();
        let mut forget = Vec::new();
        // A discarded page has read nothing: where it leaves less to read, a slice was cut.
        if task == Task::Sweep && turn != Turn::Discard {
            if let Some(before) = self.walk.cursor.slice_of(task) {
                forget = passed(before, &slice, floor);
            }
            self.cursor.raise_watermark(floor.min(slice.from));
        }
        self.cursor.set_slice(task, slice.clone());
        let has_polled = is_read && self.end_task(&slice);
        if task == Task::Sweep {
            // A month of crowded seconds that will not be read again would fill the cursor.
            self.cursor.crowded.retain(|second, _| *second >= floor || !slice.covers(*second));
        }
        let Self { cursor, crowd, learned, anomalies, .. } = self;
        Decision { cursor, new, late, remember, forget, crowd, learned, anomalies, has_polled }
    }

    /// Ends a task; a sweep continues with its next slice. True when everything up to now has just been read.
    fn end_task(&mut self, slice: &TimeSlice) -> bool {
        match self.task {
            Task::Search => self.cursor.search = None,
            Task::Tail => {
                // A poll shows nothing of what lies before it.
                if self.learned.read_to.is_some_and(|read_to| slice.lo <= read_to) {
                    self.learned.read_to = self.cursor.newest;
                }
                self.cursor.tail = None;
                return true;
            }
            Task::Sweep => return self.end_slice(slice),
        }
        false
    }

    fn end_slice(&mut self, slice: &TimeSlice) -> bool {
        let Some(sweep) = self.cursor.sweep.take() else {
            return false;
        };
        let floor = self.cursor.floor(sweep.began, self.walk.overlap());
        if slice.hi != self.cursor.until {
            // A slice in the middle: `hi` is some.
            let next = slice.hi.map_or(slice.lo, |hi| hi + 1);
            self.cursor.raise_watermark(floor.min(next));
            self.cursor.slice_seconds = by_time::next_slice_seconds(next - slice.lo, slice.pages);
            let slice = next_slice(&self.walk.list, &self.cursor, next, sweep.began);
            self.cursor.sweep = Some(Sweep { began: sweep.began, slice });
        } else if let Some(until) = self.cursor.until {
            self.cursor.raise_watermark(until + 1);
            self.cursor.finished = true;
        } else {
            self.cursor.raise_watermark(floor);
            self.cursor.swept = Some(sweep.began);
            self.learned.read_to = self.cursor.newest;
            // One request that has read everything up to now was a poll, too.
            return slice.pages <= 1 && slice.lo <= self.cursor.watermark;
        }
        false
    }

    /// How late each of the new records is that an earlier reading would have found, in seconds. They are in the order of their
    /// seconds; while history is read nothing is late.
    fn lateness(&self, records: &[Record]) -> Vec<i64> {
        let Some(read_to) = self.learned.read_to.filter(|_| self.task == Task::Sweep) else {
            return Vec::new();
        };
        let late = records.iter().take_while(|record| record.second < read_to);
        late.map(|record| self.now - record.second).collect()
    }
}

/// The seconds that a slice has read since `before`. Their ids are not needed any more, unless the watermark may stop before them.
fn passed(before: &TimeSlice, slice: &TimeSlice, floor: i64) -> Vec<Range<i64>> {
    let above = slice.to.map_or(i64::MAX, |to| to.saturating_add(1))
        ..before.to.map_or(floor, |to| floor.min(to.saturating_add(1)));
    let below = before.from..floor.min(slice.from);
    vec![above, below]
}
