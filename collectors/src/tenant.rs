//! Tenant-scoped audit events, which are listed apart from all others, or not: that is found by looking.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    error::{CollectError, CollectErrorKind},
    http::client::Client,
    lists::List,
    source::{Source, ask},
    walk::Walk,
};

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

/// The walk of tenant-scoped events beside the main one.
#[derive(Debug)]
pub struct Tenant {
    source: Source,
    mode: TenantWalk,
    look_at: Instant,
    /// Whether the walk is read; `None` while that is not known.
    pub on: Option<bool>,
    failed_looks: u32,
    /// What the look under way has found so far, over failures.
    agreement: Agreement,
    /// Its progress.
    pub walk: Walk,
}

/// How often it is looked at whether `tenant_only` is honoured.
const TENANT_LOOK_INTERVAL: Duration = Duration::from_secs(86_400);
/// The time between two comparisons that find no list apart.
const COMPARISON_WAIT: Duration = Duration::from_secs(3);
/// The most comparisons of one look.
const COMPARISONS_MAX: u32 = 9;
/// After so many failed looks in a row an operator is told, and a process that reads once goes on without the tenant walk.
const FAILED_LOOKS_MAX: u32 = 4;
/// The longest time between two looks that fail.
const TENANT_RETRY_MAX: Duration = Duration::from_secs(600);
impl Source {
    /// Whether tenant-scoped events are to be read by a walk of their own: `None` while both lists are empty. In `Auto` the newest
    /// pages with and without `tenant_only` are compared, until comparisons in a row agree: one may have been given another answer.
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
            let found = self.tells_tenant_apart(client, list).await?;
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
    async fn tells_tenant_apart(&self, client: &Client, tenant: &List) -> Result<Option<bool>, CollectError> {
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

/// Comparisons of a list with and without `tenant_only`, until some in a row agree. `None` is found while both are empty.
#[derive(Debug, Default)]
struct Agreement {
    found: Option<bool>,
    in_a_row: u32,
    comparisons: u32,
}

impl Agreement {
    /// Takes in a comparison; answers what is agreed upon.
    fn add(&mut self, found: Option<bool>) -> Option<Option<bool>> {
        self.in_a_row = if found == self.found { self.in_a_row + 1 } else { 1 };
        self.found = found;
        self.comparisons += 1;
        // A list that is read without need costs requests; one that is not read loses its records.
        let wanted = match found {
            None | Some(true) => 2,
            Some(false) => 3,
        };
        let agreed = self.in_a_row >= wanted || self.comparisons >= COMPARISONS_MAX;
        agreed.then(|| std::mem::take(self).found)
    }

    /// How long to wait before the next comparison: what makes them agree that there is no list apart may be one fault.
    fn wait(&self) -> Duration {
        if self.found == Some(false) { COMPARISON_WAIT } else { Duration::ZERO }
    }
}

impl Tenant {
    /// A walk of this list, in a mode that is not `Off`.
    pub fn new(source: Source, mode: TenantWalk, walk: Walk) -> Self {
        let on = (mode == TenantWalk::On).then_some(true);
        let (failed_looks, agreement) = (0, Agreement::default());
        Self { source, mode, look_at: Instant::now(), on, failed_looks, agreement, walk }
    }

    /// Its walk, if it is read.
    pub fn active(&self) -> Option<&Walk> {
        (self.on == Some(true)).then_some(&self.walk)
    }

    /// When it is looked at next whether the list tells tenant-scoped events apart.
    pub fn look_at(&self) -> Option<Instant> {
        (self.mode == TenantWalk::Auto).then_some(self.look_at)
    }

    /// Looks whether the list tells tenant-scoped events apart. A look that fails is repeated later, and does not stop the main list.
    pub async fn look(&mut self, client: &Client) {
        let on = match self.source.tells_tenant_apart(client, &self.walk.list).await {
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
        // While nothing is listed nothing can be lost by waiting.
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

    /// When a look that failed for the moment is repeated.
    pub fn repeats_at(&self) -> Option<Instant> {
        let is_under_way = self.agreement.comparisons > 0 || self.failed_looks > 0;
        (is_under_way && self.failed_looks < FAILED_LOOKS_MAX).then_some(self.look_at)
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
