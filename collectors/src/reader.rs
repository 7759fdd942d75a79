//! All walks of one collector, read one request at a time.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    error::CollectError,
    http::client::Client,
    lists::List,
    source::Source,
    source_counters::SourceCounters,
    tenant::{Tenant, TenantWalk},
    walk::{
        Timing, Walk,
        apply::Page,
        crowded::{CrowdProgress, CrowdedSecond},
        cursor::{Cursor, Task},
        dedup::DedupSet,
    },
};

/// What a reader does next.
#[derive(Debug)]
pub enum ReaderStep {
    /// A page was read; it may have no new records.
    Page(Box<Page>),
    /// Nothing is due before this time.
    Idle(Instant),
    /// The window of a backfill is read; nothing more will be due.
    Finished,
}

/// Reads the walks of one collector.
#[derive(Debug)]
pub struct Reader {
    client: Arc<Client>,
    walks: Vec<Walk>,
    tenant: Option<Tenant>,
    turn: usize,
    once: bool,
}

/// Longer than any process that reads once runs.
const NOT_AGAIN: Duration = Duration::from_secs(10 * 365 * 86_400);
/// The tenant walk's index in a checkpoint.
const TENANT_WALK: u8 = 1;

/// How many ids the stored parts of this many walks hold.
pub fn dedup_ids(parts: &[(Vec<u8>, Vec<u8>)], walks: usize) -> usize {
    let walks = (0..=u8::MAX).take(walks);
    walks.map(|walk| DedupSet::restore(walk, parts.iter()).len()).sum()
}

impl Reader {
    /// Restores the walks of a route. `cursors` are those of the checkpoint, or one new cursor; `parts` are
    /// their dedup ids. A tenant walk that the checkpoint does not have yet begins at `start`.
    pub fn new(
        client: Arc<Client>,
        source: &Source,
        timing: Timing,
        tenant_walk: TenantWalk,
        cursors: Vec<Cursor>,
        parts: &[(Vec<u8>, Vec<u8>)],
        start: i64,
    ) -> Self {
        let now = client.now();
        let mut cursors = cursors.into_iter();
        let main = cursors.next().unwrap_or_else(|| source.begin(start, None));
        let walk = |index: u8, list: List, cursor: Cursor, polls: bool| {
            Walk::new(index, list, cursor, DedupSet::restore(index, parts.iter()), timing, polls, now)
        };
        let wanted = tenant_walk != TenantWalk::Off;
        let tenant = source.tenant_list().filter(|_| wanted).map(|list| {
            let fresh = || Cursor { tenant_only: true, ..source.begin(start, None) };
            let walk = walk(TENANT_WALK, list.clone(), cursors.next().unwrap_or_else(fresh), false);
            Tenant::new(source.clone(), tenant_walk, walk)
        });
        Self { client, walks: vec![walk(0, source.list().clone(), main, true)], tenant, turn: 0, once: false }
    }

    /// Reads one past window with a walk of its own; `index` is the walk's index in the checkpoint.
    pub fn window(
        client: Arc<Client>,
        source: &Source,
        timing: Timing,
        index: u8,
        cursor: Cursor,
        parts: &[(Vec<u8>, Vec<u8>)],
    ) -> Self {
        let dedup = DedupSet::restore(index, parts.iter());
        let tenant = source.tenant_list().filter(|_| cursor.tenant_only);
        let list = tenant.unwrap_or_else(|| source.list()).clone();
        let walk = Walk::new(index, list, cursor, dedup, timing, false, client.now());
        Self { client, walks: vec![walk], tenant: None, turn: 0, once: false }
    }

    /// Whether it reads a past window: then it is idle only until a second that could not be read whole is due
    /// again.
    pub fn is_of_window(&self) -> bool {
        self.walks.iter().any(|walk| walk.cursor.until.is_some())
    }

    /// Limits the reader to one poll and one sweep per walk.
    pub fn once(mut self) -> Self {
        self.once = true;
        let tenant = self.tenant.iter_mut().map(|tenant| &mut tenant.walk);
        for walk in self.walks.iter_mut().chain(tenant) {
            (walk.timing.poll_interval, walk.timing.sweep_interval) = (NOT_AGAIN, NOT_AGAIN);
        }
        self
    }

    /// Whether the tenant walk is read: `None` while unknown or if there is none.
    pub fn tenant_walk(&self) -> Option<bool> {
        self.tenant.as_ref().and_then(|tenant| tenant.on)
    }

    /// Whether the sweeps take longer than their interval.
    pub fn is_sweep_late(&self) -> bool {
        self.walks.iter().any(Walk::is_sweep_late)
    }

    /// How far the search through a crowded second is, while there is one.
    pub fn crowd(&self) -> Option<CrowdProgress> {
        let crowds = self.active().flat_map(|walk| walk.crowds.iter().flatten());
        crowds.map(CrowdedSecond::progress).max_by_key(|crowd| crowd.reads)
    }

    /// Takes the counts since the last call, of everything that uses this client.
    pub fn take_counters(&mut self) -> SourceCounters {
        let mut counters = self.client.take_counters();
        let tenant = self.tenant.iter_mut().map(|tenant| &mut tenant.walk);
        for walk in self.walks.iter_mut().chain(tenant) {
            counters.add(std::mem::take(&mut walk.counters));
        }
        counters
    }

    /// Makes the poll due at the next step.
    pub fn poll_now(&mut self) {
        self.walks.iter_mut().for_each(Walk::poll_now);
    }

    /// Sends the next request that is due. After an error, the next call continues at the same place.
    pub async fn next(&mut self) -> Result<ReaderStep, CollectError> {
        loop {
            let step = self.next_due().await?;
            // A process that reads once has no later chance to check for the tenant walk.
            let repeats_at = self.tenant.as_ref().filter(|_| self.once).and_then(Tenant::repeats_at);
            match (&step, repeats_at) {
                (ReaderStep::Idle(_), Some(at)) => tokio::time::sleep_until(at).await,
                (ReaderStep::Page(_) | ReaderStep::Idle(_) | ReaderStep::Finished, _) => return Ok(step),
            }
        }
    }

    async fn next_due(&mut self) -> Result<ReaderStep, CollectError> {
        if let Some(tenant) = &mut self.tenant
            && tenant.look_at().is_some_and(|at| at <= Instant::now())
        {
            tenant.look(&self.client).await;
        }
        let now = self.client.now();
        let main = self.walks[0].due(now);
        let tenant =
            self.tenant.as_mut().filter(|tenant| tenant.on == Some(true)).map(|tenant| &mut tenant.walk);
        let tenant_due = tenant.as_ref().and_then(|walk| walk.due(now));
        // Polls first, because they are short. Sweeps of the two walks alternate.
        let mains_turn = matches!(main, Some(Task::Tail | Task::Search))
            || tenant_due.is_none()
            || self.turn.is_multiple_of(2);
        self.turn = self.turn.wrapping_add(1);
        let page = match (main, tenant, tenant_due) {
            (Some(task), _, _) if mains_turn => self.walks[0].step(&self.client, task).await?,
            (_, Some(walk), Some(task)) => walk.step(&self.client, task).await?,
            (Some(task), _, _) => self.walks[0].step(&self.client, task).await?,
            (None, _, _) => return Ok(self.idle()),
        };
        let more = page.more || self.is_due();
        Ok(ReaderStep::Page(Box::new(Page { more, ..page })))
    }

    fn is_due(&self) -> bool {
        let now = self.client.now();
        self.active().any(|walk| walk.due(now).is_some())
    }

    fn active(&self) -> impl Iterator<Item = &Walk> {
        self.walks.iter().chain(self.tenant.as_ref().and_then(Tenant::active))
    }

    fn idle(&self) -> ReaderStep {
        let look = self.tenant.as_ref().and_then(Tenant::look_at);
        match self.active().filter_map(Walk::wake_at).chain(look).min() {
            Some(at) => ReaderStep::Idle(at),
            None => ReaderStep::Finished,
        }
    }
}
