//! What is attached to a case there: comments, and alerts. What Kibana refuses of it holds up nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{
    alerts::{FoundAlerts, alert_item},
    kibana::CasesApiError,
    outcome::SendFault,
    remote::{RemoteAttachments, RemoteComment},
    removed::is_here,
    send::SendTurn,
    text::{comment, content, summaries, tag},
};
use crate::cases::{ALERTS_MAX, AttachedAlert, AttachedContent, AttachedRule, CaseAttachment, SentItem};

/// What is remembered of a comment whose text there is not known: a change may have arrived.
const CONTENT_UNKNOWN: &str = "?";

/// A text on its way.
struct SentText {
    /// Its name, by which it ends.
    name: String,
    text: String,
    /// What is remembered of it.
    content: String,
}

impl<'a> SendTurn<'a> {
    /// Adds the texts of an attachment: a comment, or the summary of alerts; or changes a comment that was changed here. Returns
    /// whether something is new.
    pub(super) async fn texts(
        &mut self,
        remote: &str,
        attachment: &CaseAttachment,
        there: &RemoteAttachments,
    ) -> Result<bool, SendFault> {
        let name = tag(&attachment.id);
        match &attachment.content {
            AttachedContent::Comment { comment: text } => {
                let content = content(text);
                let text = comment(&name, text, &attachment.created_by.username, &attachment.created_at);
                let sent = self.sent.get(&name);
                let is_changed = match sent {
                    Some(sent) => sent.content != content,
                    None => attachment.updated_at.is_some(),
                };
                let known = there.comment(&name, sent);
                let text = SentText { name, text, content };
                match known {
                    Some(known) if is_changed && known.text != text.text => {
                        self.change_text(remote, text, known).await
                    }
                    known => self.add_text(remote, text, known).await,
                }
            }
            AttachedContent::Alerts { ids, rule, .. } => {
                let rule = rule.name.as_deref().unwrap_or("no rule");
                let mut is_new = false;
                for (name, text) in summaries(&name, rule, &self.attached(ids)) {
                    let known = there.comment(&name, self.sent.get(&name));
                    let text = SentText { name, text, content: String::new() };
                    is_new |= self.add_text(remote, text, known).await?;
                }
                Ok(is_new)
            }
            // Files stay here.
            AttachedContent::File { .. } => Ok(false),
        }
    }

    /// Adds a text unless it is there. What is known is that it was: somebody may have removed it there.
    async fn add_text(
        &mut self,
        remote: &str,
        text: SentText,
        there: Option<&RemoteComment>,
    ) -> Result<bool, SendFault> {
        let SentText { name, text, content } = text;
        if self.refused.contains(&name) {
            return Ok(false);
        }
        if let Some(known) = self.sent.get(&name) {
            if known.content == content {
                return Ok(false);
            }
            if there.is_none() {
                self.unseen += usize::from(self.may_be_unseen(known.at));
                return Ok(false);
            }
        }
        if let Some(there) = there {
            self.keep_text(name, &content, Some(there.id.clone())).await?;
            return Ok(false);
        }
        let body = json!({ "type": "user", "comment": text, "owner": self.owner() });
        self.keep_tried(vec![name.clone()]).await?;
        let attached = self.with.api.attach(remote, &body).await;
        match self.wrote(attached) {
            Ok(new) => self.keep_text(name, &content, new.map(|new| new.id)).await?,
            Err(SendFault::Refused(said)) => self.keep_refused(vec![name], said).await?,
            Err(fault) => return Err(fault),
        }
        Ok(true)
    }

    async fn keep_text(&mut self, name: String, content: &str, id: Option<String>) -> Result<(), SendFault> {
        self.keep_sent(BTreeMap::from([(name, self.item(content, id))])).await
    }

    /// Changes a comment there.
    async fn change_text(
        &mut self,
        remote: &str,
        text: SentText,
        there: &RemoteComment,
    ) -> Result<bool, SendFault> {
        let SentText { name, text, content } = text;
        if self.refused.contains(&name) {
            return Ok(false);
        }
        let body = json!({ "type": "user", "comment": text, "owner": self.owner() });
        let id = Some(there.id.clone());
        self.keep_text(name.clone(), CONTENT_UNKNOWN, id.clone()).await?;
        let changed = match self.with.api.edit(remote, there, &body).await {
            // Somebody has removed the comment there meanwhile. It does not come back.
            Err(CasesApiError::CommentGone) => Ok(()),
            changed => changed,
        };
        match self.wrote(changed) {
            Ok(()) => self.keep_text(name, &content, id).await?,
            Err(SendFault::Refused(said)) => self.keep_refused(vec![name], said).await?,
            Err(fault) => return Err(fault),
        }
        Ok(true)
    }

    /// Whether a search may not show yet what was sent at this time.
    pub(super) fn may_be_unseen(&self, at: i64) -> bool {
        self.with.clock.now() < at.saturating_add(self.with.search_lag)
    }

    /// Keeps that alerts are there, and what an attempt has attached whose end is not known, so that its removal is sent; and the
    /// ids of comments that are known by their ends only, before somebody changes these.
    pub(super) async fn keep_found(&mut self, there: &RemoteAttachments) -> Result<(), SendFault> {
        let alerts = self.of.alerts.iter().map(|alert| &alert.id).filter(|id| there.alerts.contains(*id));
        let mut found: BTreeSet<String> = alerts.map(|id| alert_item(id)).collect();
        let alerts: BTreeSet<String> = there.alerts.iter().map(|id| alert_item(id)).collect();
        let here = self.here();
        for item in self.tried.keys() {
            // What is still here is compared with what is there.
            let is_there = there.named.contains_key(item) && !is_here(item, &here);
            if is_there || alerts.contains(item) {
                found.insert(item.clone());
            }
        }
        found.retain(|item| !self.sent.contains_key(item));
        let id = |item: &String| there.named.get(item).cloned();
        let mut kept: BTreeMap<String, SentItem> =
            found.into_iter().map(|item| (item.clone(), self.item("", id(&item)))).collect();
        for (item, sent) in &self.sent {
            let is_known = sent.attachment.is_some() || self.refused.contains(item);
            if let Some(id) = id(item).filter(|_| !is_known) {
                kept.insert(item.clone(), SentItem { attachment: Some(id), ..sent.clone() });
            }
        }
        if kept.is_empty() { Ok(()) } else { self.keep_sent(kept).await }
    }

    fn attached(&self, ids: &[String]) -> Vec<&'a AttachedAlert> {
        self.of.alerts.iter().filter(|alert| ids.contains(&alert.id)).collect()
    }

    /// Attaches alerts that are missing there and were found. Returns whether there were any.
    pub(super) async fn alerts(
        &mut self,
        remote: &str,
        ids: &[String],
        rule: &AttachedRule,
        there: &mut RemoteAttachments,
        found: &FoundAlerts,
    ) -> Result<bool, SendFault> {
        let missing = ids.iter().filter(|id| self.is_missing(id, there));
        let mut found: Vec<(String, String)> =
            missing.filter_map(|id| Some((id.clone(), found.places.get(id)?.clone()))).collect();
        let room = ALERTS_MAX.saturating_sub(there.alerts.len());
        self.summarised += found.len().saturating_sub(room);
        found.truncate(room);
        if found.is_empty() {
            return Ok(false);
        }
        let (ids, indices): (Vec<String>, Vec<String>) = found.into_iter().unzip();
        let body = json!({
            "type": "alert", "alertId": ids, "index": indices, "rule": rule, "owner": self.owner(),
        });
        let items: Vec<String> = ids.iter().map(|id| alert_item(id)).collect();
        self.keep_tried(items.clone()).await?;
        let attached = self.with.api.attach(remote, &body).await;
        match self.wrote(attached) {
            Ok(new) => {
                let attachment = |id: &String| new.as_ref().filter(|new| new.alerts.contains(id));
                let item =
                    |id: &String| (alert_item(id), self.item("", attachment(id).map(|new| new.id.clone())));
                let items = ids.iter().map(item).collect();
                there.alerts.extend(ids);
                self.keep_sent(items).await?;
            }
            // Their summary is there.
            Err(SendFault::Refused(said)) => self.keep_refused(items, said).await?,
            Err(fault) => return Err(fault),
        }
        Ok(true)
    }
}
