//! How a walk goes through a second that holds more records than a page.

use serde::Deserialize;

use crate::{
    anchors::Anchor,
    chat_completions,
    crowded::{CrowdedSecond, Probe, Read, Verdict},
    page::ListPage,
    record::Record,
    source_counters::Anomaly,
    time_slice::{Seen, TimeSlice, Turn},
    walk::{List, Task, Walk},
};

impl Walk {
    /// The search of a crowded second. It is done in full when the second is met first, and once more when nothing shows in it any
    /// more, for it may have got late records meanwhile.
    pub(crate) fn begin_crowd(
        &mut self,
        task: Task,
        slice: &TimeSlice,
        second: i64,
        now: i64,
    ) -> CrowdedSecond {
        let dry = slice.dry.filter(|(of, _)| *of == second).map_or(0, |(_, dry)| dry);
        let horizon = self.cursor.horizon(self.began(now), self.overlap());
        let is_last = task == Task::Sweep && second < horizon && self.cursor.searched != Some(second);
        let searched_before = !is_last && self.cursor.crowded.contains_key(&second);
        let mut crowd = CrowdedSecond::new(second, self.dedup.of_second(second), searched_before, dry);
        crowd.is_last = is_last;
        crowd.turns = matches!(self.list, List::ChatCompletions(_)) && !slice.down;
        crowd
    }

    /// A page of completions that does not show the second under search was asked for with a gone anchor, or is an answer to
    /// something else. The ids found so far are kept, and the search restarts when the walk reaches the second again.
    pub(crate) fn leave_lost_crowd(&mut self, task: Task, page: &ListPage) {
        let crowd = &mut self.crowds[task as usize];
        if matches!(self.list, List::ChatCompletions(_))
            && crowd.as_ref().is_some_and(|crowd| crowd.is_lost(page))
        {
            *crowd = None;
        }
    }

    /// Takes in a page that shows the second under search; `asked` where it was the second alone that was asked for.
    pub(crate) fn read_crowd(
        &mut self,
        task: Task,
        slice: &mut TimeSlice,
        page: &ListPage,
        seen: Seen,
        brought: usize,
        asked: bool,
    ) -> Turn {
        let kind_of = kind_field(&self.list);
        let Some(crowd) = self.crowds[task as usize].as_mut() else {
            return Turn::More;
        };
        let second = crowd.second;
        let beyond = if slice.down { seen.min < second } else { seen.max > second };
        let empty = page.records.is_empty();
        let whole = !seen.has_more || (beyond && !empty) || (empty && self.empty_is_end);
        let read = Read { page, whole, says_more: seen.says_more && asked, brought };
        let is_turned = matches!(crowd.probe, Probe::FarEnd(_));
        let verdict = crowd.read(read, kind_of);
        slice.dry = Some((second, crowd.dry()));
        let mut mine = page.records.iter().filter(|record| record.second == second);
        let mine = if is_turned { mine.next() } else { mine.next_back() };
        self.leave_crowd(task, slice, verdict, mine.and_then(chat_completions::anchor_of))
    }

    /// Goes on past the second, if its search is finished.
    pub(crate) fn leave_crowd(
        &mut self,
        task: Task,
        slice: &mut TimeSlice,
        verdict: Verdict,
        anchor: Option<Anchor>,
    ) -> Turn {
        let Verdict::Finished { complete } = verdict else {
            return Turn::More;
        };
        let Some(crowd) = self.crowds[task as usize].take() else {
            return Turn::More;
        };
        slice.dry = None;
        let (second, found) = (crowd.second, crowd.found());
        if crowd.is_last {
            self.cursor.searched = Some(second);
        }
        // A list whose `has_more` never ends makes a crowd of any second, and says so on an empty page, too.
        let is_crowded =
            if complete { self.size.is_full_of(found) } else { crowd.said_more() && !self.empty_is_end };
        if is_crowded && self.cursor.crowded.insert(second, found).is_none_or(|before| before < found) {
            if complete {
                self.counters.note(Anomaly::CrowdedSecond);
                tracing::debug!(
                    second,
                    found,
                    complete = "likely",
                    "crowded second: more records than a page"
                );
            } else {
                self.counters.note(Anomaly::CrowdedSecondUnsure);
                let page_size = self.size.shown();
                tracing::warn!(
                    second,
                    found,
                    page_size,
                    complete = "unknown",
                    "crowded second: more records than the page size, some may be missing"
                );
            }
        }
        self.pass(slice, anchor, second)
    }

    /// Takes a second as read.
    pub(crate) fn pass(&mut self, slice: &mut TimeSlice, anchor: Option<Anchor>, second: i64) -> Turn {
        let done = match &mut self.list {
            List::AuditLogs(_) => slice.pass(second),
            List::ChatCompletions(_) => chat_completions::pass(slice, anchor, second, self.cursor.direction),
        };
        if done { Turn::Done } else { Turn::More }
    }
}

/// Reads the field of a record by which the list can be filtered inside a second.
fn kind_field(list: &List) -> fn(&Record) -> Option<String> {
    match list {
        List::AuditLogs(_) => |record| kinds(record).event_type,
        List::ChatCompletions(_) => |record| kinds(record).model,
    }
}

/// The field of a record by which its list can be filtered.
#[derive(Default, Deserialize)]
pub(crate) struct Kinds {
    #[serde(default, rename = "type")]
    pub event_type: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
}

pub(crate) fn kinds(record: &Record) -> Kinds {
    serde_json::from_slice(&record.raw).unwrap_or_default()
}
