//! What of a case was removed here is removed there: comments, and alerts that were attached together.

use std::collections::BTreeSet;

use super::{
    alerts::alert_item,
    outcome::SendFault,
    remote::RemoteAttachments,
    send::SendTurn,
    text::{is_part, tag},
};

/// Whether this is the name of a text that is here.
pub(super) fn is_here(item: &str, here: &BTreeSet<String>) -> bool {
    here.contains(item) || here.iter().any(|name| is_part(item, name))
}

impl SendTurn<'_> {
    /// The names of the attachments that are here.
    pub(super) fn here(&self) -> BTreeSet<String> {
        self.of.case.comments.iter().flatten().map(|attachment| tag(&attachment.id)).collect()
    }

    /// Removes what is not here any more. Returns whether there was such.
    pub(super) async fn removals(
        &mut self,
        remote: &str,
        there: &RemoteAttachments,
    ) -> Result<bool, SendFault> {
        let here = self.here();
        let alerts: BTreeSet<String> = self.of.alerts.iter().map(|alert| alert_item(&alert.id)).collect();
        let is_gone = |item: &&String| !alerts.contains(*item) && !is_here(item, &here);
        let known = self.sent.keys().chain(self.tried.keys());
        let gone: BTreeSet<String> =
            known.filter(is_gone).filter(|item| !self.refused.contains(*item)).cloned().collect();
        if gone.is_empty() {
            return Ok(false);
        }
        let mut removed = Vec::new();
        for (attachment, ids) in &there.lists {
            let items: Vec<String> = ids.iter().map(|id| alert_item(id)).collect();
            // What somebody has attached there with them remains.
            if items.iter().all(|item| gone.contains(item)) {
                removed.push((attachment.clone(), items));
            }
        }
        for item in &gone {
            if let Some(comment) = there.comment(item, self.sent.get(item)) {
                removed.push((comment.id.clone(), vec![item.clone()]));
            }
        }
        let mut left = gone;
        for (attachment, items) in &removed {
            let detached = self.with.api.detach(remote, attachment).await;
            match self.wrote(detached) {
                Ok(()) => self.keep_gone(items.clone()).await?,
                Err(SendFault::Refused(said) | SendFault::NotAllowed(said)) => {
                    self.keep_refused(items.clone(), said).await?;
                }
                Err(fault) => return Err(fault),
            }
            items.iter().for_each(|item| _ = left.remove(item));
        }
        // Nothing of these can be removed there, or somebody has done that; or a search does not show them yet.
        let since = |item: &String| self.sent.get(item).map(|sent| sent.at).or(self.tried.get(item).copied());
        let may_come = |item: &String| since(item).is_some_and(|at| self.may_be_unseen(at));
        let (unseen, left): (Vec<String>, Vec<String>) = left.into_iter().partition(may_come);
        self.unseen += unseen.len();
        self.keep_gone(left).await?;
        Ok(!removed.is_empty())
    }

    async fn keep_gone(&mut self, items: Vec<String>) -> Result<(), SendFault> {
        if items.is_empty() {
            return Ok(());
        }
        for item in &items {
            self.sent.remove(item);
            self.tried.remove(item);
        }
        self.keep(move |cases, id| cases.keep_gone(id, &items)).await
    }
}
