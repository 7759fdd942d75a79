//! What of a page is new to its walk.

use crate::{
    client::Answer,
    reading::Reading,
    record::{IdHash, Record, Unusable},
    walk::{Task, Walk},
};

/// Records smaller than this part of their page are copied out, so that a re-read page does not stay in memory for one new record.
const COPY_BELOW: usize = 4;

/// What a page brought.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    pub records: Vec<Record>,
    pub unusable: Vec<Unusable>,
    /// Second and id of each of them.
    pub marks: Vec<(i64, IdHash)>,
    pub bytes: usize,
}

impl Sifted {
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
    /// What of a page is new. Rule: skip only what is earlier than settled, held, or already covered by this very reading.
    pub(crate) fn sift(&mut self, task: Task, answer: &Answer, before: &Reading, now: i64) -> Sifted {
        let only = self.crowds[task as usize].as_ref().map(|crowd| crowd.second);
        let wanted = |second: i64| only.is_none_or(|only| only == second) && !before.covers(second);
        let mut sifted = Sifted { bytes: answer.bytes, ..Sifted::default() };
        for record in &answer.page.records {
            if !wanted(record.second) {
                continue;
            }
            if record.second <= now {
                self.cursor.newest = self.cursor.newest.max(Some(record.second));
            }
            if record.second >= self.cursor.settled && !self.held.contains(record.second, record.id) {
                sifted.records.push(record.clone());
            }
        }
        sifted.records.sort_unstable_by_key(|record| (record.second, record.id));
        sifted.records.dedup_by_key(|record| (record.second, record.id));
        let records = &answer.page.records;
        for unusable in &answer.page.unusable {
            let second = unusable
                .near
                .unwrap_or(answer.page.records.first().map_or(before.from, |first| first.second));
            let id = IdHash::of_bytes(&unusable.raw);
            // Its neighbours change from read to read, and with them the guess at its second.
            let mut guesses = records.iter().map(|record| record.second).chain([second]);
            let is_held = guesses.any(|guess| self.held.contains(guess, id));
            let is_new = second >= self.cursor.settled && !is_held;
            if wanted(second) && is_new && !sifted.marks.contains(&(second, id)) {
                sifted.marks.push((second, id));
                sifted.unusable.push(unusable.clone());
            }
        }
        sifted.marks.extend(sifted.records.iter().map(|record| (record.second, record.id)));
        sifted.release_page();
        sifted
    }
}
