//! The case itself: found or created there, and changed.

use serde_json::{Value, json};

use super::{change::change, outcome::SendFault, remote::RemoteCase, send::SendTurn, text::tag};
use crate::cases::{CaseStatus, SentFields, SentItems, TAGS_MAX};

/// How often a change is tried that somebody else's change refuses.
const CONFLICTS_MAX: u32 = 10;
/// How many changes are remembered of which it is not known whether they arrived.
const TRIED_MAX: usize = 10;

impl SendTurn<'_> {
    /// The case there.
    pub(super) async fn remote(&mut self, wanted: &SentFields) -> Result<RemoteCase, SendFault> {
        let (api, of) = (&self.with.api, self.of);
        if let Some(id) = &of.remote {
            match api.get(id).await? {
                Some(found) => return Ok(found),
                None if of.creates => self.keep(|cases, id| cases.forget_remote(id)).await?,
                None => return Err(SendFault::gone()),
            }
        }
        let found = match self.tagged().await? {
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

    /// The case there that has the tag of this one. A person may have copied the tag to one that is another case here.
    async fn tagged(&mut self) -> Result<Option<RemoteCase>, SendFault> {
        for tagged in self.with.api.with_tag(&tag(&self.of.case.id)).await? {
            let remote = tagged.id.clone();
            if self.keep(move |cases, id| cases.is_of_another(id, &remote)).await? {
                continue;
            }
            // A search may show for a while what was deleted.
            if let Some(found) = self.with.api.get(&tagged.id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
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

    /// Sends what has changed of the case itself. What was changed there remains, unless the same was changed here.
    pub(super) async fn update(
        &mut self,
        mut remote: RemoteCase,
        wanted: &SentFields,
    ) -> Result<(), SendFault> {
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
}
