//! What follows from a page that was accepted. Deciding changes nothing; [`Walk::apply`] does, all at once.
//!
//! The guarantee depends on the order of these steps. From a cursor, a page and the time:
//!
//! 1. The *new* records are selected with the cursor, the dedup set and the time slice as they were before
//!    the page.
//! 2. The page shortens the slice only by what it proves to be read, never by a second that it may show in
//!    part.
//! 3. The ids of new records are remembered as long as their second may be read again.
//! 4. A sweep forgets ids of seconds that are read, and raises the watermark: at most to the floor, and never
//!    past the first unread second. The floor is the start of the sweep minus the overlap, or the newest
//!    delivered second.
//! 5. A task ends when its slice is read. A sweep continues with its next slice.
//!
//! The resulting cursor is committed only after the new records are delivered.

use std::ops::Range;

use crate::{
    error::CollectErrorKind,
    http::client::ListAnswer,
    lists::Paging,
    page::{
        ListPage,
        record::{IdHash, Record},
    },
    source_counters::Anomaly,
    walk::{
        Walk, by_anchor, by_time,
        crowded::CrowdedSecond,
        cursor::{Cursor, Direction, Sweep, Task},
        kept_slice,
        new_records::NewRecords,
        next_slice,
        time_slice::{PageSummary, SliceTurn, TimeSlice},
    },
};

/// What this process has learned about a list. It is not stored, and learned again after a restart.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Learned {
    /// Whether `has_more` on an empty page was found to be meaningless.
    pub empty_is_end: bool,
    /// Whether pages of a list that is newest first were found to be reversed.
    pub is_turned: bool,
    /// How many times in a row the cursor of a record that was just read had no effect.
    pub ignored_cursors: u32,
    /// The second up to which everything visible at the time was read; `None` while unknown.
    pub read_to: Option<i64>,
}

/// What follows from a page.
#[derive(Debug)]
pub(crate) struct Decision {
    /// The cursor to commit once the new records are delivered.
    pub cursor: Cursor,
    /// The records to deliver.
    pub new: NewRecords,
    /// For each new record that an earlier read should have found: how many seconds late it is.
    pub late: Vec<i64>,
    /// Ids that enter the dedup set.
    pub remember: Vec<(i64, IdHash)>,
    /// Seconds whose ids leave the dedup set.
    pub forget: Vec<Range<i64>>,
    /// The crowded second to search next.
    pub crowd: Option<CrowdedSecond>,
    pub learned: Learned,
    pub anomalies: Vec<Anomaly>,
    /// The crowded second that was left although some of its records may be missing.
    pub unsure: Option<i64>,
    /// Whether everything up to now was just read, so that the next poll can wait.
    pub has_polled: bool,
}

impl Walk {
    /// Decides what follows from a page. `before` is the slice that requested it, `crowd` the crowded second
    /// under search.
    pub(crate) fn decide(
        &self,
        task: Task,
        before: &TimeSlice,
        answer: &ListAnswer,
        seen: PageSummary,
        crowd: Option<CrowdedSecond>,
        now: i64,
    ) -> Result<Decision, CollectErrorKind> {
        let (page, nothing) = (&answer.page, NewRecords::default);
        let mut draft = Draft::new(self, task, crowd, now);
        let mut slice = before.clone();
        draft.leave_lost_crowd(page);
        if draft.crowd.is_some() {
            // `before` and not `slice`: what this page marks as read must not make its own records look old.
            let new = draft.select_new(answer, before);
            let turn = draft.read_crowd(&mut slice, page, seen, new.records.len(), true);
            return Ok(draft.finish(slice, turn, new));
        }
        // The records of this page may belong to a later slice, which shows them again.
        if task == Task::Sweep && draft.shorten(&mut slice, seen) {
            return Ok(draft.finish(slice, SliceTurn::Discard, nothing()));
        }
        // This page answers for the time before the one that came oldest first; it decides the direction and
        // nothing else.
        if slice.proof.take().is_some() {
            draft.prove_direction(page);
            return Ok(draft.finish(slice, SliceTurn::Discard, nothing()));
        }
        let mut turn = draft.advance(&mut slice, page, seen)?;
        slice.pages += 1;
        if turn == SliceTurn::Discard {
            // A search needs the newest record first. If the list cannot do that, the walk starts at the
            // list's beginning.
            if task == Task::Search && !slice.down {
                turn = SliceTurn::Done;
            }
            return Ok(draft.finish(slice, turn, nothing()));
        }
        // After `advance`: a discarded page may belong elsewhere, and its records must not become anchors.
        draft.offer_anchors(page);
        let new = if task == Task::Search { nothing() } else { draft.select_new(answer, before) };
        if let SliceTurn::Crowded(second) = turn {
            // A search delivers nothing, and a second that was already read needs no second search in this
            // task. One that is kept has its own time.
            let is_read =
                task == Task::Search || before.covers(second) || draft.is_kept_for_later(before, second);
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

    /// Decides how to continue without the search for the start.
    pub(crate) fn decide_without_search(&self, before: &TimeSlice, now: i64) -> Decision {
        let draft = Draft::new(self, Task::Search, None, now);
        draft.finish(before.clone(), SliceTurn::Done, NewRecords::default())
    }

    /// Decides how to continue after the list refused the cursor.
    pub(crate) fn decide_without_cursor(
        &self,
        task: Task,
        before: &TimeSlice,
        crowd: Option<CrowdedSecond>,
        now: i64,
    ) -> Decision {
        let mut draft = Draft::new(self, task, crowd, now);
        let mut slice = before.clone();
        // A refused cursor inside a crowded second says nothing about the slice's anchor.
        let is_probe = |crowd: &CrowdedSecond| crowd.asks_with_cursor() || crowd.asks_far_end();
        let crowd = draft.crowd.as_mut().filter(|crowd| is_probe(crowd));
        let turn = if let Some(crowd) = crowd {
            let verdict = crowd.refused();
            draft.leave_crowd(&mut slice, verdict, None)
        } else {
            draft.crowd = None;
            draft.anomalies.push(Anomaly::CursorLost);
            by_anchor::warn_gone(&slice, "the API does not know it");
            by_anchor::fall_back(&mut slice, &mut draft.cursor.anchors, "the API does not know it");
            SliceTurn::Discard
        };
        draft.finish(slice, turn, NewRecords::default())
    }
}

/// The future state of the walk while it is being decided.
pub(crate) struct Draft<'w> {
    pub walk: &'w Walk,
    pub task: Task,
    /// The newest second that a record may have.
    pub now: i64,
    pub cursor: Cursor,
    pub crowd: Option<CrowdedSecond>,
    pub learned: Learned,
    pub anomalies: Vec<Anomaly>,
    /// The crowded second that was left although some of its records may be missing.
    pub unsure: Option<i64>,
}

impl<'w> Draft<'w> {
    fn new(walk: &'w Walk, task: Task, crowd: Option<CrowdedSecond>, now: i64) -> Self {
        let (cursor, learned) = (walk.cursor.clone(), walk.learned);
        Self { walk, task, now, cursor, crowd, learned, anomalies: Vec::new(), unsure: None }
    }

    fn select_new(&mut self, answer: &ListAnswer, before: &TimeSlice) -> NewRecords {
        let only = self.crowd.as_ref().map(|crowd| crowd.second);
        let new = NewRecords::of(answer, before, only, &self.cursor, &self.walk.dedup);
        let is_shown = |record: &&Record| {
            only.is_none_or(|only| only == record.second)
                && !before.covers(record.second)
                // A record of the future is delivered, but must not move the cursor.
                && record.second <= self.now
        };
        let newest = answer.page.records.iter().filter(is_shown).map(|record| record.second).max();
        self.cursor.newest = self.cursor.newest.max(newest);
        self.anomalies.extend((0..new.redated(&self.walk.dedup)).map(|_| Anomaly::Redated));
        new
    }

    /// Shortens the slice by what the page has shown.
    fn advance(
        &mut self,
        slice: &mut TimeSlice,
        page: &ListPage,
        seen: PageSummary,
    ) -> Result<SliceTurn, CollectErrorKind> {
        let (name, before) = (self.walk.list.name, self.cursor.direction);
        let is_by_anchor = !self.walk.list.has_time_filter();
        let turn = match self.walk.list.paging {
            Paging::ByTime { .. } => {
                by_time::advance(slice, seen, &mut self.cursor.direction, &mut self.learned, self.now)
            }
            Paging::ByAnchor { .. } => {
                let ignored = &mut self.learned.ignored_cursors;
                by_anchor::advance(name, slice, page, seen, &mut self.cursor, ignored)
            }
        }?;
        let found = self.cursor.direction;
        // Lists read from anchors are requested oldest first.
        let asked = if is_by_anchor { Some(Direction::Ascending) } else { None };
        if found != before && before.or(asked).is_some_and(|expected| found != Some(expected)) {
            self.anomalies.push(Anomaly::Reversed);
        } else if turn == SliceTurn::Discard && is_by_anchor {
            self.anomalies.push(Anomaly::CursorLost);
        }
        Ok(turn)
    }

    /// Cuts a slice whose first page shows that it is far too long.
    fn shorten(&mut self, slice: &mut TimeSlice, seen: PageSummary) -> bool {
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

    /// Evaluates what is before the first page that came oldest first: nothing, if the list has that order.
    fn prove_direction(&mut self, before: &ListPage) {
        let list = self.walk.list.name;
        if before.is_empty() {
            self.cursor.direction = Some(Direction::Ascending);
        } else {
            self.learned.is_turned = true;
            tracing::warn!(list, "pages are reversed, reading without relying on their order");
        }
    }

    fn offer_anchors(&mut self, page: &ListPage) {
        if self.walk.list.has_time_filter() {
            return;
        }
        // The first, an inner and the last record are enough: anchors are thinned out anyway, and the last
        // second may be cut.
        let records = &page.records;
        let last_second = records.last().map(|record| record.second);
        let inner = records.iter().rev().find(|record| Some(record.second) != last_second);
        for record in records.first().into_iter().chain(inner).chain(records.last()) {
            // A record of the future would stay the newest for ever, and the useful ones would be thinned
            // out.
            if record.second <= self.now
                && let Some(anchor) = by_anchor::anchor_of(record)
            {
                self.cursor.anchors.offer(anchor);
            }
        }
        self.cursor.anchors.thin(self.cursor.watermark);
    }

    /// Steps 3 to 5.
    fn finish(mut self, slice: TimeSlice, turn: SliceTurn, new: NewRecords) -> Decision {
        let (task, is_read) = (self.task, turn == SliceTurn::Done);
        let late = self.lateness(&new.records);
        let floor = self.cursor.floor(self.walk.began(self.now), self.walk.overlap());
        // A poll's seconds are read again by the next sweep; a sweep's only above the floor, or while they
        // are unread.
        let may_be_read_again =
            |second: i64| task == Task::Tail || second >= floor || (!is_read && !slice.covers(second));
        let is_kept = |second: i64| self.cursor.kept.contains_key(&second);
        let is_remembered = |second: i64| may_be_read_again(second) || is_kept(second);
        let remember = new.marks.iter().copied().filter(|(second, _)| is_remembered(*second)).collect();
        let mut forget = Vec::new();
        // A discarded page marks nothing as read: if less is unread, the slice was cut.
        if task == Task::Sweep && turn != SliceTurn::Discard {
            if let Some(before) = self.walk.cursor.slice_of(task) {
                forget = passed(before, &slice, floor);
            }
            // Never past the first unread second: a record there is not delivered yet.
            self.cursor.raise_watermark(floor.min(slice.from));
        }
        self.cursor.set_slice(task, slice.clone());
        let has_polled = is_read && self.end_task(&slice);
        if task == Task::Sweep {
            // Without this, a month of crowded seconds that are not read again would fill the cursor.
            self.cursor.crowded.retain(|second, _| *second >= floor || !slice.covers(*second));
        }
        let Self { cursor, crowd, learned, anomalies, unsure, .. } = self;
        Decision { cursor, new, late, remember, forget, crowd, learned, anomalies, unsure, has_polled }
    }

    /// Ends a task; a sweep continues with its next slice. True if everything up to now was just read.
    fn end_task(&mut self, slice: &TimeSlice) -> bool {
        match self.task {
            Task::Search => self.cursor.search = None,
            Task::Tail => {
                // A poll shows nothing before its slice, so it extends `read_to` only where the two meet.
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
        // If it could not be read whole again, it would be due later.
        let is_due = self.cursor.kept.get(&slice.lo).is_some_and(|kept| kept.due <= self.now);
        if slice.is_second() && is_due {
            self.cursor.kept.remove(&slice.lo);
            tracing::info!(second = slice.lo, "kept second: read whole now");
        }
        if slice.is_of_kept(self.cursor.watermark) {
            self.begin_slice(sweep.began, slice.lo);
        } else if slice.hi != self.cursor.until {
            // A slice before the last one, so `hi` is set.
            let next = slice.hi.map_or(slice.lo, |hi| hi + 1);
            self.cursor.raise_watermark(floor.min(next));
            self.cursor.slice_seconds = by_time::next_slice_seconds(next - slice.lo, slice.pages);
            let slice = next_slice(&self.walk.list, &self.cursor, next, sweep.began);
            self.cursor.sweep = Some(Sweep { began: sweep.began, slice });
        } else if let Some(until) = self.cursor.until {
            self.cursor.raise_watermark(until + 1);
            self.cursor.finished = self.cursor.kept.is_empty();
        } else {
            self.cursor.raise_watermark(floor);
            self.cursor.swept = Some(sweep.began);
            self.learned.read_to = self.cursor.newest;
            // A sweep that read everything up to now with one request was also a poll.
            return slice.pages <= 1 && slice.lo <= self.cursor.watermark;
        }
        false
    }

    /// Continues a sweep after a kept second: with the next one, or with what the watermark has not passed.
    fn begin_slice(&mut self, began: i64, after: i64) {
        let slice = match self.cursor.kept_after(after, began) {
            Some(second) => kept_slice(&self.walk.list, &self.cursor, second),
            None if self.cursor.is_window_read() => {
                self.cursor.finished = self.cursor.kept.is_empty();
                return;
            }
            None => next_slice(&self.walk.list, &self.cursor, self.cursor.watermark, began),
        };
        self.cursor.sweep = Some(Sweep { began, slice });
    }

    /// For each new record that an earlier read should have found: how many seconds late it is. Records are
    /// in order of their seconds; nothing is late during catch-up.
    fn lateness(&self, records: &[Record]) -> Vec<i64> {
        let Some(read_to) = self.learned.read_to.filter(|_| self.task == Task::Sweep) else {
            return Vec::new();
        };
        let is_kept = |record: &&Record| self.walk.cursor.kept.contains_key(&record.second);
        let late = records.iter().take_while(|record| record.second < read_to).filter(|one| !is_kept(one));
        late.map(|record| self.now - record.second).collect()
    }
}

/// The ranges of seconds that a slice has read since `before`. Their ids are no longer needed, unless the
/// watermark may stop before them.
fn passed(before: &TimeSlice, slice: &TimeSlice, floor: i64) -> Vec<Range<i64>> {
    let above = slice.to.map_or(i64::MAX, |to| to.saturating_add(1))
        ..before.to.map_or(floor, |to| floor.min(to.saturating_add(1)));
    let below = before.from..floor.min(slice.from);
    vec![above, below]
}
