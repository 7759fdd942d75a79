//! Decides whether a page can be the answer to its request. A page that cannot must have no effect; above all
//! it must not mark time as read.

use crate::{
    doubt::Doubt,
    http::client::Client,
    lists::Paging,
    page::{ListPage, record::IdHash},
    walk::{
        Walk, by_anchor,
        crowded::{CrowdedSecond, Probe},
        cursor::{Direction, Task},
        request::WalkRequest,
        time_slice::{PageOrder, PageSummary, TimeSlice},
    },
};

impl Walk {
    /// What looks wrong about a page; `None` if it can be the answer.
    pub(crate) fn doubt(
        &self,
        task: Task,
        slice: &TimeSlice,
        request: &WalkRequest,
        page: &ListPage,
        seen: PageSummary,
        client: &Client,
    ) -> Option<Doubt> {
        if seen.order == PageOrder::Empty {
            return self.doubt_empty(task, slice, page, seen);
        }
        let misplaced = match self.list.paging {
            Paging::ByTime { .. } => {
                self.is_outside_window(task, slice, seen).then_some(Doubt::OutsideWindow)
            }
            Paging::ByAnchor { .. } => {
                self.is_before_cursor(task, slice, page, seen).then_some(Doubt::BeforeCursor)
            }
        };
        // The first doubt that applies decides how often the page must come before it is accepted, and what
        // that costs.
        let found = if misplaced.is_some() {
            misplaced
        } else if self.leaves_gap(task, slice, seen) {
            Some(Doubt::Gap)
        } else if seen.order == PageOrder::Mixed {
            Some(Doubt::Unordered)
        } else if self.is_reversed(task, slice, seen) {
            Some(Doubt::Reversed)
        } else if self.is_unfiltered(task, page) {
            Some(Doubt::Unfiltered)
        } else if self.is_unproven(task, slice, seen) {
            Some(Doubt::Unproven)
        } else {
            None
        };
        // A poll that gets the page of another request only finds less; the next sweep finds the rest.
        let repeated = || task != Task::Tail && client.answers_another(page, &request.span);
        found.or_else(|| repeated().then_some(Doubt::RepeatedPage))
    }

    fn doubt_empty(
        &self,
        task: Task,
        slice: &TimeSlice,
        page: &ListPage,
        seen: PageSummary,
    ) -> Option<Doubt> {
        let shows_nothing = page.unusable.is_empty();
        if page.is_null {
            Some(Doubt::Null)
        } else if seen.says_more && shows_nothing {
            Some(Doubt::EmptyWithMore)
        } else {
            // The previous page ended with `again`, and this request includes that second: it cannot be
            // empty.
            let expected = slice.again.is_some() && self.crowds[task as usize].is_none();
            (expected && shows_nothing).then_some(Doubt::Gap)
        }
    }

    /// Whether a page starts after a record that is within the request and was delivered or shown before.
    /// This exposes the newest records of a list served in place of the next ones.
    fn leaves_gap(&self, task: Task, slice: &TimeSlice, seen: PageSummary) -> bool {
        // Probes of a crowded second skip records on purpose.
        let probes = self.crowds[task as usize].as_ref().is_some_and(|crowd| crowd.probe() != Probe::Again);
        if task == Task::Search || probes {
            return false;
        }
        let up = match self.list.paging {
            Paging::ByTime { .. } if self.crowds[task as usize].is_some() => return false,
            Paging::ByTime { .. } => match self.cursor.direction {
                // Without a direction, nothing says on which side of the page a record is missing.
                None => return false,
                Some(direction) => direction == Direction::Ascending,
            },
            Paging::ByAnchor { .. } => !slice.down,
        };
        let known = self.must_show(slice);
        known.is_some_and(|known| if up { seen.min > known } else { seen.max < known })
    }

    /// Whether accepting this by mistake costs only requests.
    pub(crate) fn is_harmless(&self, task: Task, slice: &TimeSlice, doubt: Doubt) -> bool {
        let is_by_time = self.list.has_time_filter();
        match doubt {
            // The window is halved and both halves are read.
            Doubt::EmptyWithMore => !self.learned.empty_is_end && !self.asks_for_one_second(task, slice),
            // In a quiet list two requests can well have the same answer.
            Doubt::RepeatedPage => true,
            // The walk falls back to an older anchor, unless this is what parks it.
            Doubt::BeforeCursor => {
                self.crowds[task as usize].is_some()
                    || !by_anchor::is_last_ignored(slice, self.learned.ignored_cursors)
            }
            // The window is halved and both halves are read.
            Doubt::Unproven | Doubt::Unordered => is_by_time,
            // The same slice is read in the other direction.
            Doubt::Reversed => !is_by_time,
            Doubt::Null
            | Doubt::OutsideWindow
            | Doubt::Gap
            | Doubt::Unfiltered
            | Doubt::CursorRefused
            | Doubt::OrderRefused
            | Doubt::NotFound
            | Doubt::Failed
            | Doubt::Refused
            | Doubt::Throttled => false,
        }
    }

    /// Whether no smaller request is possible, so that an empty page is the best answer there is.
    pub(crate) fn asks_for_one_second(&self, task: Task, slice: &TimeSlice) -> bool {
        let (from, to) = slice.window();
        match self.list.paging {
            Paging::ByTime { .. } => self.crowds[task as usize].is_some() || to == Some(from),
            Paging::ByAnchor { .. } => true,
        }
    }

    /// A second whose records the answer must include.
    fn must_show(&self, slice: &TimeSlice) -> Option<i64> {
        match self.list.paging {
            _ if slice.again.is_some() => slice.again,
            // The request has no time filter, so the answer must show the first delivered record after the
            // cursor.
            Paging::ByAnchor { .. } if !slice.down => {
                let cursor = slice.anchor().map_or(i64::MIN, |anchor| anchor.second);
                self.dedup.first_after(cursor)
            }
            Paging::ByTime { .. } | Paging::ByAnchor { .. } => None,
        }
    }

    /// Whether this page is the only evidence of the list's direction, or of where the list continues.
    fn is_unproven(&self, task: Task, slice: &TimeSlice, seen: PageSummary) -> bool {
        // What a poll misses, the sweep finds; a crowded second has no direction to prove.
        if task == Task::Tail || self.crowds[task as usize].is_some() {
            return false;
        }
        match self.list.paging {
            Paging::ByTime { .. } => {
                self.cursor.direction.is_none()
                    && !self.learned.is_turned
                    && seen.order != PageOrder::Flat
                    && seen.has_more
            }
            Paging::ByAnchor { .. } => {
                // A record that must show again proves the place. Without one, two answers must begin with
                // the same second.
                let continues = task == Task::Search || self.must_show(slice).is_some();
                !continues && seen.has_more && self.begins_at != Some(seen.min)
            }
        }
    }

    fn probe(&self, task: Task) -> Option<Probe<'_>> {
        self.crowds[task as usize].as_ref().map(CrowdedSecond::probe)
    }

    fn is_outside_window(&self, task: Task, slice: &TimeSlice, seen: PageSummary) -> bool {
        let crowd = self.crowds[task as usize].as_ref().map(|crowd| crowd.second);
        // A crowded second is requested alone, whatever window its slice has.
        let (from, to) = crowd.map_or(slice.window(), |second| (second, Some(second)));
        seen.min < from || to.is_some_and(|to| seen.max > to)
    }

    fn is_before_cursor(&self, task: Task, slice: &TimeSlice, page: &ListPage, seen: PageSummary) -> bool {
        let crowd = self.crowds[task as usize].as_ref();
        if let Some(Probe::FarEnd(anchor)) = self.probe(task) {
            return anchor.is_some_and(|anchor| seen.max > anchor.second);
        }
        if let Some(crowd) = crowd.filter(|crowd| crowd.asks_with_cursor()) {
            return if slice.down { seen.max > crowd.second } else { seen.min < crowd.second };
        }
        // `after` is exclusive: a page that shows its anchor has ignored the cursor.
        let anchor = slice.anchor().map(|anchor| IdHash::of(&anchor.id));
        let shows_it = anchor.is_some_and(|anchor| page.records.iter().any(|record| record.id == anchor));
        shows_it || by_anchor::starts_elsewhere(slice, seen, self.cursor.direction)
    }

    fn is_reversed(&self, task: Task, slice: &TimeSlice, seen: PageSummary) -> bool {
        let known = self.cursor.direction;
        if let Some(Probe::FarEnd(_)) = self.probe(task) {
            return seen.order == PageOrder::Ascending;
        }
        match self.list.paging {
            Paging::ByTime { .. } => match seen.order {
                PageOrder::Descending => known == Some(Direction::Ascending),
                PageOrder::Ascending => known == Some(Direction::Descending),
                PageOrder::Empty | PageOrder::Flat | PageOrder::Mixed => false,
            },
            Paging::ByAnchor { .. } => match by_anchor::order(slice, seen, known) {
                PageOrder::Descending => !slice.down,
                PageOrder::Ascending => slice.down,
                PageOrder::Empty | PageOrder::Flat | PageOrder::Mixed => false,
            },
        }
    }

    /// Whether a record is of a kind that the filter excludes. Once this was accepted, it is the list's
    /// habit.
    fn is_unfiltered(&self, task: Task, page: &ListPage) -> bool {
        // Probes of a crowded second send their own filter.
        let is_filtered = self.crowds[task as usize].is_none();
        if !self.list.limits_kinds() || self.doubts.has_believed(Doubt::Unfiltered) {
            return false;
        }
        let mut kinds = page.records.iter().filter_map(|record| self.list.kind_of(record));
        kinds.any(|kind| !self.list.shows(&kind, is_filtered))
    }
}
