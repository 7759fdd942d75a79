//! One request of a walk: what it asks for, and whether its answer is accepted.

use crate::{
    doubt::{Belief, Doubt, repeated_page::PageSpan},
    error::CollectError,
    http::client::Client,
    lists::{AcceptedOrders, Asked, List, Paging},
    page::ListPage,
    source_counters::Anomaly,
    walk::{
        Walk,
        apply::Page,
        crowded::{CrowdedSecond, Probe},
        cursor::{Direction, Task},
        time_slice::{PageSummary, TimeSlice},
    },
};

/// One request of a walk.
#[derive(Debug)]
pub(crate) struct WalkRequest {
    /// Path and query.
    pub query: String,
    /// What it covers.
    pub span: PageSpan,
}

impl List {
    /// The request for the next page of a slice.
    pub(crate) fn request(
        &self,
        slice: &TimeSlice,
        task: Task,
        crowd: Option<&CrowdedSecond>,
        limit: usize,
        orders: AcceptedOrders,
    ) -> WalkRequest {
        let probe = crowd.map(CrowdedSecond::probe);
        let asked = match self.paging {
            Paging::ByTime { .. } => {
                let window = crowd.map_or(slice.window(), |crowd| (crowd.second, Some(crowd.second)));
                Asked { window, probe, ..Asked::default() }
            }
            Paging::ByAnchor { .. } => {
                let after = slice.anchor().map(|anchor| anchor.id.as_str());
                let newest_first = task == Task::Search && orders == AcceptedOrders::Both;
                Asked { after, newest_first, probe, orders, ..Asked::default() }
            }
        };
        WalkRequest { query: self.query(asked, limit), span: self.span(slice, asked) }
    }

    /// What a request covers: the list, and the seconds whose records it may show.
    fn span(&self, slice: &TimeSlice, asked: Asked<'_>) -> PageSpan {
        let Asked { window: (from, to), newest_first, probe, .. } = asked;
        match (self.paging, probe) {
            (Paging::ByTime { .. }, _) => {
                PageSpan::new(&self.identity(probe, false), from, to.unwrap_or(i64::MAX))
            }
            (Paging::ByAnchor { .. }, Some(Probe::FarEnd(anchor))) => {
                let to = anchor.map_or(i64::MAX, |anchor| anchor.second);
                PageSpan::new(&self.identity(None, true), i64::MIN, to)
            }
            (Paging::ByAnchor { .. }, _) => {
                let list = self.identity(probe, newest_first);
                let second = slice.anchor().map(|anchor| anchor.second);
                // Newest first, the cursor excludes later seconds; oldest first, earlier ones.
                if slice.down {
                    PageSpan::new(&list, i64::MIN, second.unwrap_or(i64::MAX))
                } else {
                    PageSpan::new(&list, second.unwrap_or(i64::MIN), i64::MAX)
                }
            }
        }
    }

    /// The request for the newest page of the list (or for what a list in the wrong order returns as such).
    pub(crate) fn newest(&self, limit: usize, orders: AcceptedOrders) -> WalkRequest {
        self.request(&TimeSlice::new(0, None), Task::Search, None, limit, orders)
    }
}

impl Walk {
    /// Reads one page, and repeats the request while the answer looks wrong. After an error the walk is
    /// unchanged and can be called again.
    pub async fn step(&mut self, client: &Client, task: Task) -> Result<Page, CollectError> {
        loop {
            self.take_over_direction(client);
            let now = client.now();
            let slice = self.begin(task, now);
            self.orders = client.orders_of(&self.list);
            if task == Task::Search && self.orders != AcceptedOrders::Both {
                return Ok(self.give_up_search(&slice, now));
            }
            let dated = client.is_dated();
            let crowd = self.crowds[task as usize].as_ref();
            let limit = crowd.map_or(self.size.limit(), |crowd| crowd.reach.limit());
            let request = self.list.request(&slice, task, crowd, limit, self.orders);
            match client.list(&request.query, self.list.scope, self.list.time, self.lane(task, now)).await {
                Ok(mut answer) => {
                    self.note_answered(&request, limit);
                    // Until the first `Date` header, the start of the sweep came from the local clock, which
                    // may be years ahead.
                    if let Some(sweep) = self.cursor.sweep.as_mut().filter(|_| !dated) {
                        sweep.began = sweep.began.min(client.now());
                    }
                    if answer.page.drop_repeats() {
                        self.counters.note(Anomaly::DoubledInPage);
                    }
                    let seen = PageSummary::of(&answer.page, &self.size, limit);
                    if self.believes(client, task, &slice, &request, &answer.page, seen).await? {
                        match &self.crowds[task as usize] {
                            Some(_) => self.size.observe_cap(limit, answer.page.len(), seen.says_more),
                            None => self.size.observe(answer.page.len(), seen.says_more),
                        }
                        let known = self.cursor.direction;
                        let page = self.take(task, &slice, &answer, seen, client.now());
                        self.share_direction(known, client);
                        return page;
                    }
                }
                Err(error) => {
                    if let Some(page) = self.refused(client, task, &slice, &request, error, now).await? {
                        return Ok(page);
                    }
                }
            }
        }
    }

    /// The windows of a backfill share one list: a direction proven by one of them holds for the others.
    fn take_over_direction(&mut self, client: &Client) {
        if self.cursor.direction.is_none() && self.list.has_time_filter() {
            self.cursor.direction = client.direction_of(&self.list.identity(None, false));
        }
    }

    fn share_direction(&self, before: Option<Direction>, client: &Client) {
        let found = self.cursor.direction.filter(|found| Some(*found) != before);
        if let Some(found) = found.filter(|_| self.list.has_time_filter()) {
            client.found_direction(self.list.identity(None, false), found);
            // A route has several walks of one list, such as the windows of a backfill.
            if client.is_news(self.list.name, found) {
                tracing::info!(list = self.list.name, order = found.word(), "list order detected");
            }
        }
    }

    /// Whether a page is accepted as the answer; if not, the request is repeated.
    async fn believes(
        &mut self,
        client: &Client,
        task: Task,
        slice: &TimeSlice,
        request: &WalkRequest,
        page: &ListPage,
        seen: PageSummary,
    ) -> Result<bool, CollectError> {
        let doubt = self.doubt(task, slice, request, page, seen, client);
        if let Some(doubt) = doubt {
            if let Some(anomaly) = doubt.anomaly() {
                self.counters.note(anomaly);
            }
            let harmless = self.is_harmless(task, slice, doubt);
            match self.doubts.strike(&request.query, doubt, harmless) {
                Belief::AskAgain(wait) => {
                    // A repeated page was not unproven any more. Forgetting that would raise both doubts in turn,
                    // without end.
                    if doubt != Doubt::RepeatedPage {
                        self.begins_at = Some(seen.min).filter(|_| doubt == Doubt::Unproven);
                    }
                    tokio::time::sleep(wait).await;
                    return Ok(false);
                }
                Belief::Report => return Err(doubt.error().into()),
                Belief::Believe => {}
            }
            // Several empty pages for a single second: on this list `has_more` does not mean that records
            // follow.
            self.learned.empty_is_end |=
                doubt == Doubt::EmptyWithMore && self.asks_for_one_second(task, slice);
        } else {
            self.doubts.reset();
        }
        self.begins_at = None;
        // Pages that were accepted despite another doubt may be wrong, and must not vouch for later ones.
        if doubt.is_none_or(|doubt| matches!(doubt, Doubt::RepeatedPage | Doubt::Unproven)) {
            client.accept(page, request.span);
        }
        Ok(true)
    }

    /// Ends the search for the start, which needs the newest record first: the walk starts at the list's
    /// beginning.
    fn give_up_search(&mut self, slice: &TimeSlice, now: i64) -> Page {
        let decision = self.decide_without_search(slice, now);
        self.apply(Task::Search, decision, now)
    }
}
