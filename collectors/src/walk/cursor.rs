//! The position of a walk: what is stored besides the dedup ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::walk::{anchors::Anchors, time_slice::TimeSlice};

/// In which direction a list answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Newest first.
    Descending,
    /// Oldest first.
    Ascending,
}

impl Direction {
    /// Its word in logs.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Descending => "newest first",
            Self::Ascending => "oldest first",
        }
    }
}

/// What a walk can be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Looks for the record before which to start.
    Search,
    /// Polls for new records.
    Tail,
    /// Reads everything after the watermark again.
    Sweep,
}

/// The stored state of one walk. Seconds are whole Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Everything earlier than this second is delivered.
    #[serde(rename = "watermark")]
    pub watermark: i64,
    /// The last second to read, for a walk that reads a past window once; `None` for a walk without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Whether this walk reads the tenant-scoped audit events, which are listed separately.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tenant_only: bool,
    /// The newest second of a delivered record that is not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<i64>,
    /// The time before the first request of the last finished sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<i64>,
    /// The unfinished search for the record before which a walk of stored completions starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<TimeSlice>,
    /// The unfinished poll for new records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<TimeSlice>,
    /// The unfinished sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// Length in seconds of the next slice of a sweep, for lists with a time filter.
    pub slice_seconds: i64,
    /// The direction in which the list was found to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Seconds after the watermark that hold more records than a page, with the number of records found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crowded: BTreeMap<i64, u64>,
    /// Seconds that could not be read whole because larger pages failed: later sweeps read them again, also
    /// behind the watermark.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<i64, Kept>,
    /// The crowded second that a sweep searched in full most recently; it is not searched again while nothing
    /// newer appears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<i64>,
    /// Records of stored completions from which reading can continue.
    #[serde(default, skip_serializing_if = "Anchors::is_empty")]
    pub anchors: Anchors,
    /// Whether a walk with `until` has read its whole window.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finished: bool,
}

/// A second that later sweeps read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The time from which on it is due.
    pub due: i64,
    /// How many reads of it were in vain.
    pub tries: u32,
}

/// Progress of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The time before its first request.
    pub began: i64,
    /// The slice that is being read.
    pub slice: TimeSlice,
}

/// Length of the first slice: a day of a quiet organization fits on one page.
const FIRST_SLICE_SECONDS: i64 = 86_400;

impl Cursor {
    /// A cursor that starts at a second and has no end, or ends at `until`. `search` if the list has no time
    /// filter, so that the start must be looked for.
    pub fn begin(start: i64, until: Option<i64>, search: bool) -> Self {
        Self {
            watermark: start,
            until,
            tenant_only: false,
            newest: None,
            swept: None,
            search: (search && start > 0).then(|| TimeSlice::downward(start)),
            tail: None,
            sweep: None,
            slice_seconds: FIRST_SLICE_SECONDS,
            direction: None,
            crowded: BTreeMap::new(),
            kept: BTreeMap::new(),
            searched: None,
            anchors: Anchors::default(),
            finished: false,
        }
    }

    /// The unread slice of a task; `None` if the task is not running.
    pub(crate) fn slice_of(&self, task: Task) -> Option<&TimeSlice> {
        match task {
            Task::Search => self.search.as_ref(),
            Task::Tail => self.tail.as_ref(),
            Task::Sweep => self.sweep.as_ref().map(|sweep| &sweep.slice),
        }
    }

    pub(crate) fn set_slice(&mut self, task: Task, slice: TimeSlice) {
        match task {
            Task::Search => self.search = Some(slice),
            Task::Tail => self.tail = Some(slice),
            Task::Sweep => {
                if let Some(sweep) = &mut self.sweep {
                    sweep.slice = slice;
                }
            }
        }
    }

    /// The highest allowed watermark: records of the same second or later may still appear.
    pub fn floor(&self, began: i64, overlap: i64) -> i64 {
        let horizon = self.horizon(began, overlap);
        match self.until {
            Some(_) => horizon,
            None => horizon.min(self.newest.unwrap_or(self.watermark)),
        }
    }

    /// The second before which nothing can appear any more, for a sweep that began at `began`.
    pub fn horizon(&self, began: i64, overlap: i64) -> i64 {
        match self.until {
            Some(_) => i64::MAX,
            None => began - overlap,
        }
    }

    /// Whether records of this second may still be delivered.
    pub(crate) fn is_open(&self, second: i64) -> bool {
        second >= self.watermark || self.kept.contains_key(&second)
    }

    /// Whether all of a window of the past was read, except kept seconds.
    pub(crate) fn is_window_read(&self) -> bool {
        self.until.is_some_and(|until| self.watermark > until)
    }

    /// The first kept second behind the watermark and after `second` that is due.
    pub(crate) fn kept_after(&self, second: i64, now: i64) -> Option<i64> {
        let behind = self.kept.iter().take_while(|(kept, _)| **kept < self.watermark);
        behind.filter(|(kept, one)| **kept > second && one.due <= now).map(|(kept, _)| *kept).next()
    }

    /// How many seconds of a window that is read once are unread, whichever end it is read from; `None` for a
    /// walk without an end. At least one until the window is finished.
    pub fn unread_seconds(&self) -> Option<i64> {
        let until = self.until?;
        if self.finished {
            return Some(0);
        }
        let unread = match self.slice_of(Task::Sweep) {
            // Newest first, the watermark stays where the slice begins until all of it is read.
            Some(slice) => {
                let to = slice.to.map_or(until, |to| to.min(until));
                let hi = slice.hi.map_or(until, |hi| hi.min(until));
                (to + 1 - slice.from).max(0) + (until - hi)
            }
            None => until + 1 - self.watermark,
        };
        // A sweep that reads single seconds behind the watermark once more makes nothing unread.
        Some(unread.min(until + 1 - self.watermark).max(1))
    }

    /// Moves the watermark forward, never backward.
    pub fn raise_watermark(&mut self, second: i64) {
        self.watermark = self.watermark.max(second);
        self.crowded = self.crowded.split_off(&self.watermark);
    }
}
