//! How a walk gets through a second that holds more records than a page.

use crate::{
    lists::{AcceptedOrders, Paging},
    page::ListPage,
    source_counters::Anomaly,
    walk::{
        anchors::Anchor,
        by_anchor,
        crowded::{CrowdedPage, CrowdedSecond, CrowdedVerdict, Probe},
        cursor::{Kept, Task},
        decide::Draft,
        time_slice::{PageSummary, SliceTurn, TimeSlice},
    },
};

/// How often a second that is kept is read again before it is left, in about a day.
const KEPT_TRIES_MAX: u32 = 8;
/// The same in a backfill, which ends only then.
const KEPT_TRIES_MAX_OF_WINDOW: u32 = 3;
/// The seconds before the first of these reads; each of the next waits twice as long.
const KEPT_WAIT: i64 = 300;
/// The most seconds that are kept: they are part of the cursor.
const KEPT_MAX: usize = 64;

impl Draft<'_> {
    /// Begins the search of a crowded second. It is searched in full when it is found, and once more when no
    /// record can appear late in it.
    pub(crate) fn begin_crowd(&mut self, slice: &TimeSlice, second: i64) {
        // Evidence from before a restart still counts: a long search must not start over with each restart.
        let dry = slice.dry.filter(|(of, _)| *of == second).map_or(0, |(_, dry)| dry);
        let horizon = self.cursor.horizon(self.walk.began(self.now), self.walk.overlap());
        let is_last = self.task == Task::Sweep && second < horizon && self.cursor.searched != Some(second);
        let searched_before = !is_last && self.cursor.crowded.contains_key(&second);
        let mut crowd = CrowdedSecond::new(second, self.walk.dedup.of_second(second), searched_before, dry);
        crowd.is_last = is_last;
        // Oldest first, the other end of the list can be requested; newest first, the walk already reads from
        // there.
        crowd.turns =
            self.walk.orders == AcceptedOrders::Both && !self.walk.list.has_time_filter() && !slice.down;
        self.crowd = Some(crowd);
    }

    /// Whether a second could not be read whole, and is not due to be read again. A sweep of this second alone
    /// reads it nevertheless.
    pub(crate) fn is_kept_for_later(&self, slice: &TimeSlice, second: i64) -> bool {
        !slice.is_second() && self.cursor.kept.get(&second).is_some_and(|kept| kept.due > self.now)
    }

    /// Leaves a search whose page does not show its second: the anchor is gone, or the page belongs to
    /// another request. The ids found so far are kept, and the search restarts when the walk reaches the
    /// second again.
    pub(crate) fn leave_lost_crowd(&mut self, page: &ListPage) {
        let is_lost = self.crowd.as_ref().is_some_and(|crowd| crowd.is_lost(page));
        // With a time filter the second itself is requested, so no place in the list can be lost.
        if is_lost && !self.walk.list.has_time_filter() {
            self.crowd = None;
        }
    }

    /// Evaluates a page of the crowded second; `asked` if the request was for this second, and not for the
    /// slice.
    pub(crate) fn read_crowd(
        &mut self,
        slice: &mut TimeSlice,
        page: &ListPage,
        seen: PageSummary,
        brought: usize,
        asked: bool,
    ) -> SliceTurn {
        let Some(crowd) = self.crowd.as_mut() else {
            return SliceTurn::More;
        };
        let second = crowd.second;
        // A page that reaches past the second shows its end, however full the page is.
        let beyond = if slice.down { seen.min < second } else { seen.max > second };
        let empty = page.records.is_empty();
        let whole = !seen.has_more || (beyond && !empty) || (empty && self.learned.empty_is_end);
        // With a time filter the page that revealed the second was cut by its slice, so its `has_more` says
        // nothing about the second alone.
        let says_more = seen.says_more && (asked || !self.walk.list.has_time_filter());
        let read = CrowdedPage { page, whole, says_more, brought, limit: seen.limit };
        let is_turned = matches!(crowd.probe(), Probe::FarEnd(_));
        let verdict = crowd.read(read, |record| self.walk.list.kind_of(record));
        // Stored with the cursor, so that a restart does not lose the evidence.
        slice.dry = Some((second, crowd.dry()));
        let mut mine = page.records.iter().filter(|record| record.second == second);
        // From the far end, the record nearest to where the walk continues comes first on the page.
        let last = if is_turned { mine.next() } else { mine.next_back() };
        self.leave_crowd(slice, verdict, last.and_then(by_anchor::anchor_of))
    }

    /// Continues past the second if its search is finished.
    pub(crate) fn leave_crowd(
        &mut self,
        slice: &mut TimeSlice,
        verdict: CrowdedVerdict,
        anchor: Option<Anchor>,
    ) -> SliceTurn {
        let CrowdedVerdict::Finished { complete } = verdict else {
            return SliceTurn::More;
        };
        let Some(crowd) = self.crowd.take() else {
            return SliceTurn::More;
        };
        slice.dry = None;
        // A list that always answers `has_more` makes every second look crowded, and also says so on an empty
        // page.
        let hides_some = !complete && crowd.said_more() && !self.learned.empty_is_end;
        if hides_some && crowd.reach.may_grow() && self.keep(&crowd) {
            return self.pass(slice, anchor, crowd.second);
        }
        if self.cursor.kept.remove(&crowd.second).is_some() && complete {
            tracing::info!(second = crowd.second, found = crowd.found(), "kept second: read whole now");
        }
        if crowd.is_last {
            self.cursor.searched = Some(crowd.second);
        }
        let is_crowded = if complete { self.walk.size.is_full_of(crowd.found()) } else { hides_some };
        if is_crowded {
            self.report_crowd(&crowd, complete);
        }
        self.pass(slice, anchor, crowd.second)
    }

    /// Keeps a second for later sweeps, because it may fit a page once larger pages arrive again. False if that
    /// was tried often enough.
    fn keep(&mut self, crowd: &CrowdedSecond) -> bool {
        let second = crowd.second;
        let tries_max = self.cursor.until.map_or(KEPT_TRIES_MAX, |_| KEPT_TRIES_MAX_OF_WINDOW);
        let before = self.cursor.kept.get(&second).copied();
        if before.is_none() {
            if self.cursor.kept.len() >= KEPT_MAX {
                return false;
            }
            tracing::warn!(
                second,
                found = crowd.found(),
                page_size = crowd.reach.limit(),
                "crowded second: larger pages fail at the moment, so some records may be missing until later \
                 sweeps read it again"
            );
        }
        // A read before it was due counts for nothing, and must not postpone the one that does.
        if before.is_some_and(|kept| kept.due > self.now) {
            return true;
        }
        let tries = before.map_or(0, |kept| kept.tries) + 1;
        if tries > tries_max {
            return false;
        }
        let wait = KEPT_WAIT << tries.saturating_sub(1).min(KEPT_TRIES_MAX);
        self.cursor.kept.insert(second, Kept { due: self.now + wait, tries });
        true
    }

    /// Logs a crowded second, once for each higher number of records found.
    fn report_crowd(&mut self, crowd: &CrowdedSecond, complete: bool) {
        let (second, found) = (crowd.second, crowd.found());
        if self.cursor.crowded.insert(second, found).is_some_and(|before| before >= found) {
            return;
        }
        if complete {
            self.anomalies.push(Anomaly::CrowdedSecond);
            tracing::debug!(second, found, complete = "likely", "crowded second: more records than a page");
        } else {
            self.anomalies.push(Anomaly::CrowdedSecondUnsure);
            self.unsure = Some(second);
            tracing::warn!(
                second,
                found,
                page_size = self.walk.size.shown().min(crowd.reach.limit()),
                complete = "unknown",
                "crowded second: more records than the page size, some may be missing"
            );
        }
    }

    /// Marks a second as read.
    pub(crate) fn pass(&mut self, slice: &mut TimeSlice, anchor: Option<Anchor>, second: i64) -> SliceTurn {
        let is_read = match self.walk.list.paging {
            Paging::ByTime { .. } => slice.pass(second),
            Paging::ByAnchor { .. } => by_anchor::pass(slice, anchor, second, self.cursor.direction),
        };
        if is_read { SliceTurn::Done } else { SliceTurn::More }
    }
}
