//! Where a walk stands: what the store keeps of it besides the dedup ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{walk::anchors::Anchors, walk::time_slice::TimeSlice};

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
    /// The word for it in the log.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Descending => "newest first",
            Self::Ascending => "oldest first",
        }
    }
}

/// What a walk can be busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Looking for the record before which to start.
    Search,
    /// The poll for new records.
    Tail,
    /// The reading again of everything after the watermark.
    Sweep,
}

/// One walk: one list read with one cursor. Seconds are whole Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Everything earlier than this second is delivered.
    #[serde(rename = "watermark")]
    pub watermark: i64,
    /// The last second to read, for a walk that reads a past window once; a walk without it goes on for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Whether this walk reads the tenant-scoped audit events, which are listed apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tenant_only: bool,
    /// The newest second of a delivered record that does not lie in the future.
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
    /// How many seconds the next slice of a sweep of audit logs spans.
    pub slice_seconds: i64,
    /// The direction that the list was found to answer in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Seconds after the watermark that hold more records than a page, with the number found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crowded: BTreeMap<i64, u64>,
    /// The crowded second that a sweep has searched in full last: while nothing newer comes it is not searched again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<i64>,
    /// Records of stored completions from which reading can go on.
    #[serde(default, skip_serializing_if = "Anchors::is_empty")]
    pub anchors: Anchors,
    /// A walk with `until` that has read all of its window.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finished: bool,
}

/// The slower reading again of everything after the watermark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The time before its first request.
    pub began: i64,
    /// The part that is being read now.
    pub slice: TimeSlice,
}

/// The first guess at a slice: a day of a quiet organization is one page.
const FIRST_SLICE_SECONDS: i64 = 86_400;

impl Cursor {
    /// A walk that starts at a second and goes on for ever, or ends with `until`. `search` where the list has no time filter,
    /// so that the start has to be looked for.
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
            searched: None,
            anchors: Anchors::default(),
            finished: false,
        }
    }

    /// What a task has not read yet; `None` where it is not under way.
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

    /// The second up to which the watermark may move at most: what is delivered after it may still be missing neighbours.
    pub fn floor(&self, began: i64, overlap: i64) -> i64 {
        let horizon = self.horizon(began, overlap);
        match self.until {
            Some(_) => horizon,
            None => horizon.min(self.newest.unwrap_or(self.watermark)),
        }
    }

    /// The second before which nothing shows any more after a sweep that began then.
    pub fn horizon(&self, began: i64, overlap: i64) -> i64 {
        match self.until {
            Some(_) => i64::MAX,
            None => began - overlap,
        }
    }

    /// Moves the watermark forward, never backward.
    pub fn raise_watermark(&mut self, second: i64) {
        self.watermark = self.watermark.max(second);
        self.crowded = self.crowded.split_off(&self.watermark);
    }
}
