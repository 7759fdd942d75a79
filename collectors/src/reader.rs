//! All walks of one collector, read one request at a time.

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    audit_logs::AuditLogs,
    budget::Lane,
    chat_completions::ChatCompletions,
    client::{Answer, Client},
    cursor::Cursor,
    error::{CollectError, CollectErrorKind},
    held::Held,
    reading::Reading,
    step::Page,
    tally::Tally,
    walk::{List, Task, Timing, Walk},
};

/// Which list a collector reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Organization audit logs.
    AuditLogs(AuditLogs),
    /// Stored chat completions.
    ChatCompletions(ChatCompletions),
}

/// Whether tenant-scoped audit events are read by a second walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantWalk {
    /// If the list honours `tenant_only`, which is looked at once a day.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// What one question to a list shows before anything is read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// `openai-organization` of the answer.
    pub organization: Option<String>,
    /// `openai-project` of the answer.
    pub project: Option<String>,
    /// The newest second that is listed; `None` when the list is empty.
    pub newest: Option<i64>,
    /// The id of a record of that second.
    pub newest_id: Option<String>,
    /// The server's time, or the local one if that is earlier.
    pub now: i64,
}

/// What a reader does next.
#[derive(Debug)]
pub enum Step {
    /// A page was read; it may be empty.
    Page(Box<Page>),
    /// Nothing is due before then.
    Idle(Instant),
    /// Nothing is due ever again: a past window is read.
    Finished,
}

/// Reads the walks of one collector.
#[derive(Debug)]
pub struct Reader {
    client: Arc<Client>,
    walks: Vec<Walk>,
    tenant: Option<Tenant>,
    turn: usize,
}

#[derive(Debug)]
struct Tenant {
    source: Source,
    mode: TenantWalk,
    look_at: Instant,
    /// Whether the walk is read; `None` while that is not known.
    on: Option<bool>,
    failed_looks: u32,
    walk: Walk,
}

/// How often it is looked at whether `tenant_only` is honoured.
const TENANT_LOOK_INTERVAL: Duration = Duration::from_secs(86_400);
/// Longer than any process that reads once.
const NOT_AGAIN: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How often a look that fails is repeated at once, as any other request.
const FAILED_LOOKS_MAX: u32 = 3;
/// The place of the tenant walk in a checkpoint.
const TENANT_WALK: u8 = 1;

impl Source {
    fn list(&self) -> List {
        match self {
            Self::AuditLogs(filters) => List::AuditLogs(filters.clone(), Default::default()),
            Self::ChatCompletions(filters) => List::ChatCompletions(filters.clone(), Default::default()),
        }
    }

    /// A fresh cursor that starts at a second; `until` for a window that is read once.
    pub fn begin(&self, start: i64, until: Option<i64>) -> Cursor {
        Cursor::begin(start, until, matches!(self, Self::ChatCompletions(_)))
    }

    /// The list of tenant-scoped events beside this one, if there is one and the filters leave something of it.
    fn tenant_list(&self) -> Option<List> {
        match self {
            Self::AuditLogs(filters) => {
                filters.tenant().map(|tenant| List::AuditLogs(tenant, Default::default()))
            }
            Self::ChatCompletions(_) => None,
        }
    }

    /// Whether tenant-scoped events are to be read by a walk of their own: `None` while both lists are empty. In `Auto` the newest
    /// pages with and without `tenant_only` are compared.
    pub async fn has_tenant_walk(
        &self,
        client: &Client,
        mode: TenantWalk,
    ) -> Result<Option<bool>, CollectError> {
        let Some(list) = self.tenant_list() else {
            return Ok(Some(false));
        };
        match mode {
            TenantWalk::On => return Ok(Some(true)),
            TenantWalk::Off => return Ok(Some(false)),
            TenantWalk::Auto => {}
        }
        let all = ask(client, &self.list()).await?.page.records;
        let tenant = match ask(client, &list).await {
            Ok(answer) => answer.page.records,
            Err(error) if is_refusal(&error.kind) => {
                tracing::info!(error = %error, "tenant_only is refused: no tenant walk");
                return Ok(Some(false));
            }
            Err(error) => return Err(error),
        };
        let ignored = tenant.iter().any(|one| all.iter().any(|other| one.id == other.id));
        let empty = tenant.is_empty() && all.is_empty();
        Ok(if ignored { Some(false) } else { (!empty).then_some(true) })
    }

    /// A digest of the list and its filters: another one means that a cursor speaks of other records.
    pub fn digest(&self) -> String {
        let query = self.list().query(&Reading::new(0, None), Task::Sweep, None);
        let hash = xxhash_rust::xxh3::xxh3_128(query.as_bytes());
        format!("{hash:032x}")
    }

    /// Asks for the newest page, to learn whose list it is and what time it is there.
    pub async fn hello(&self, client: &Client) -> Result<Hello, CollectError> {
        let answer = ask(client, &self.list()).await?;
        let newest = answer.page.records.iter().max_by_key(|record| record.second);
        Ok(Hello {
            organization: answer.organization,
            project: answer.project,
            newest: newest.map(|record| record.second),
            newest_id: newest.and_then(|record| record.id_text()).map(Cow::into_owned),
            now: client.now(),
        })
    }
}

/// How many ids the stored parts of so many walks hold.
pub fn held_ids(parts: &[(Vec<u8>, Vec<u8>)], walks: usize) -> usize {
    let walks = (0..=u8::MAX).take(walks);
    walks.map(|walk| Held::restore(walk, parts.iter()).len()).sum()
}

/// The newest page of a list.
async fn ask(client: &Client, list: &List) -> Result<Answer, CollectError> {
    let query = list.query(&Reading::new(0, None), Task::Search, None);
    client.list(&query, list.scope(), list.time(), Lane::Full).await
}

impl Reader {
    /// Takes up the walks of a route. `cursors` are those of the checkpoint, or one fresh one; `parts` their held ids.
    /// `start` is where a tenant walk begins that the checkpoint does not know yet.
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
            Walk::new(index, list, cursor, Held::restore(index, parts.iter()), timing, polls, now)
        };
        let wanted = tenant_walk != TenantWalk::Off;
        let tenant = source.tenant_list().filter(|_| wanted).map(|list| {
            let fresh = || Cursor { tenant_only: true, ..source.begin(start, None) };
            let walk = walk(TENANT_WALK, list, cursors.next().unwrap_or_else(fresh), false);
            let on = (tenant_walk == TenantWalk::On).then_some(true);
            Tenant {
                source: source.clone(),
                mode: tenant_walk,
                look_at: Instant::now(),
                on,
                failed_looks: 0,
                walk,
            }
        });
        Self { client, walks: vec![walk(0, source.list(), main, true)], tenant, turn: 0 }
    }

    /// Reads one past window by a walk of its own; `index` is the walk's place in the checkpoint.
    pub fn window(
        client: Arc<Client>,
        source: &Source,
        timing: Timing,
        index: u8,
        cursor: Cursor,
        parts: &[(Vec<u8>, Vec<u8>)],
    ) -> Self {
        let held = Held::restore(index, parts.iter());
        let list = source.tenant_list().filter(|_| cursor.tenant_only).unwrap_or_else(|| source.list());
        let walk = Walk::new(index, list, cursor, held, timing, false, client.now());
        Self { client, walks: vec![walk], tenant: None, turn: 0 }
    }

    /// Polls and sweeps each walk once at most: what comes due meanwhile is left for another time.
    pub fn once(mut self) -> Self {
        let tenant = self.tenant.iter_mut().map(|tenant| &mut tenant.walk);
        for walk in self.walks.iter_mut().chain(tenant) {
            (walk.timing.poll_interval, walk.timing.sweep_interval) = (NOT_AGAIN, NOT_AGAIN);
        }
        self
    }

    /// Whether the tenant walk is read: `None` while that is unknown, or where there is none.
    pub fn tenant_walk(&self) -> Option<bool> {
        self.tenant.as_ref().and_then(|tenant| tenant.on)
    }

    /// Whether the sweeps take longer than their interval.
    pub fn is_sweep_late(&self) -> bool {
        self.walks.iter().any(Walk::is_sweep_late)
    }

    /// What was counted since this was last asked, by everything that uses this client.
    pub fn take_tally(&mut self) -> Tally {
        let mut tally = self.client.take_tally();
        let tenant = self.tenant.iter_mut().map(|tenant| &mut tenant.walk);
        for walk in self.walks.iter_mut().chain(tenant) {
            tally.add(std::mem::take(&mut walk.tally));
        }
        tally
    }

    /// Polls at the next step, whenever it would have been due.
    pub fn poll_now(&mut self) {
        self.walks.iter_mut().for_each(Walk::poll_now);
    }

    /// Sends the next request that is due. After an error it can be asked again, and goes on at the same place.
    pub async fn next(&mut self) -> Result<Step, CollectError> {
        if let Some(tenant) = &mut self.tenant
            && tenant.mode == TenantWalk::Auto
            && tenant.look_at <= Instant::now()
        {
            tenant.look(&self.client).await?;
        }
        let now = self.client.now();
        let main = self.walks[0].due(now);
        let tenant =
            self.tenant.as_mut().filter(|tenant| tenant.on == Some(true)).map(|tenant| &mut tenant.walk);
        let tenant_due = tenant.as_ref().and_then(|walk| walk.due(now));
        // Polls first; sweeps of the two walks take turns.
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
        Ok(Step::Page(Box::new(Page { more, ..page })))
    }

    fn is_due(&self) -> bool {
        let now = self.client.now();
        self.active().any(|walk| walk.due(now).is_some())
    }

    fn active(&self) -> impl Iterator<Item = &Walk> {
        let tenant = self.tenant.iter().filter(|tenant| tenant.on == Some(true)).map(|tenant| &tenant.walk);
        self.walks.iter().chain(tenant)
    }

    fn idle(&self) -> Step {
        let look = self
            .tenant
            .as_ref()
            .filter(|tenant| tenant.mode == TenantWalk::Auto)
            .map(|tenant| tenant.look_at);
        match self.active().filter_map(Walk::wake_at).chain(look).min() {
            Some(at) => Step::Idle(at),
            None => Step::Finished,
        }
    }
}

impl Tenant {
    /// Looks whether the list tells tenant-scoped events apart. A list that cannot be looked at is asked again a few times, and then
    /// later: it does not stop the main one.
    async fn look(&mut self, client: &Client) -> Result<(), CollectError> {
        let found = self.source.has_tenant_walk(client, TenantWalk::Auto).await;
        let on = match found {
            Ok(on) => on,
            Err(error) if self.failed_looks < FAILED_LOOKS_MAX => {
                self.failed_looks += 1;
                return Err(error);
            }
            Err(error) => {
                tracing::warn!(%error, "tenant walk cannot be looked at, trying again later");
                self.on
            }
        };
        if on != self.on || on.is_none() {
            tracing::info!(tenant_walk = on, "tenant walk looked at");
        }
        self.on = on;
        self.failed_looks = 0;
        // While nothing is listed nothing can be lost by waiting.
        let wait = if on.is_some() { TENANT_LOOK_INTERVAL } else { self.walk.timing.sweep_interval };
        self.look_at = Instant::now() + wait;
        Ok(())
    }
}

/// Whether a request was refused for good, as opposed to one that may be answered later.
fn is_refusal(kind: &CollectErrorKind) -> bool {
    matches!(
        kind,
        CollectErrorKind::ParameterRefused { .. }
            | CollectErrorKind::Refused { .. }
            | CollectErrorKind::Forbidden
            | CollectErrorKind::MissingScope { .. }
    )
}
