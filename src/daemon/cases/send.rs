//! One case is sent: created unless it is there, what is missing is attached, what has changed is changed. Each step looks at
//! what is there first, so it can be repeated after a kill at any moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::DateTime;
use collectors::Clock;
use serde_json::{Value, json};

use super::{
    change::change,
    kibana::{CasesApi, CasesApiError, RemoteAttachments, RemoteCase},
    text::{comment, is_ours, summary, tag},
};
use crate::{
    cases::{
        ALERTS_MAX, AttachedAlert, AttachedContent, AttachedRule, CaseAttachment, CaseError, CaseOwner,
        CaseStatus, CaseToSend, SentFields, TAGS_MAX,
    },
    detect_db::{DetectDb, DetectThread},
    sinks::remote::{RemoteError, RemoteErrorKind},
};

/// How often a change is tried that somebody else's change refuses.
const CONFLICTS_MAX: u32 = 10;
/// How many changes are remembered of which it is not known whether they arrived.
const TRIED_MAX: usize = 10;
/// How long an alert is waited for that is on its way to the index, in seconds. After that its case has its summary only.
const INDEX_WAIT: i64 = 10 * 60;

/// Finds in which index alerts are.
#[async_trait]
pub(super) trait FindsAlerts: Send + Sync {
    /// The index of each of these alerts that is found.
    async fn places(&self, ids: &[String]) -> Result<BTreeMap<String, String>, RemoteError>;
}

/// Sends cases of one space to one Kibana.
pub(super) struct CaseSender {
    pub(super) api: Arc<dyn CasesApi>,
    /// Where the alerts are; `None` if they are in no Elasticsearch.
    pub(super) alerts: Option<Arc<dyn FindsAlerts>>,
    pub(super) database: Arc<DetectThread>,
    pub(super) space: Arc<str>,
    pub(super) clock: Clock,
}

/// What became of a case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CaseSent {
    /// All of it is there.
    Whole(String),
    /// All but alerts that are not found yet.
    Partly(String),
}

/// Why a case was not sent.
#[derive(Debug)]
pub(super) enum SendFault {
    /// Kibana or Elasticsearch failed.
    Remote(RemoteError),
    /// Kibana refuses this case each time. The text may quote the case.
    Refused(String),
    /// Somebody else changed the case each time.
    Conflict,
    /// What was done could not be kept.
    Database(CaseError),
}

impl From<CasesApiError> for SendFault {
    fn from(error: CasesApiError) -> Self {
        match error {
            CasesApiError::Remote(error) => Self::Remote(error),
            CasesApiError::Conflict => Self::Conflict,
            CasesApiError::Gone => Self::gone(),
            CasesApiError::Refused(status, said) => {
                Self::Refused(format!("Kibana refuses it (status {status}): {said}"))
            }
        }
    }
}

impl From<CaseError> for SendFault {
    fn from(error: CaseError) -> Self {
        Self::Database(error)
    }
}

impl From<RemoteError> for SendFault {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

impl SendFault {
    fn gone() -> Self {
        Self::Refused("it was deleted in Kibana, and is not created there again".to_owned())
    }
}

impl CaseSender {
    /// Sends a case. The second is whether something may have been done that was not kept: a search may not show it at once.
    pub(super) async fn send(&self, case: &CaseToSend) -> (Result<CaseSent, SendFault>, bool) {
        let mut turn = SendTurn {
            with: self,
            of: case,
            sent: case.sent.clone(),
            base: case.fields.clone(),
            is_unsure: false,
            summarised: 0,
        };
        let done = turn.run().await;
        (done, turn.is_unsure)
    }
}

/// One case on its way.
struct SendTurn<'a> {
    with: &'a CaseSender,
    of: &'a CaseToSend,
    /// What is known to be there.
    sent: BTreeSet<String>,
    /// What was last sent of the case itself: one of these.
    base: Vec<SentFields>,
    /// Whether something was begun whose end is not kept.
    is_unsure: bool,
    /// Alerts of which there is only a summary.
    summarised: usize,
}

impl<'a> SendTurn<'a> {
    async fn run(&mut self) -> Result<CaseSent, SendFault> {
        let wanted = SentFields::of(&self.of.case);
        let mut remote = self.remote(&wanted).await?;
        let mut there = self.with.api.attachments(&remote.id).await?;
        let (mut is_attached, mut missing) = (false, 0);
        for attachment in self.of.case.comments.iter().flatten() {
            is_attached |= self.text(&remote.id, attachment, &there).await?;
            if let AttachedContent::Alerts { ids, rule, .. } = &attachment.content {
                let (attached, unfound) = self.alerts(&remote.id, ids, rule, &mut there).await?;
                is_attached |= attached;
                missing += unfound;
            }
        }
        if is_attached {
            remote = self.with.api.get(&remote.id).await?.ok_or_else(SendFault::gone)?;
        }
        let id = remote.id.clone();
        self.update(remote, &wanted).await?;
        let text = match self.summarised {
            0 => format!("case {id}"),
            count => format!("case {id}, where {count} alerts are only in comments"),
        };
        Ok(match missing {
            0 => CaseSent::Whole(text),
            _ => CaseSent::Partly(format!("{text}; {missing} alerts are not in their index yet")),
        })
    }

    /// The case there.
    async fn remote(&mut self, wanted: &SentFields) -> Result<RemoteCase, SendFault> {
        let (api, of) = (&self.with.api, self.of);
        if let Some(id) = &of.remote {
            return api.get(id).await?.ok_or_else(SendFault::gone);
        }
        let found = match api.with_tag(&tag(&of.case.id)).await? {
            Some(found) => found,
            None => {
                let new = SentFields { status: CaseStatus::Open, ..wanted.clone() };
                let body = self.new_case(&new);
                self.keep_fields(vec![new]).await?;
                let created = api.create(&body).await;
                self.wrote(created)?
            }
        };
        let remote = found.id.clone();
        self.keep(move |db, space, id| db.cases(space).keep_remote(id, &remote)).await?;
        self.sent.clear();
        Ok(found)
    }

    fn new_case(&self, wanted: &SentFields) -> Value {
        let tag = tag(&self.of.case.id);
        // The tag by which it is found again comes first: the others may be too many.
        let tags: Vec<&String> = [&tag].into_iter().chain(&wanted.tags).take(TAGS_MAX).collect();
        let mut body = json!({
            "title": wanted.title, "description": wanted.description, "tags": tags, "owner": self.owner(),
            "severity": wanted.severity, "settings": { "syncAlerts": false },
            "connector": { "id": "none", "name": "none", "type": ".none", "fields": null },
        });
        if let Some(category) = &wanted.category {
            body["category"] = json!(category);
        }
        body
    }

    fn owner(&self) -> CaseOwner {
        self.of.case.owner
    }

    /// Adds the text of an attachment: a comment, or the summary of alerts. Returns whether it is new.
    async fn text(
        &mut self,
        remote: &str,
        attachment: &CaseAttachment,
        there: &RemoteAttachments,
    ) -> Result<bool, SendFault> {
        let name = tag(&attachment.id);
        if self.sent.contains(&name) || there.endings.contains(&name) {
            return Ok(false);
        }
        let text = match &attachment.content {
            AttachedContent::Comment { comment: text } => {
                comment(&name, text, &attachment.created_by.username, &attachment.created_at)
            }
            AttachedContent::Alerts { ids, rule, .. } => {
                let rule = rule.name.as_deref().unwrap_or("no rule");
                summary(&name, rule, &self.attached(ids))
            }
            // Files stay here.
            AttachedContent::File { .. } => return Ok(false),
        };
        let body = json!({ "type": "user", "comment": text, "owner": self.owner() });
        let attached = self.with.api.attach(remote, &body).await;
        self.wrote(attached)?;
        self.keep_sent(vec![name]).await?;
        Ok(true)
    }

    fn attached(&self, ids: &[String]) -> Vec<&'a AttachedAlert> {
        self.of.alerts.iter().filter(|alert| ids.contains(&alert.id)).collect()
    }

    /// Attaches alerts that are missing there. Returns whether there were any, and how many are not found yet.
    async fn alerts(
        &mut self,
        remote: &str,
        ids: &[String],
        rule: &AttachedRule,
        there: &mut RemoteAttachments,
    ) -> Result<(bool, usize), SendFault> {
        let item = |id: &str| format!("alert:{id}");
        let is_missing = |id: &&String| !self.sent.contains(&item(id)) && !there.alerts.contains(*id);
        let missing: Vec<String> = ids.iter().filter(is_missing).cloned().collect();
        let (found, unfound) = self.places(&missing).await?;
        let room = ALERTS_MAX.saturating_sub(there.alerts.len());
        self.summarised += found.len().saturating_sub(room);
        let found: Vec<(String, String)> = found.into_iter().take(room).collect();
        if found.is_empty() {
            return Ok((false, unfound));
        }
        let (ids, indices): (Vec<String>, Vec<String>) = found.into_iter().unzip();
        let body = json!({
            "type": "alert", "alertId": ids, "index": indices, "rule": rule, "owner": self.owner(),
        });
        let attached = self.with.api.attach(remote, &body).await;
        match self.wrote(attached) {
            Ok(()) => there.alerts.extend(ids.iter().cloned()),
            // Their summary is there.
            Err(SendFault::Refused(text)) => {
                tracing::debug!(
                    alerts = ids.len(),
                    error = text,
                    "Kibana does not attach alerts: it has their summary"
                );
                self.summarised += ids.len();
            }
            Err(fault) => return Err(fault),
        }
        self.keep_sent(ids.iter().map(|id| item(id)).collect()).await?;
        Ok((true, unfound))
    }

    /// Where these alerts are, and how many are not found that soon may be.
    async fn places(&mut self, ids: &[String]) -> Result<(Vec<(String, String)>, usize), SendFault> {
        let alerts = self.attached(ids);
        let (ours, others): (Vec<&AttachedAlert>, Vec<_>) =
            alerts.into_iter().partition(|alert| is_ours(alert));
        let mut found: Vec<(String, String)> =
            others.iter().map(|alert| (alert.id.clone(), alert.index.clone())).collect();
        let named: Vec<String> = ours.iter().map(|alert| alert.id.clone()).collect();
        let places = match &self.with.alerts {
            Some(alerts) if !named.is_empty() => alerts.places(&named).await?,
            Some(_) | None => BTreeMap::new(),
        };
        let (mut unfound, mut summarised) = (0, 0);
        for alert in ours {
            match places.get(&alert.id) {
                Some(index) => found.push((alert.id.clone(), index.clone())),
                None if self.with.alerts.is_some() && self.is_young(alert) => unfound += 1,
                None => summarised += 1,
            }
        }
        self.summarised += summarised;
        Ok((found, unfound))
    }

    fn is_young(&self, alert: &AttachedAlert) -> bool {
        let at = DateTime::parse_from_rfc3339(&alert.attached_at).map_or(0, |at| at.timestamp());
        self.with.clock.now().saturating_sub(at) < INDEX_WAIT
    }

    /// Sends what has changed of the case itself. What was changed there remains, unless the same was changed here.
    async fn update(&mut self, mut remote: RemoteCase, wanted: &SentFields) -> Result<(), SendFault> {
        let tag = tag(&self.of.case.id);
        let mut attempt = 0;
        while let Some(change) = change(&self.base, wanted, &remote.fields, &tag) {
            if attempt == 0 && !self.base.contains(wanted) {
                // It may arrive without our hearing so.
                let mut tried = self.base.clone();
                tried.push(wanted.clone());
                let from = tried.len().saturating_sub(TRIED_MAX);
                self.keep_fields(tried.split_off(from)).await?;
            }
            attempt += 1;
            let updated = self.with.api.update(&remote, &change).await;
            match self.wrote(updated) {
                Ok(()) => break,
                Err(SendFault::Conflict) if attempt < CONFLICTS_MAX => {
                    remote = self.with.api.get(&remote.id).await?.ok_or_else(SendFault::gone)?;
                }
                Err(fault) => return Err(fault),
            }
        }
        if self.base != [wanted.clone()] {
            self.keep_fields(vec![wanted.clone()]).await?;
        }
        // An update that is repeated changes nothing.
        self.is_unsure = false;
        Ok(())
    }

    /// Something was written, and is to be kept next; or it is unknown whether it was; or it was refused.
    fn wrote<T>(&mut self, done: Result<T, CasesApiError>) -> Result<T, SendFault> {
        self.is_unsure = match &done {
            Ok(_) => true,
            Err(CasesApiError::Remote(error)) => may_be_done(&error.kind),
            Err(CasesApiError::Conflict | CasesApiError::Gone | CasesApiError::Refused(..)) => false,
        };
        Ok(done?)
    }

    async fn keep_fields(&mut self, fields: Vec<SentFields>) -> Result<(), SendFault> {
        self.base.clone_from(&fields);
        self.keep(move |db, space, id| db.cases(space).keep_fields(id, &fields)).await
    }

    async fn keep_sent(&mut self, items: Vec<String>) -> Result<(), SendFault> {
        self.sent.extend(items.iter().cloned());
        self.keep(move |db, space, id| db.cases(space).keep_sent(id, &items)).await
    }

    /// Keeps what was done.
    async fn keep(
        &mut self,
        work: impl FnOnce(&mut DetectDb, &str, &str) -> Result<(), CaseError> + Send + 'static,
    ) -> Result<(), SendFault> {
        let (space, id) = (self.with.space.clone(), self.of.case.id.clone());
        self.with.database.run(move |db| work(db, &space, &id)).await?;
        self.is_unsure = false;
        Ok(())
    }
}

/// Whether a request that failed so may have been carried out.
fn may_be_done(kind: &RemoteErrorKind) -> bool {
    match kind {
        RemoteErrorKind::Unreachable(_)
        | RemoteErrorKind::Overloaded { .. }
        | RemoteErrorKind::RunFailed { .. }
        | RemoteErrorKind::NotUnderstood(_)
        | RemoteErrorKind::Unconfirmed { .. } => true,
        RemoteErrorKind::Untrusted(_)
        | RemoteErrorKind::Throttled { .. }
        | RemoteErrorKind::StorageFull { .. }
        | RemoteErrorKind::Unauthorized { .. }
        | RemoteErrorKind::Forbidden { .. }
        | RemoteErrorKind::PolicyDenied { .. }
        | RemoteErrorKind::NotFound { .. }
        | RemoteErrorKind::PlaceAtFault { .. }
        | RemoteErrorKind::Refused { .. }
        | RemoteErrorKind::Intercepted { .. }
        | RemoteErrorKind::Secret(_)
        | RemoteErrorKind::Settings(_) => false,
    }
}
