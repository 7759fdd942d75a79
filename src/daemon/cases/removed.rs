//! What of a case was removed here is removed there: comments, and alerts that were attached together.

use std::collections::BTreeSet;

use super::{
    alerts::alert_item,
    kibana::RemoteAttachments,
    outcome::SendFault,
    send::SendTurn,
    text::{is_part, tag},
};

impl SendTurn<'_> {
    /// Removes what is not here any more. Returns whether there was such.
    pub(super) async fn removals(
        &mut self,
        remote: &str,
        there: &RemoteAttachments,
    ) -> Result<bool, SendFault> {
        let here: BTreeSet<String> =
            self.of.case.comments.iter().flatten().map(|attachment| tag(&attachment.id)).collect();
        let alerts: BTreeSet<String> = self.of.alerts.iter().map(|alert| alert_item(&alert.id)).collect();
        let is_gone = |item: &&String| {
            !alerts.contains(*item) && !here.contains(*item) && !here.iter().any(|name| is_part(item, name))
        };
        let gone: BTreeSet<String> =
            self.sent.keys().filter(is_gone).filter(|item| !self.refused.contains(*item)).cloned().collect();
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
            if let Some(comment) = there.comments.get(item) {
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
        let may_come = |item: &String| self.sent.get(item).is_some_and(|sent| self.may_be_unseen(sent));
        let (unseen, left): (Vec<String>, Vec<String>) = left.into_iter().partition(may_come);
        self.unseen += unseen.len();
        self.keep_gone(left).await?;
        Ok(!removed.is_empty())
    }

    async fn keep_gone(&mut self, items: Vec<String>) -> Result<(), SendFault> {
        if items.is_empty() {
            return Ok(());
        }
        items.iter().for_each(|item| _ = self.sent.remove(item));
        self.keep(move |db, space, id| db.cases(space).keep_gone(id, &items)).await
    }
}
