//! Records that show late: behind the point up to which an earlier reading has seen everything there was.

use crate::{
    record::Record,
    time_slice::TimeSlice,
    walk::{Task, Walk},
};

impl Walk {
    /// Takes note of a poll or sweep that is finished. A poll tells nothing of what lies before it, so it counts only where
    /// it goes on from what was read already; while history is read nothing is late.
    pub(crate) fn has_read(&mut self, task: Task, slice: &TimeSlice) {
        let goes_on = match task {
            Task::Search => false,
            Task::Tail => self.read_to.is_some_and(|read_to| slice.lo <= read_to),
            Task::Sweep => true,
        };
        if goes_on {
            self.read_to = self.cursor.newest;
        }
    }

    /// How late each of the new records is that an earlier reading would have found, in seconds. They are in the order of
    /// their seconds.
    pub(crate) fn lateness(&self, task: Task, records: &[Record], now: i64) -> Vec<i64> {
        let Some(read_to) = self.read_to.filter(|_| task == Task::Sweep) else {
            return Vec::new();
        };
        let late = records.iter().take_while(|record| record.second < read_to);
        late.map(|record| now - record.second).collect()
    }
}
