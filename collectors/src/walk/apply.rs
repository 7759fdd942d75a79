//! One step of a walk: a page comes in, new records and a change of the cursor come out.

use crate::{
    error::{CollectError, CollectErrorKind},
    http::client::ListAnswer,
    page::record::{IdHash, Record, Unusable},
    source_counters::Anomaly,
    walk::Walk,
    walk::cursor::{Cursor, Task},
    walk::decide::Decision,
    walk::dedup::PartChange,
    walk::time_slice::{Seen, TimeSlice},
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
    /// Its cursor.
    pub cursor: Cursor,
    /// Dedup ids that came or went.
    pub parts: Vec<PartChange>,
    /// How many ids are in the dedup set now.
    pub dedup_ids: usize,
}

impl Walk {
    /// Takes in a page that is believed.
    pub(crate) fn take(
        &mut self,
        task: Task,
        before: &TimeSlice,
        answer: &ListAnswer,
        seen: Seen,
        now: i64,
    ) -> Result<Page, CollectError> {
        let (records, unusable) = (answer.page.records.len(), answer.page.unusable.len());
        tracing::debug!(?task, ?seen, records, unusable, from = before.from, to = before.to, "page");
        let crowd = self.crowds[task as usize].take();
        match self.decide(task, before, answer, seen, crowd, now) {
            Ok(decision) => Ok(self.apply(task, decision, now)),
            Err(kind) => {
                if kind == CollectErrorKind::CursorIgnored {
                    // Reported once; whoever tries again begins to count anew.
                    self.learned.ignored_cursors = 0;
                    self.counters.note(Anomaly::CursorLost);
                }
                Err(kind.into())
            }
        }
    }

    /// Makes a decision true, and hands out what is to be delivered and then committed.
    pub(crate) fn apply(&mut self, task: Task, decision: Decision, now: i64) -> Page {
        let Decision { cursor, new, late, remember, forget, crowd, learned, anomalies, has_polled } =
            decision;
        anomalies.into_iter().for_each(|anomaly| self.counters.note(anomaly));
        remember.into_iter().for_each(|(second, id)| self.remember(second, id));
        forget.into_iter().for_each(|seconds| self.dedup.let_go(seconds));
        self.dedup.forget_before(cursor.watermark);
        (self.cursor, self.learned) = (cursor, learned);
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
