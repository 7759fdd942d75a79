//! Whether a page can be the answer to its request. Nothing follows from one that cannot, least of all that a stretch of time is read.

use crate::{
    audit_logs, chat_completions,
    client::Client,
    crowd_search::kinds,
    crowded::Probe,
    cursor::Direction,
    doubt::Doubt,
    page::ListPage,
    record::{IdHash, Record, Unusable},
    request::Request,
    time_slice::{Order, Seen, TimeSlice},
    walk::{List, Task, Walk},
};

impl Walk {
    /// What looks wrong about a page.
    pub(crate) fn doubt(
        &self,
        task: Task,
        slice: &TimeSlice,
        request: &Request,
        page: &ListPage,
        seen: Seen,
        client: &Client,
    ) -> Option<Doubt> {
        if seen.order == Order::Empty {
            return self.doubt_empty(task, slice, page, seen);
        }
        let misplaced = match &self.list {
            List::AuditLogs(_) => self.is_outside_window(task, slice, seen).then_some(Doubt::OutsideWindow),
            List::ChatCompletions(_) => {
                self.is_before_cursor(task, slice, page, seen).then_some(Doubt::BeforeCursor)
            }
        };
        let found = if misplaced.is_some() {
            misplaced
        } else if self.leaves_gap(task, slice, seen) {
            Some(Doubt::Gap)
        } else if seen.order == Order::Mixed {
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
        // A poll that is answered for another request finds less; the next sweep finds the rest.
        let repeated = || task != Task::Tail && client.answers_another(page, &request.span);
        found.or_else(|| repeated().then_some(Doubt::RepeatedPage))
    }

    fn doubt_empty(&self, task: Task, slice: &TimeSlice, page: &ListPage, seen: Seen) -> Option<Doubt> {
        let shows_nothing = page.unusable.is_empty();
        if page.is_null {
            Some(Doubt::Null)
        } else if seen.says_more && shows_nothing {
            Some(Doubt::EmptyWithMore)
        } else {
            let expected = slice.again.is_some() && self.crowds[task as usize].is_none();
            (expected && shows_nothing).then_some(Doubt::Gap)
        }
    }

    /// Whether a page begins behind a record that was delivered, or seen a moment ago, and lies in what was asked for. The newest
    /// records of a list, sent in place of the next ones, do.
    fn leaves_gap(&self, task: Task, slice: &TimeSlice, seen: Seen) -> bool {
        let probes = self.crowds[task as usize].as_ref().is_some_and(|crowd| crowd.probe != Probe::Again);
        if task == Task::Search || probes {
            return false;
        }
        let up = match &self.list {
            List::AuditLogs(_) if self.crowds[task as usize].is_some() => return false,
            List::AuditLogs(_) => match self.cursor.direction {
                None => return false,
                Some(direction) => direction == Direction::Ascending,
            },
            List::ChatCompletions(_) => !slice.down,
        };
        let known = self.must_show(slice);
        known.is_some_and(|known| if up { seen.min > known } else { seen.max < known })
    }

    /// Whether believing this wrongly only costs requests: a stretch of time that shows nothing is read again in two halves.
    pub(crate) fn is_harmless(&self, task: Task, slice: &TimeSlice, doubt: Doubt) -> bool {
        let is_audit = matches!(self.list, List::AuditLogs(_));
        match doubt {
            Doubt::EmptyWithMore => !self.empty_is_end && !self.asks_for_one_second(task, slice),
            // In a quiet list two requests may well have the same answer.
            Doubt::RepeatedPage => true,
            // What follows is an older cursor.
            Doubt::BeforeCursor => true,
            // What follows is the same stretch in two halves.
            Doubt::Unproven | Doubt::Unordered => is_audit,
            // What follows is the same stretch the other way.
            Doubt::Reversed => !is_audit,
            Doubt::Null
            | Doubt::OutsideWindow
            | Doubt::Gap
            | Doubt::Unfiltered
            | Doubt::CursorRefused
            | Doubt::NotFound
            | Doubt::Failed
            | Doubt::Refused => false,
        }
    }

    /// Whether an empty page is the whole answer that can be had: nothing smaller can be asked for.
    pub(crate) fn asks_for_one_second(&self, task: Task, slice: &TimeSlice) -> bool {
        let (from, to) = slice.window();
        match &self.list {
            List::AuditLogs(_) => self.crowds[task as usize].is_some() || to == Some(from),
            List::ChatCompletions(_) => true,
        }
    }

    /// A second of which a record must show again in what is asked for now.
    fn must_show(&self, slice: &TimeSlice) -> Option<i64> {
        match &self.list {
            _ if slice.again.is_some() => slice.again,
            // Nothing is asked for by time here, so it is from the cursor on that what is held must show.
            List::ChatCompletions(_) if !slice.down => {
                let cursor = slice.anchor.as_ref().map_or(i64::MIN, |anchor| anchor.second);
                self.dedup.first_after(cursor)
            }
            List::AuditLogs(_) | List::ChatCompletions(_) => None,
        }
    }

    /// Whether a single answer is all that says in which direction the list answers, or where it goes on.
    fn is_unproven(&self, task: Task, slice: &TimeSlice, seen: Seen) -> bool {
        if task == Task::Tail || self.crowds[task as usize].is_some() {
            return false;
        }
        match &self.list {
            List::AuditLogs(_) => {
                self.cursor.direction.is_none()
                    && !self.is_turned
                    && seen.order != Order::Flat
                    && seen.has_more
            }
            List::ChatCompletions(_) => {
                let continues = task == Task::Search || self.must_show(slice).is_some();
                !continues && seen.has_more && self.begins_at != Some(seen.min)
            }
        }
    }

    fn is_outside_window(&self, task: Task, slice: &TimeSlice, seen: Seen) -> bool {
        let crowd = self.crowds[task as usize].as_ref().map(|crowd| crowd.second);
        let (from, to) = crowd.map_or(slice.window(), |second| (second, Some(second)));
        seen.min < from || to.is_some_and(|to| seen.max > to)
    }

    fn is_before_cursor(&self, task: Task, slice: &TimeSlice, page: &ListPage, seen: Seen) -> bool {
        let crowd = self.crowds[task as usize].as_ref();
        if let Some(Probe::FarEnd(anchor)) = crowd.map(|crowd| &crowd.probe) {
            return anchor.as_ref().is_some_and(|anchor| seen.max > anchor.second);
        }
        if let Some(crowd) = crowd.filter(|crowd| crowd.asks_with_cursor()) {
            return if slice.down { seen.max > crowd.second } else { seen.min < crowd.second };
        }
        let anchor = slice.anchor.as_ref().map(|anchor| IdHash::of(&anchor.id));
        let shows_it = anchor.is_some_and(|anchor| page.records.iter().any(|record| record.id == anchor));
        shows_it || chat_completions::starts_elsewhere(slice, seen, self.cursor.direction)
    }

    fn is_reversed(&self, task: Task, slice: &TimeSlice, seen: Seen) -> bool {
        let known = self.cursor.direction;
        let crowd = self.crowds[task as usize].as_ref();
        if crowd.is_some_and(|crowd| matches!(crowd.probe, Probe::FarEnd(_))) {
            return seen.order == Order::Ascending;
        }
        match &self.list {
            List::AuditLogs(_) => match seen.order {
                Order::Descending => known == Some(Direction::Ascending),
                Order::Ascending => known == Some(Direction::Descending),
                Order::Empty | Order::Flat | Order::Mixed => false,
            },
            List::ChatCompletions(_) => match chat_completions::order(slice, seen, known) {
                Order::Descending => !slice.down,
                Order::Ascending => slice.down,
                Order::Empty | Order::Flat | Order::Mixed => false,
            },
        }
    }

    /// Whether a record is of a kind that was not asked for. Where that has been believed once, the list knows better.
    fn is_unfiltered(&self, task: Task, page: &ListPage) -> bool {
        let probe = self.crowds[task as usize].as_ref().map(|crowd| &crowd.probe);
        let wanted = |of: fn(&Record) -> Option<String>, is_wanted: &dyn Fn(&str) -> bool| {
            let mut kinds = page.records.iter().filter_map(of);
            !self.doubts.has_believed(Doubt::Unfiltered) && kinds.any(|kind| !is_wanted(&kind))
        };
        match &self.list {
            List::AuditLogs(filters) if filters.tenant_only => {
                wanted(|record| kinds(record).event_type, &audit_logs::is_tenant_scoped)
            }
            List::AuditLogs(filters) if !filters.event_types.is_empty() && probe.is_none() => {
                wanted(|record| kinds(record).event_type, &|kind| {
                    filters.event_types.iter().any(|of| of == kind)
                })
            }
            List::ChatCompletions(filters) if filters.model.is_some() && probe.is_none() => {
                wanted(|record| kinds(record).model, &|kind| filters.model.as_deref() == Some(kind))
            }
            List::AuditLogs(_) | List::ChatCompletions(_) => false,
        }
    }

    /// Whether a record without usable id or time was set aside before. Its neighbours change from read to read, and with them the
    /// guess at its second.
    pub(crate) fn is_known(&self, page: &ListPage, unusable: &Unusable) -> bool {
        let id = IdHash::of_bytes(&unusable.raw);
        let mut guesses = page.records.iter().map(|record| record.second).chain(unusable.near);
        guesses.any(|guess| self.dedup.contains(guess, id))
    }
}
