//! Tenant-scoped audit events. Whether they are listed separately is found by comparing answers.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    error::{CollectError, CollectErrorKind},
    http::client::Client,
    lists::List,
    source::{Source, ask},
    walk::Walk,
};

/// Whether a second walk reads tenant-scoped audit events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantWalk {
    /// If the list honours `tenant_only`, which is checked once a day.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// The walk of tenant-scoped events, next to the main one.
#[derive(Debug)]
pub struct Tenant {
    source: Source,
    mode: TenantWalk,
    look_at: Instant,
    /// Whether the walk is read; `None` while unknown.
    pub on: Option<bool>,
    failed_looks: u32,
    /// Comparisons of the running check, kept over failed requests.
    agreement: Agreement,
    /// Its progress.
    pub walk: Walk,
}

/// How often to check whether `tenant_only` is honoured.
const TENANT_LOOK_INTERVAL: Duration = Duration::from_secs(86_400);
/// The delay between comparisons that find no separate list.
const COMPARISON_WAIT: Duration = Duration::from_secs(3);
/// The most comparisons of one check.
const COMPARISONS_MAX: u32 = 9;
/// After this many failed checks in a row a warning is logged, and a process that reads once continues
/// without the tenant walk.
const FAILED_LOOKS_MAX: u32 = 4;
/// The longest delay between failed checks.
const TENANT_RETRY_MAX: Duration = Duration::from_secs(600);
impl Source {
    /// Whether tenant-scoped events need their own walk: `None` while both lists are empty. In `Auto`, the
    /// newest pages with and without `tenant_only` are compared until several comparisons in a row agree,
    /// because either page may be the answer to another request.
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
        let mut agreement = Agreement::default();
        loop {
            let found = self.honours_tenant_only(client, list).await?;
            if let Some(agreed) = agreement.add(found) {
                if agreed != Some(true) {
                    tracing::info!(tenant_walk = agreed, "no tenant-scoped events are listed separately");
                }
                return Ok(agreed);
            }
            tokio::time::sleep(agreement.wait()).await;
        }
    }

    /// Compares the newest pages once.
    async fn honours_tenant_only(
        &self,
        client: &Client,
        tenant: &List,
    ) -> Result<Option<bool>, CollectError> {
        let all = ask(client, self.list()).await?.page.records;
        let tenant = match ask(client, tenant).await {
            Ok(answer) => answer.page.records,
            Err(error) if is_refusal(&error.kind) => {
                tracing::info!(error = %error, "tenant_only is refused: no walk of tenant-scoped events");
                return Ok(Some(false));
            }
            Err(error) => return Err(error),
        };
        let ignored = tenant.iter().any(|one| all.iter().any(|other| one.id == other.id));
        let empty = tenant.is_empty() && all.is_empty();
        Ok(if ignored { Some(false) } else { (!empty).then_some(true) })
    }
}

/// Comparisons of a list with and without `tenant_only`, until several in a row agree. `None` counts
/// comparisons while both are empty.
#[derive(Debug, Default)]
struct Agreement {
    found: Option<bool>,
    in_a_row: u32,
    comparisons: u32,
}

impl Agreement {
    /// Adds a comparison; returns the result once enough agree.
    fn add(&mut self, found: Option<bool>) -> Option<Option<bool>> {
        self.in_a_row = if found == self.found { self.in_a_row + 1 } else { 1 };
        self.found = found;
        self.comparisons += 1;
        // Reading a list without need costs requests; not reading one loses its records.
        let wanted = match found {
            None | Some(true) => 2,
            Some(false) => 3,
        };
        let agreed = self.in_a_row >= wanted || self.comparisons >= COMPARISONS_MAX;
        agreed.then(|| std::mem::take(self).found)
    }

    /// The delay before the next comparison: one fault can make several comparisons find no separate list.
    fn wait(&self) -> Duration {
        if self.found == Some(false) { COMPARISON_WAIT } else { Duration::ZERO }
    }
}

impl Tenant {
    /// `mode` is not `Off`.
    pub fn new(source: Source, mode: TenantWalk, walk: Walk) -> Self {
        let on = (mode == TenantWalk::On).then_some(true);
        let (failed_looks, agreement) = (0, Agreement::default());
        Self { source, mode, look_at: Instant::now(), on, failed_looks, agreement, walk }
    }

    /// The walk, if it is read.
    pub fn active(&self) -> Option<&Walk> {
        (self.on == Some(true)).then_some(&self.walk)
    }

    /// When to check next whether the list honours `tenant_only`.
    pub fn look_at(&self) -> Option<Instant> {
        (self.mode == TenantWalk::Auto).then_some(self.look_at)
    }

    /// Checks whether the list honours `tenant_only`. A failed check is repeated later and does not stop the
    /// main list.
    pub async fn look(&mut self, client: &Client) {
        let on = match self.source.honours_tenant_only(client, &self.walk.list).await {
            Ok(found) => match self.agreement.add(found) {
                Some(agreed) => agreed,
                None => {
                    self.look_at = Instant::now() + self.agreement.wait();
                    return;
                }
            },
            Err(error) => return self.failed(&error),
        };
        if on != self.on || on.is_none() {
            tracing::info!(tenant_walk = on, "tenant walk checked");
        }
        self.on = on;
        self.failed_looks = 0;
        // While the lists are empty, waiting loses nothing.
        let wait = if on.is_some() { TENANT_LOOK_INTERVAL } else { self.walk.timing.sweep_interval };
        self.look_at = Instant::now() + wait;
    }

    fn failed(&mut self, error: &CollectError) {
        self.failed_looks = self.failed_looks.saturating_add(1);
        let wait = Duration::from_secs(1 << (self.failed_looks - 1).min(12)).min(TENANT_RETRY_MAX);
        self.look_at = Instant::now() + wait;
        let wait_seconds = wait.as_secs();
        if self.failed_looks == FAILED_LOOKS_MAX {
            tracing::warn!(%error, wait_seconds, "check for tenant-scoped events failed, trying again later");
        } else {
            tracing::debug!(%error, wait_seconds, "check for tenant-scoped events failed, trying again");
        }
    }

    /// When a check that failed for a passing reason is repeated.
    pub fn repeats_at(&self) -> Option<Instant> {
        let is_under_way = self.agreement.comparisons > 0 || self.failed_looks > 0;
        (is_under_way && self.failed_looks < FAILED_LOOKS_MAX).then_some(self.look_at)
    }
}

/// Whether a request was refused permanently.
fn is_refusal(kind: &CollectErrorKind) -> bool {
    matches!(
        kind,
        CollectErrorKind::ParameterRefused { .. }
            | CollectErrorKind::Refused { .. }
            | CollectErrorKind::Forbidden
            | CollectErrorKind::MissingScope { .. }
    )
}
