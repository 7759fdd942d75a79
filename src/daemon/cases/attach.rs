//! What is attached to a case there: comments, and alerts. What Kibana refuses of it holds up nothing else.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::json;

use super::{
    kibana::RemoteAttachments,
    send::{SendFault, SendTurn},
    text::{comment, is_ours, summaries, tag},
};
use crate::cases::{ALERTS_MAX, AttachedAlert, AttachedContent, AttachedRule, CaseAttachment};

/// How long an alert is waited for that is on its way to the index, in seconds. After that its case has its summary only.
const INDEX_WAIT: i64 = 10 * 60;

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

    /// Attaches alerts that are missing there. Returns whether there were any, and how many are not found yet.
    pub(super) async fn alerts(
        &mut self,
        remote: &str,
        ids: &[String],
        rule: &AttachedRule,
        there: &mut RemoteAttachments,
    ) -> Result<(bool, usize), SendFault> {
        let item = |id: &str| format!("alert:{id}");
        let is_missing = |id: &&String| {
            let item = item(id);
            !self.sent.contains(&item) && !self.refused.contains(&item) && !there.alerts.contains(*id)
        };
        let missing: Vec<String> = ids.iter().filter(is_missing).cloned().collect();
        let (found, unfound) = self.places(&missing).await;
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
        let items = ids.iter().map(|id| item(id)).collect();
        match self.wrote(attached) {
            Ok(()) => {
                there.alerts.extend(ids);
                self.keep_sent(items).await?;
            }
            // Their summary is there.
            Err(SendFault::Refused(said)) => self.keep_refused(items, said).await?,
            Err(fault) => return Err(fault),
        }
        Ok((true, unfound))
    }

    /// Where these alerts are, and how many are not found that later may be.
    async fn places(&mut self, ids: &[String]) -> (Vec<(String, String)>, usize) {
        let alerts = self.attached(ids);
        let (ours, others): (Vec<&AttachedAlert>, Vec<_>) =
            alerts.into_iter().partition(|alert| is_ours(alert));
        let mut found: Vec<(String, String)> =
            others.iter().map(|alert| (alert.id.clone(), alert.index.clone())).collect();
        let named: Vec<String> = ours.iter().map(|alert| alert.id.clone()).collect();
        let places = match &self.with.alerts {
            // Failed before: the next time is soon enough.
            Some(_) if self.lookup.is_some() => return (found, ours.len()),
            Some(alerts) if !named.is_empty() => match alerts.places(&named).await {
                Ok(places) => places,
                Err(error) => {
                    self.lookup = Some(error);
                    return (found, ours.len());
                }
            },
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
        (found, unfound)
    }

    fn is_young(&self, alert: &AttachedAlert) -> bool {
        let at = DateTime::parse_from_rfc3339(&alert.attached_at).map_or(0, |at| at.timestamp());
        self.with.clock.now().saturating_sub(at) < INDEX_WAIT
    }
}
