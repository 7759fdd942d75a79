//! One case is sent: created unless it is there, what is missing is attached, what has changed is changed. Each step looks at
//! what is there first, so it can be repeated after a kill at any moment.

use std::{collections::BTreeSet, sync::Arc};

use collectors::Clock;
use serde_json::{Value, json};

use super::{
    alerts::{AlertsSink, FoundAlerts},
    change::change,
    kibana::{CasesApi, CasesApiError, RemoteCase},
    text::tag,
};
use crate::{
    cases::{AttachedContent, CaseError, CaseOwner, CaseStatus, CaseToSend, SentFields, SentItems, TAGS_MAX},
    detect_db::{DetectDb, DetectThread},
    sinks::remote::{RemoteError, RemoteErrorKind},
};

/// How often a change is tried that somebody else's change refuses.
const CONFLICTS_MAX: u32 = 10;
/// How many changes are remembered of which it is not known whether they arrived.
const TRIED_MAX: usize = 10;

/// Sends cases of one space to one Kibana.
pub(super) struct CaseSender {
    pub(super) api: Arc<dyn CasesApi>,
    /// Where the alerts are; `None` if they are in no Elasticsearch.
    pub(super) alerts: Option<AlertsSink>,
    pub(super) database: Arc<DetectThread>,
    pub(super) space: Arc<str>,
    pub(super) clock: Clock,
}

/// What became of a case.
#[derive(Debug)]
pub(super) enum CaseSent {
    /// All of it is there.
    Whole(String),
    /// All but alerts that are waited for.
    Partly(String, AlertsWait),
    /// All but what Kibana refuses. The text may quote it.
    Incomplete(String),
}

/// What alerts are waited for.
#[derive(Debug)]
pub(super) enum AlertsWait {
    /// They may be found soon.
    Short,
    /// They may take long.
    Long,
    /// Looking for them failed.
    Failed(RemoteError),
}

/// Why a case was not sent.
#[derive(Debug)]
pub(super) enum SendFault {
    /// Kibana or Elasticsearch failed.
    Remote(RemoteError),
    /// Kibana refuses this case each time. The text may quote the case.
    Refused(String),
    /// The key may not do this with cases of this owner.
    NotAllowed(String),
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
            CasesApiError::NotAllowed(said) => {
                Self::NotAllowed(format!("Kibana refuses it (status 403): {said}"))
            }
            CasesApiError::TooMuch(count) => Self::Refused(format!(
                "{count} comments and alerts are attached to it in Kibana, more than its API shows: remove some there"
            )),
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
            refused: case.refused.clone(),
            said: None,
            base: case.fields.clone(),
            is_unsure: false,
            summarised: 0,
        };
        let done = turn.run().await;
        (done, turn.is_unsure)
    }

    /// Whether one of these cases is there. Ids are never given twice: then it is the Kibana that gave it.
    pub(super) async fn has_one_of(&self, remotes: &[String]) -> Result<bool, RemoteError> {
        for remote in remotes {
            match self.api.get(remote).await {
                Ok(Some(_)) | Err(CasesApiError::NotAllowed(_)) => return Ok(true),
                Ok(None)
                | Err(
                    CasesApiError::Gone
                    | CasesApiError::Conflict
                    | CasesApiError::TooMuch(_)
                    | CasesApiError::Refused(..),
                ) => {}
                Err(CasesApiError::Remote(error)) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// One case on its way.
pub(super) struct SendTurn<'a> {
    pub(super) with: &'a CaseSender,
    pub(super) of: &'a CaseToSend,
    /// What is known to be there.
    pub(super) sent: BTreeSet<String>,
    /// What Kibana has refused of this version of the case.
    pub(super) refused: BTreeSet<String>,
    /// How it refused it, the last time.
    pub(super) said: Option<String>,
    /// What was last sent of the case itself: one of these.
    base: Vec<SentFields>,
    /// Whether something was begun whose end is not kept.
    is_unsure: bool,
    /// Alerts of which there is only a summary.
    pub(super) summarised: usize,
}

impl SendTurn<'_> {
    async fn run(&mut self) -> Result<CaseSent, SendFault> {
        let wanted = SentFields::of(&self.of.case);
        let mut remote = self.remote(&wanted).await?;
        // Kibana attaches no alerts to a closed case.
        let opens = remote.fields.status == CaseStatus::Closed && wanted.status != CaseStatus::Closed;
        if opens {
            match self.update(remote.clone(), &wanted).await {
                // What is refused is tried again at the end.
                Ok(()) | Err(SendFault::Refused(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        let mut there = self.with.api.attachments(&remote.id).await?;
        let found = self.find_alerts(&there).await?;
        let mut is_attached = false;
        for attachment in self.of.case.comments.iter().flatten() {
            is_attached |= self.texts(&remote.id, attachment, &there).await?;
            if let AttachedContent::Alerts { ids, rule, .. } = &attachment.content {
                is_attached |= self.alerts(&remote.id, ids, rule, &mut there, &found).await?;
            }
        }
        if is_attached || opens {
            remote = self.with.api.get(&remote.id).await?.ok_or_else(SendFault::gone)?;
        }
        let id = remote.id.clone();
        self.update(remote, &wanted).await?;
        Ok(self.outcome(&id, found))
    }

    fn outcome(&self, id: &str, found: FoundAlerts) -> CaseSent {
        let text = match self.summarised {
            0 => format!("case {id}"),
            count => format!("case {id}, where {count} alerts are only in comments"),
        };
        if found.waits() {
            let mut waits = text;
            if let (1.., Some(sink)) = (found.due, &self.with.alerts) {
                waits += &format!("; {} alerts are not delivered to sink `{}` yet", found.due, sink.name);
            }
            if found.unfound > 0 {
                waits += &format!("; {} alerts are not in their index yet", found.unfound);
            }
            let wait = match found.fault {
                Some((error, count)) => {
                    waits += &format!(
                        "; {count} alerts were not looked for, which needs `read` on their index: {error}"
                    );
                    AlertsWait::Failed(error)
                }
                None if found.is_soon => AlertsWait::Short,
                None => AlertsWait::Long,
            };
            return CaseSent::Partly(waits, wait);
        }
        if self.refused.is_empty() {
            return CaseSent::Whole(text);
        }
        let said = self.said.as_deref().unwrap_or("Kibana has refused parts of it");
        CaseSent::Incomplete(format!("{text}: {said}; the next change of the case sends them again"))
    }

    /// The case there.
    async fn remote(&mut self, wanted: &SentFields) -> Result<RemoteCase, SendFault> {
        let (api, of) = (&self.with.api, self.of);
        if let Some(id) = &of.remote {
            return api.get(id).await?.ok_or_else(SendFault::gone);
        }
        let found = match api.with_tag(&tag(&of.case.id)).await? {
            Some(found) => {
                if self.base.is_empty() {
                    // What was changed there since remains.
                    self.keep_fields(vec![wanted.clone()]).await?;
                }
                found
            }
            None => {
                let new = SentFields { status: CaseStatus::Open, ..wanted.clone() };
                let body = self.new_case(&new);
                self.keep_fields(vec![new]).await?;
                let created = api.create(&body).await;
                self.wrote(created)?
            }
        };
        let (remote, version) = (found.id.clone(), of.case.version.clone());
        let known =
            self.keep(move |db, space, id| db.cases(space).keep_remote(id, &remote, &version)).await?;
        SentItems { sent: self.sent, refused: self.refused } = known;
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

    pub(super) fn owner(&self) -> CaseOwner {
        self.of.case.owner
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
                Err(fault) => {
                    if matches!(fault, SendFault::Conflict) {
                        self.is_unsure = false;
                    }
                    return Err(fault);
                }
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
    pub(super) fn wrote<T>(&mut self, done: Result<T, CasesApiError>) -> Result<T, SendFault> {
        self.is_unsure = match &done {
            // Kibana attaches something and changes its case at the same time: only the latter is in conflict.
            Ok(_) | Err(CasesApiError::Conflict) => true,
            Err(CasesApiError::Remote(error)) => may_be_done(&error.kind),
            Err(
                CasesApiError::Gone
                | CasesApiError::NotAllowed(_)
                | CasesApiError::TooMuch(_)
                | CasesApiError::Refused(..),
            ) => false,
        };
        Ok(done?)
    }

    async fn keep_fields(&mut self, fields: Vec<SentFields>) -> Result<(), SendFault> {
        self.base.clone_from(&fields);
        self.keep(move |db, space, id| db.cases(space).keep_fields(id, &fields)).await
    }

    pub(super) async fn keep_sent(&mut self, items: Vec<String>) -> Result<(), SendFault> {
        self.sent.extend(items.iter().cloned());
        self.keep(move |db, space, id| db.cases(space).keep_sent(id, &items)).await
    }

    /// Kibana refuses items; the rest of the case continues.
    pub(super) async fn keep_refused(&mut self, items: Vec<String>, said: String) -> Result<(), SendFault> {
        self.refused.extend(items.iter().cloned());
        self.said = Some(said.clone());
        let version = self.of.case.version.clone();
        self.keep(move |db, space, id| db.cases(space).keep_refused(id, &items, &version, &said)).await
    }

    /// Keeps what was done.
    async fn keep<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut DetectDb, &str, &str) -> Result<T, CaseError> + Send + 'static,
    ) -> Result<T, SendFault> {
        let (space, id) = (self.with.space.clone(), self.of.case.id.clone());
        let kept = self.with.database.run(move |db| work(db, &space, &id)).await?;
        self.is_unsure = false;
        Ok(kept)
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
