//! Which records of a page are new to its walk.

use crate::{
    http::client::ListAnswer,
    page::{
        ListPage,
        record::{IdHash, Record, Unusable},
    },
    walk::{cursor::Cursor, dedup::DedupSet, time_slice::TimeSlice},
};

/// Records smaller than this part of their page are copied, so that one new record does not keep a whole page
/// in memory.
const COPY_BELOW: usize = 4;

/// Redated records are looked for only while the new records of a page times the ids in the set are at most
/// this: a history whose ids are all kept must not be scanned once more for each of its pages.
const REDATED_LOOKS_MAX: usize = 1_000_000;

/// The part of a page that is delivered.
#[derive(Debug, Default)]
pub(crate) struct NewRecords {
    pub records: Vec<Record>,
    pub unusable: Vec<Unusable>,
    /// Second and id of each of them.
    pub marks: Vec<(i64, IdHash)>,
    pub bytes: usize,
}

impl NewRecords {
    /// The skip rule: a record is skipped only if its second is before the watermark, its id is in the dedup
    /// set, or the slice has already read its second. `only` is the crowded second, if the request was for
    /// that second alone.
    pub fn of(
        answer: &ListAnswer,
        slice: &TimeSlice,
        only: Option<i64>,
        cursor: &Cursor,
        dedup: &DedupSet,
    ) -> Self {
        let wanted = |second: i64| only.is_none_or(|only| only == second) && !slice.covers(second);
        let mut new = Self { bytes: answer.bytes, ..Self::default() };
        for record in answer.page.records.iter().filter(|record| wanted(record.second)) {
            if cursor.is_open(record.second) && !dedup.contains(record.second, record.id) {
                new.records.push(record.clone());
            }
        }
        new.records.sort_unstable_by_key(|record| (record.second, record.id));
        new.records.dedup_by_key(|record| (record.second, record.id));
        for unusable in &answer.page.unusable {
            let first = answer.page.records.first();
            let second = unusable.near.unwrap_or(first.map_or(slice.from, |first| first.second));
            let id = IdHash::of_bytes(&unusable.raw);
            let is_repeated = is_known(&answer.page, unusable, dedup) || dedup.contains(second, id);
            let is_new = cursor.is_open(second) && !is_repeated;
            if wanted(second) && is_new && !new.marks.contains(&(second, id)) {
                new.marks.push((second, id));
                new.unusable.push(unusable.clone());
            }
        }
        new.marks.extend(new.records.iter().map(|record| (record.second, record.id)));
        new.release_page();
        new
    }

    /// How many records were already delivered with another second. They are delivered again, because ids are
    /// stored by second and only the id shows that they are the same.
    pub fn redated(&self, dedup: &DedupSet) -> usize {
        if self.records.len().saturating_mul(dedup.len()) > REDATED_LOOKS_MAX {
            return 0;
        }
        dedup.count_ids(self.records.iter().map(|record| record.id))
    }

    /// Copies a few records out of a large page, so that the page is freed.
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

/// Whether a record without a usable id or time was rejected before. Its neighbours change from read to read,
/// and with them the guess at its second.
pub(crate) fn is_known(page: &ListPage, unusable: &Unusable, dedup: &DedupSet) -> bool {
    let id = IdHash::of_bytes(&unusable.raw);
    let mut guesses = page.records.iter().map(|record| record.second).chain(unusable.near);
    guesses.any(|guess| dedup.contains(guess, id))
}
