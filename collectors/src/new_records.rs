//! What of a page is new to its walk.

use crate::{
    client::ListAnswer,
    record::{IdHash, Record, Unusable},
    source_counters::Anomaly,
    time_slice::TimeSlice,
    walk::{Task, Walk},
};

/// Records smaller than this part of their page are copied out, so that a re-read page does not stay in memory for one new record.
const COPY_BELOW: usize = 4;

/// The most comparisons with which records of another second are looked for, in one page: a millisecond.
const REDATED_LOOKS_MAX: usize = 1_000_000;

/// What a page brought.
#[derive(Debug, Default)]
pub(crate) struct NewRecords {
    pub records: Vec<Record>,
    pub unusable: Vec<Unusable>,
    /// Second and id of each of them.
    pub marks: Vec<(i64, IdHash)>,
    pub bytes: usize,
}

impl NewRecords {
    /// Copies a few records out of a large page.
    fn release_page(&mut self) {
        let raws =
            self.records.iter().map(|record| &record.raw).chain(self.unusable.iter().map(|other| &other.raw));
        let bytes: usize = raws.map(|raw| raw.len()).sum();
        if bytes < self.bytes / COPY_BELOW {
            let copy = |raw: &mut bytes::Bytes| *raw = bytes::Bytes::copy_from_slice(raw);
            self.records.iter_mut().for_each(|record| copy(&mut record.raw));
            self.unusable.iter_mut().for_each(|other| copy(&mut other.raw));
            self.bytes = bytes;
        }
    }
}

impl Walk {
    /// What of a page is new. Rule: skip only what is earlier than the watermark, held, or already covered by this very slice.
    pub(crate) fn select_new(
        &mut self,
        task: Task,
        answer: &ListAnswer,
        before: &TimeSlice,
        now: i64,
    ) -> NewRecords {
        let only = self.crowds[task as usize].as_ref().map(|crowd| crowd.second);
        let wanted = |second: i64| only.is_none_or(|only| only == second) && !before.covers(second);
        let mut new = NewRecords { bytes: answer.bytes, ..NewRecords::default() };
        for record in &answer.page.records {
            if !wanted(record.second) {
                continue;
            }
            if record.second <= now {
                self.cursor.newest = self.cursor.newest.max(Some(record.second));
            }
            if record.second >= self.cursor.watermark && !self.dedup.contains(record.second, record.id) {
                new.records.push(record.clone());
            }
        }
        new.records.sort_unstable_by_key(|record| (record.second, record.id));
        new.records.dedup_by_key(|record| (record.second, record.id));
        for unusable in &answer.page.unusable {
            let second = unusable
                .near
                .unwrap_or(answer.page.records.first().map_or(before.from, |first| first.second));
            let id = IdHash::of_bytes(&unusable.raw);
            let is_held = self.is_known(&answer.page, unusable) || self.dedup.contains(second, id);
            let is_new = second >= self.cursor.watermark && !is_held;
            if wanted(second) && is_new && !new.marks.contains(&(second, id)) {
                new.marks.push((second, id));
                new.unusable.push(unusable.clone());
            }
        }
        self.count_redated(&new.records);
        new.marks.extend(new.records.iter().map(|record| (record.second, record.id)));
        new.release_page();
        new
    }

    /// Counts new records that were delivered under another second already. They are delivered again: nothing but the id says that
    /// they are the same, and ids are kept by their seconds.
    fn count_redated(&mut self, records: &[Record]) {
        if records.len().saturating_mul(self.dedup.len()) > REDATED_LOOKS_MAX {
            return;
        }
        for record in records {
            if self.dedup.contains_id(record.id) {
                self.counters.note(Anomaly::Redated);
            }
        }
    }
}
