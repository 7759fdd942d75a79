//! One case is sent: created unless it is there, what is missing is attached, what has changed is changed. Each step looks at
//! what is there first, so it can be repeated after a kill at any moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use collectors::Clock;
use serde_json::{Value, json};

use super::{
    alerts::{AlertsSink, FoundAlerts},
    change::change,
    kibana::{CasesApi, CasesApiError},
    members::{RefusedMembers, is_member},
    outcome::{AlertsWait, CaseSent, SendFault, may_be_done},
    remote::RemoteCase,
    text::tag,
};
use crate::{
    cases::{
        AttachedContent, CaseError, CaseOwner, CaseStatus, CaseStore, CaseToSend, SentFields, SentItem,
        SentItems, TAGS_MAX,
    },
    detect_db::{DetectDb, DetectThread},
    sinks::remote::RemoteError,
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
    /// The name of this Kibana, under which what is known of it is kept.
    pub(super) target: Arc<str>,
    pub(super) clock: Clock,
    /// How long a search there may not show what was written, in seconds.
    pub(super) search_lag: i64,
    /// What of cases was refused.
    pub(super) members: RefusedMembers,
}

impl CaseSender {
    /// Sends a case. The second is whether something may have been done that was not kept: a search may not show it at once.
    pub(super) async fn send(&self, case: &CaseToSend) -> (Result<CaseSent, SendFault>, bool) {
        let mut turn = SendTurn {
            with: self,
            of: case,
            sent: case.sent.clone(),
            tried: case.tried.clone(),
            refused: case.refused.clone(),
            said: None,
            // What this version was refused is not sent again each time.
            left_out: case
                .refused
                .iter()
                .filter(|item| is_member(item))
                .map(|item| (item.clone(), String::new()))
                .collect(),
            base: case.fields.clone(),
            is_unsure: false,
            is_unclear: false,
            summarised: 0,
            unseen: 0,
        };
        let done = turn.run().await;
        (done, turn.is_unsure || turn.is_unclear)
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
                    | CasesApiError::TooLarge
                    | CasesApiError::Refused(..)
                    | CasesApiError::Oversized(_),
                ) => {}
                Err(CasesApiError::Remote(error) | CasesApiError::Intercepted(error)) => return Err(error),
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
    pub(super) sent: BTreeMap<String, SentItem>,
    /// What may be there, and since when.
    pub(super) tried: BTreeMap<String, i64>,
    /// What Kibana has refused of this version of the case.
    pub(super) refused: BTreeSet<String>,
    /// How it refused it, the last time.
    pub(super) said: Option<String>,
    /// Members that Kibana refuses, and how. They are left out.
    pub(super) left_out: BTreeMap<String, String>,
    /// What was last sent of the case itself: one of these.
    pub(super) base: Vec<SentFields>,
    /// Whether something was begun whose end is not kept.
    is_unsure: bool,
    /// Whether something was refused that may have been done.
    is_unclear: bool,
    /// Alerts of which there is only a summary.
    pub(super) summarised: usize,
    /// Changes and removals of what a search does not show yet.
    pub(super) unseen: usize,
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
        self.keep_found(&there).await?;
        let found = self.find_alerts(&there).await?;
        let mut is_attached = false;
        for attachment in self.of.case.comments.iter().flatten() {
            is_attached |= self.texts(&remote.id, attachment, &there).await?;
            if let AttachedContent::Alerts { ids, rule, .. } = &attachment.content {
                is_attached |= self.alerts(&remote.id, ids, rule, &mut there, &found).await?;
            }
        }
        is_attached |= self.removals(&remote.id, &there).await?;
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
        let without: Vec<&str> =
            self.refused.iter().map(String::as_str).filter(|item| is_member(item)).collect();
        let text = match without.is_empty() {
            true => text,
            false => format!("{text}, without {}", without.join(" and ")),
        };
        if found.waits() || self.unseen > 0 {
            let mut waits = text;
            if self.unseen > 0 {
                waits +=
                    &format!("; {} comments are changed or removed once a search shows them", self.unseen);
            }
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
                None if found.is_soon || self.unseen > 0 => AlertsWait::Short,
                None => AlertsWait::Long,
            };
            return CaseSent::Partly(waits, wait);
        }
        if self.refused.iter().all(|item| is_member(item)) {
            return CaseSent::Whole(text);
        }
        let said = self.said.as_deref().unwrap_or("Kibana has refused parts of it");
        CaseSent::Incomplete(format!("{text}: {said}; the next change of the case sends them again"))
    }

    /// The case there.
    async fn remote(&mut self, wanted: &SentFields) -> Result<RemoteCase, SendFault> {
        let (api, of) = (&self.with.api, self.of);
        if let Some(id) = &of.remote {
            match api.get(id).await? {
                Some(found) => return Ok(found),
                None if of.creates => self.keep(|cases, id| cases.forget_remote(id)).await?,
                None => return Err(SendFault::gone()),
            }
        }
        let found = match api.with_tag(&tag(&of.case.id)).await? {
            // A search may show for a while what was deleted.
            Some(tagged) => api.get(&tagged.id).await?,
            None => None,
        };
        let found = match found {
            Some(found) => {
                if self.base.is_empty() {
                    // What was changed there since remains.
                    self.keep_fields(vec![wanted.clone()]).await?;
                }
                found
            }
            None => {
                let new = SentFields { status: CaseStatus::Open, ..wanted.clone() };
                self.create(new).await?
            }
        };
        let (remote, version) = (found.id.clone(), of.case.version.clone());
        let known = self.keep(move |cases, id| cases.keep_remote(id, &remote, &version)).await?;
        SentItems { sent: self.sent, tried: self.tried, refused: self.refused } = known;
        self.keep_left_out().await?;
        Ok(found)
    }

    /// Creates the case there, without what Kibana refuses of it.
    async fn create(&mut self, new: SentFields) -> Result<RemoteCase, SendFault> {
        let mut body = self.new_case(&new);
        self.strip(&mut body);
        self.keep_fields(vec![self.as_sent(&new)]).await?;
        let mut created = self.with.api.create(&body).await;
        while created.as_ref().is_err_and(|error| self.leave_out(&mut body, error)) {
            self.base.clear();
            self.keep_fields(vec![self.as_sent(&new)]).await?;
            created = self.with.api.create(&body).await;
        }
        self.wrote(created)
    }

    /// Keeps what is left out of this version of the case.
    async fn keep_left_out(&mut self) -> Result<(), SendFault> {
        for (member, said) in self.left_out.clone() {
            if !self.refused.contains(&member) {
                self.keep_refused(vec![member], said).await?;
            }
        }
        Ok(())
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
        if !wanted.assignees.is_empty() {
            body["assignees"] = json!(wanted.assignees);
        }
        if !wanted.custom_fields.is_empty() {
            body["customFields"] = json!(wanted.custom_fields);
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
        while let Some(change) = self.change(wanted, &remote, &tag) {
            if attempt == 0 && !self.base.contains(wanted) {
                // It may arrive without our hearing so.
                let mut tried = self.base.clone();
                tried.push(wanted.clone());
                let from = tried.len().saturating_sub(TRIED_MAX);
                self.keep_fields(tried.split_off(from)).await?;
            }
            attempt += 1;
            let mut change = change;
            let updated = self.with.api.update(&remote, &change).await;
            if updated.as_ref().is_err_and(|error| self.leave_out(&mut change, error)) {
                self.keep_left_out().await?;
                continue;
            }
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
        let sent = self.as_sent(wanted);
        if self.base != [sent.clone()] {
            self.keep_fields(vec![sent]).await?;
        }
        // An update that is repeated changes nothing.
        self.is_unsure = false;
        Ok(())
    }

    /// What to change of the case there, without what Kibana refuses.
    fn change(&self, wanted: &SentFields, remote: &RemoteCase, tag: &str) -> Option<Value> {
        let mut change = change(&self.base, wanted, &remote.fields, tag)?;
        self.strip(&mut change);
        change.as_object().is_some_and(|members| !members.is_empty()).then_some(change)
    }

    /// Something was written, and is to be kept next; or it is unknown whether it was; or it was refused.
    pub(super) fn wrote<T>(&mut self, done: Result<T, CasesApiError>) -> Result<T, SendFault> {
        self.is_unclear |= matches!(done, Err(CasesApiError::Oversized(_)));
        self.is_unsure = match &done {
            // Kibana attaches something and changes its case at the same time: only the latter is in conflict.
            Ok(_)
            | Err(CasesApiError::Conflict | CasesApiError::Intercepted(_) | CasesApiError::Oversized(_)) => {
                true
            }
            Err(CasesApiError::Remote(error)) => may_be_done(&error.kind),
            Err(
                CasesApiError::Gone
                | CasesApiError::NotAllowed(_)
                | CasesApiError::TooMuch(_)
                | CasesApiError::TooLarge
                | CasesApiError::Refused(..),
            ) => false,
        };
        Ok(done?)
    }

    async fn keep_fields(&mut self, fields: Vec<SentFields>) -> Result<(), SendFault> {
        self.base.clone_from(&fields);
        self.keep(move |cases, id| cases.keep_fields(id, &fields)).await
    }

    /// What is remembered of something that is there from now on: what its sender wants to know of it, and its id there.
    pub(super) fn item(&self, content: &str, attachment: Option<String>) -> SentItem {
        SentItem { content: content.to_owned(), at: self.with.clock.now(), attachment }
    }

    /// Keeps that items are there, each with what is remembered of it.
    pub(super) async fn keep_sent(&mut self, items: BTreeMap<String, SentItem>) -> Result<(), SendFault> {
        items.keys().for_each(|item| _ = self.tried.remove(item));
        self.sent.extend(items.clone());
        self.keep(move |cases, id| cases.keep_sent(id, &items)).await
    }

    /// Keeps that items may be there from now on: they are about to be sent.
    pub(super) async fn keep_tried(&mut self, items: Vec<String>) -> Result<(), SendFault> {
        let at = self.with.clock.now();
        self.tried.extend(items.iter().map(|item| (item.clone(), at)));
        self.keep(move |cases, id| cases.keep_tried(id, &items, at)).await
    }

    /// Kibana refuses items; the rest of the case continues.
    pub(super) async fn keep_refused(&mut self, items: Vec<String>, said: String) -> Result<(), SendFault> {
        let may_be_there = self.is_unsure;
        if !may_be_there {
            items.iter().for_each(|item| _ = self.tried.remove(item));
        }
        self.refused.extend(items.iter().cloned());
        self.said = Some(said.clone());
        let version = self.of.case.version.clone();
        self.keep(move |cases, id| cases.keep_refused(id, &items, &version, &said, may_be_there)).await
    }

    /// Keeps what was done.
    pub(super) async fn keep<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut CaseStore<'_>, &str) -> Result<T, CaseError> + Send + 'static,
    ) -> Result<T, SendFault> {
        let (space, target) = (self.with.space.clone(), self.with.target.clone());
        let id = self.of.case.id.clone();
        let keep = move |db: &mut DetectDb| work(&mut db.cases(&space).sent_to(&target), &id);
        let kept = self.with.database.run(keep).await?;
        self.is_unsure = false;
        Ok(kept)
    }
}
