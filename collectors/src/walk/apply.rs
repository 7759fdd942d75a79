//! One step of a walk: takes a page, returns new records and a change of the cursor.

use crate::{
    error::{CollectError, CollectErrorKind},
    http::client::ListAnswer,
    page::record::{IdHash, Record, Unusable},
    source_counters::Anomaly,
    walk::{
        Walk,
        cursor::{Cursor, Task},
        decide::Decision,
        dedup::PartChange,
        time_slice::{PageSummary, TimeSlice},
    },
};

/// The result of one request.
#[derive(Debug)]
pub struct Page {
    /// New records, in order of their seconds.
    pub records: Vec<Record>,
    /// For each new record that an earlier poll or sweep should have seen: how many seconds late it is.
    pub late: Vec<i64>,
    /// New records without a usable id or time.
    pub unusable: Vec<Unusable>,
    /// Bytes of memory that the records keep allocated.
    pub bytes: usize,
    /// What to commit once the records are delivered.
    pub change: Change,
    /// The task that sent the request.
    pub task: Task,
    /// Whether more is due right now.
    pub more: bool,
}

/// The new position of a walk. Changes of one walk must be committed in the order of their pages; a later one
/// replaces an earlier one.
#[derive(Debug, Clone)]
pub struct Change {
    /// Index of the walk.
    pub walk: u8,
    /// Its cursor.
    pub cursor: Cursor,
    /// Added and removed parts of the dedup set.
    pub parts: Vec<PartChange>,
    /// Size of the dedup set.
    pub dedup_ids: usize,
}

impl Walk {
    /// Applies a page that was accepted.
    pub(crate) fn take(
        &mut self,
        task: Task,
        before: &TimeSlice,
        answer: &ListAnswer,
        seen: PageSummary,
        now: i64,
    ) -> Result<Page, CollectError> {
        let (records, unusable) = (answer.page.records.len(), answer.page.unusable.len());
        tracing::debug!(?task, ?seen, records, unusable, from = before.from, to = before.to, "page");
        let crowd = self.crowds[task as usize].take();
        match self.decide(task, before, answer, seen, crowd, now) {
            Ok(decision) => Ok(self.apply(task, decision, now)),
            Err(kind) => {
                if kind == CollectErrorKind::CursorIgnored {
                    // The error is reported once; the next attempt counts from zero.
                    self.learned.ignored_cursors = 0;
                    self.counters.note(Anomaly::CursorLost);
                }
                Err(kind.into())
            }
        }
    }

    /// Applies a decision, and returns what to deliver and then commit.
    pub(crate) fn apply(&mut self, task: Task, decision: Decision, now: i64) -> Page {
        let Decision { cursor, new, late, remember, forget, crowd, learned, anomalies, unsure, has_polled } =
            decision;
        anomalies.into_iter().for_each(|anomaly| self.counters.note(anomaly));
        unsure.into_iter().for_each(|second| self.counters.note_unsure(second));
        remember.into_iter().for_each(|(second, id)| self.remember(second, id));
        self.dedup.keep(cursor.kept.keys().copied());
        forget.into_iter().for_each(|seconds| self.dedup.let_go(seconds));
        self.dedup.forget_before(cursor.watermark);
        (self.cursor, self.learned) = (cursor, learned);
        self.wait_for_kept(now);
        self.crowds[task as usize] = crowd;
        if has_polled {
            self.postpone_poll();
        }
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

    fn remember(&mut self, second: i64, id: IdHash) {
        // Above the limit a record may be delivered twice; without one, memory would grow with the backlog.
        if self.dedup.len() < self.timing.dedup_ids_max {
            self.dedup.insert(second, id);
        } else if !self.dedup_warned {
            self.dedup_warned = true;
            tracing::warn!(
                dedup_ids = self.dedup.len(),
                "dedup set is full: some records may be delivered twice"
            );
        }
    }
}
