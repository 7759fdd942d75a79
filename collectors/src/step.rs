//! One request of a walk, and what follows from its answer: which records are new, which ids are held, where the walk stands.

use crate::{
    audit_logs, chat_completions,
    client::ListAnswer,
    cursor::{Cursor, Direction},
    dedup::PartChange,
    error::{CollectError, CollectErrorKind},
    new_records::NewRecords,
    page::ListPage,
    record::{IdHash, Record, Unusable},
    time_slice::{Seen, TimeSlice, Turn},
    walk::{List, Task, Walk},
};

/// What one request brought.
#[derive(Debug)]
pub struct Page {
    /// New records, by second.
    pub records: Vec<Record>,
    /// Of those that an earlier poll or sweep would have found, had they shown then: how many seconds late each one is.
    pub late: Vec<i64>,
    /// New records without usable id or time.
    pub unusable: Vec<Unusable>,
    /// Bytes of memory that the records keep alive.
    pub bytes: usize,
    /// What to commit once the records are delivered.
    pub change: Change,
    /// What the walk is busy with.
    pub task: Task,
    /// Whether more can be had at once.
    pub more: bool,
}

/// A walk's new place. Changes of one walk must be committed in the order of their pages; a later cursor replaces an earlier one.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which walk.
    pub walk: u8,
    /// Where it stands.
    pub cursor: Cursor,
    /// DedupSet ids that came or went.
    pub parts: Vec<PartChange>,
    /// How many ids are held now.
    pub dedup_ids: usize,
}

impl Walk {
    /// Takes a page in that is believed.
    pub(crate) fn take(
        &mut self,
        task: Task,
        before: TimeSlice,
        answer: ListAnswer,
        seen: Seen,
        now: i64,
    ) -> Result<Page, CollectError> {
        let (records, unusable) = (answer.page.records.len(), answer.page.unusable.len());
        tracing::debug!(?task, ?seen, records, unusable, from = before.from, to = before.to, "page");
        let mut slice = before.clone();
        self.leave_lost_crowd(task, &answer.page);
        if self.crowds[task as usize].is_some() {
            let new = self.select_new(task, &answer, &before, now);
            let turn = self.read_crowd(task, &mut slice, &answer.page, seen, new.records.len(), true);
            return Ok(self.page(task, slice, turn, new, now));
        }
        if task == Task::Sweep && self.cut_slice(&mut slice, seen, now) {
            return Ok(self.page(task, slice, Turn::Discard, NewRecords::default(), now));
        }
        if slice.proof.take().is_some() {
            self.prove_direction(&answer.page);
            return Ok(self.page(task, slice, Turn::Discard, NewRecords::default(), now));
        }
        let direction = self.cursor.direction;
        let advanced = self.advance(&mut slice, &answer.page, seen, now);
        self.note_turn(direction, &advanced);
        let mut turn = advanced?;
        slice.pages += 1;
        if turn == Turn::Discard {
            // A search needs the newest record first; without that the walk starts at the list's beginning instead.
            if task == Task::Search && !slice.down {
                turn = Turn::Done;
            }
            return Ok(self.page(task, slice, turn, NewRecords::default(), now));
        }
        self.offer_anchors(&answer.page, now);
        let new = if task == Task::Search {
            NewRecords::default()
        } else {
            self.select_new(task, &answer, &before, now)
        };
        if let Turn::Crowded(second) = turn {
            let known = task == Task::Search || before.covers(second);
            turn = if known {
                let anchor = answer.page.records.iter().rev().find_map(chat_completions::anchor_of);
                self.pass(&mut slice, anchor, second)
            } else {
                let crowd = self.begin_crowd(task, &slice, second, now);
                self.crowds[task as usize] = Some(crowd);
                self.read_crowd(task, &mut slice, &answer.page, seen, new.records.len(), false)
            };
        }
        Ok(self.page(task, slice, turn, new, now))
    }

    /// Takes in what lies before the first page that came oldest first: nothing, if the list is in that order.
    fn prove_direction(&mut self, before: &ListPage) {
        if before.is_empty() {
            self.cursor.direction = Some(Direction::Ascending);
            tracing::info!(
                list = "audit_logs",
                order = Direction::Ascending.word(),
                "order of the list found"
            );
        } else {
            self.is_turned = true;
            tracing::warn!(list = "audit_logs", "pages are turned round, reading without their order");
        }
    }

    fn advance(
        &mut self,
        slice: &mut TimeSlice,
        page: &ListPage,
        seen: Seen,
        now: i64,
    ) -> Result<Turn, CollectErrorKind> {
        let Cursor { direction, anchors, .. } = &mut self.cursor;
        match &self.list {
            List::AuditLogs(_) => {
                audit_logs::advance(slice, seen, direction, &mut self.empty_is_end, self.is_turned, now)
            }
            List::ChatCompletions(_) => {
                let ignored = &mut self.ignored_cursors;
                chat_completions::advance(slice, page, seen, direction, anchors, ignored)
            }
        }
    }

    fn cut_slice(&mut self, slice: &mut TimeSlice, seen: Seen, now: i64) -> bool {
        if !matches!(self.list, List::AuditLogs(_)) {
            return false;
        }
        let shorter = audit_logs::shorter_slice(slice, seen, now, self.cursor.slice_seconds)
            .filter(|hi| slice.hi.is_none_or(|old| *hi < old));
        if let Some(hi) = shorter {
            *slice = TimeSlice::new(slice.lo, Some(hi));
        }
        shorter.is_some()
    }

    fn offer_anchors(&mut self, page: &ListPage, now: i64) {
        if !matches!(self.list, List::ChatCompletions(_)) {
            return;
        }
        // First and last of the page are enough: the list thins itself out anyway, and the last second may be cut.
        let records = &page.records;
        let last_second = records.last().map(|record| record.second);
        let inner = records.iter().rev().find(|record| Some(record.second) != last_second);
        for record in records.first().into_iter().chain(inner).chain(records.last()) {
            // One of the future would be the newest for ever, and thin out all that are needed.
            if record.second <= now
                && let Some(anchor) = chat_completions::anchor_of(record)
            {
                self.cursor.anchors.offer(anchor);
            }
        }
        self.cursor.anchors.thin(self.cursor.watermark);
    }

    /// Settles the books of a page: holds, lets go, moves the cursor.
    pub(crate) fn page(
        &mut self,
        task: Task,
        slice: TimeSlice,
        turn: Turn,
        new: NewRecords,
        now: i64,
    ) -> Page {
        let done = turn == Turn::Done;
        let late = self.lateness(task, &new.records, now);
        let floor = self.cursor.floor(self.began(now), self.overlap());
        for (second, id) in &new.marks {
            let unread = !done && !slice.covers(*second);
            if task == Task::Tail || *second >= floor || unread {
                self.hold(*second, *id);
            }
        }
        // A discarded page has read nothing: where it leaves less to read, a slice was cut.
        if task == Task::Sweep && turn != Turn::Discard {
            self.let_go(&slice, floor);
            self.cursor.raise_watermark(floor.min(slice.from));
        }
        self.set_slice(task, slice.clone());
        if done {
            self.finish(task, &slice);
        }
        self.dedup.forget_before(self.cursor.watermark);
        self.forget_crowds(task, &slice, floor);
        let parts = self.dedup.take_changes();
        let (cursor, dedup_ids) = (self.cursor.clone(), self.dedup.len());
        Page {
            records: new.records,
            late,
            unusable: new.unusable,
            bytes: new.bytes,
            change: Change { walk: self.index, cursor, parts, dedup_ids },
            task,
            more: self.due(now).is_some(),
        }
    }

    /// A crowded second that is read and will not be read again need not be known; a month of them would fill the cursor.
    fn forget_crowds(&mut self, task: Task, slice: &TimeSlice, floor: i64) {
        if task == Task::Sweep {
            self.cursor.crowded.retain(|second, _| *second >= floor || !slice.covers(*second));
        }
    }

    fn hold(&mut self, second: i64, id: IdHash) {
        if self.dedup.len() < self.timing.dedup_ids_max {
            self.dedup.insert(second, id);
        } else if !self.dedup_warned {
            self.dedup_warned = true;
            tracing::warn!(
                dedup_ids = self.dedup.len(),
                "too many ids to hold: some records may be delivered twice"
            );
        }
    }

    /// Ids of seconds that the slice has read are not needed any more, unless the watermark may stop before them.
    fn let_go(&mut self, slice: &TimeSlice, floor: i64) {
        if let Some(before) = self.slice_of(Task::Sweep) {
            let above = slice.to.map_or(i64::MAX, |to| to.saturating_add(1))
                ..before.to.map_or(floor, |to| floor.min(to.saturating_add(1)));
            let below = before.from..floor.min(slice.from);
            self.dedup.let_go(above);
            self.dedup.let_go(below);
        }
    }
}
