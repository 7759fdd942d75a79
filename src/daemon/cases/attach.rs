//! What is attached to a case there: comments, and alerts. What Kibana refuses of it holds up nothing else.

use serde_json::json;

use super::{
    alerts::{FoundAlerts, alert_item},
    kibana::RemoteAttachments,
    send::{SendFault, SendTurn},
    text::{comment, summaries, tag},
};
use crate::cases::{ALERTS_MAX, AttachedAlert, AttachedContent, AttachedRule, CaseAttachment};

impl<'a> SendTurn<'a> {
    /// Adds the texts of an attachment: a comment, or the summary of alerts. Returns whether one is new.
    pub(super) async fn texts(
        &mut self,
        remote: &str,
        attachment: &CaseAttachment,
        there: &RemoteAttachments,
    ) -> Result<bool, SendFault> {
        let name = tag(&attachment.id);
        let texts = match &attachment.content {
            AttachedContent::Comment { comment: text } => {
                let text = comment(&name, text, &attachment.created_by.username, &attachment.created_at);
                vec![(name, text)]
            }
            AttachedContent::Alerts { ids, rule, .. } => {
                let rule = rule.name.as_deref().unwrap_or("no rule");
                summaries(&name, rule, &self.attached(ids))
            }
            // Files stay here.
            AttachedContent::File { .. } => Vec::new(),
        };
        let mut is_new = false;
        for (name, text) in texts {
            let is_known = self.sent.contains(&name) || self.refused.contains(&name);
            if is_known || there.endings.contains(&name) {
                continue;
            }
            let body = json!({ "type": "user", "comment": text, "owner": self.owner() });
            let attached = self.with.api.attach(remote, &body).await;
            match self.wrote(attached) {
                Ok(()) => self.keep_sent(vec![name]).await?,
                Err(SendFault::Refused(said)) => self.keep_refused(vec![name], said).await?,
                Err(fault) => return Err(fault),
            }
            is_new = true;
        }
        Ok(is_new)
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
        let attached = self.with.api.attach(remote, &body).await;
        let items = ids.iter().map(|id| alert_item(id)).collect();
        match self.wrote(attached) {
            Ok(()) => {
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
