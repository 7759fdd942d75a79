//! What of a case was removed here is removed there: comments, and alerts that were attached together.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    alerts::alert_item,
    outcome::SendFault,
    remote::RemoteAttachments,
    send::SendTurn,
    text::{is_part, tag},
};

/// Why alerts stay there that were removed here.
const NOT_SHOWN: &str =
    "they were removed here, and Kibana does not show which attachment they are in: remove them there";

/// Whether this is the name of a text that is here.
pub(super) fn is_here(item: &str, here: &BTreeSet<String>) -> bool {
    here.contains(item) || here.iter().any(|name| is_part(item, name))
}

/// The names of the alerts in each attachment there.
type AlertLists = BTreeMap<String, BTreeSet<String>>;

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
        let gone = self.gone();
        if gone.is_empty() {
            return Ok(false);
        }
        let seen: BTreeSet<String> = there.alerts.iter().map(|id| alert_item(id)).collect();
        let lists = self.alert_lists(remote, there, &(&gone & &seen)).await?;
        // What somebody has attached there with them remains.
        let is_ours = |items: &BTreeSet<String>| items.is_subset(&gone) && !items.is_disjoint(&seen);
        let removed_lists = lists.iter().filter(|(_, items)| is_ours(items));
        let mut removed: Vec<(String, Vec<String>)> =
            removed_lists.map(|(id, items)| (id.clone(), items.iter().cloned().collect())).collect();
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
        self.keep_left(left, &seen, &lists).await?;
        Ok(!removed.is_empty())
    }

    /// The names of what is known to be there, or may be, and is not here any more.
    fn gone(&self) -> BTreeSet<String> {
        let here = self.here();
        let alerts: BTreeSet<String> = self.of.alerts.iter().map(|alert| alert_item(&alert.id)).collect();
        let is_gone = |item: &&String| !alerts.contains(*item) && !is_here(item, &here);
        let known = self.sent.keys().chain(self.tried.keys());
        known.filter(is_gone).filter(|item| !self.refused.contains(*item)).cloned().collect()
    }

    /// What is attached together: as Kibana shows it, as it was when it was sent, and, if that does not say it of all that is to be
    /// removed, by the history of the case.
    async fn alert_lists(
        &self,
        remote: &str,
        there: &RemoteAttachments,
        removed: &BTreeSet<String>,
    ) -> Result<AlertLists, SendFault> {
        let mut lists = AlertLists::new();
        for list in &there.lists {
            lists.entry(list.id.clone()).or_default().extend(list.alerts.iter().map(|id| alert_item(id)));
        }
        let alerts =
            self.sent.iter().filter(|(item, _)| there.alerts.iter().any(|id| alert_item(id) == **item));
        for (item, sent) in alerts {
            if let Some(id) = &sent.attachment {
                lists.entry(id.clone()).or_default().insert(item.clone());
            }
        }
        let is_listed = |item: &String| lists.values().any(|items| items.contains(item));
        if !removed.iter().all(is_listed) {
            for list in self.with.api.alert_lists(remote).await? {
                lists.entry(list.id).or_default().extend(list.alerts.iter().map(|id| alert_item(id)));
            }
        }
        Ok(lists)
    }

    /// What becomes of that which was not removed there.
    async fn keep_left(
        &mut self,
        left: BTreeSet<String>,
        seen: &BTreeSet<String>,
        lists: &AlertLists,
    ) -> Result<(), SendFault> {
        let since = |item: &String| self.sent.get(item).map(|sent| sent.at).or(self.tried.get(item).copied());
        let may_come = |item: &String| since(item).is_some_and(|at| self.may_be_unseen(at));
        let is_listed = |item: &String| lists.values().any(|items| items.contains(item));
        let (mut unlisted, mut gone) = (Vec::new(), Vec::new());
        let (mut unseen, mut remaining) = (0, 0);
        for item in left {
            match seen.contains(&item) {
                // It goes with the others that it was attached with.
                true if is_listed(&item) => remaining += 1,
                _ if may_come(&item) => unseen += 1,
                true => unlisted.push(item),
                // Somebody has removed it there.
                false => gone.push(item),
            }
        }
        self.unseen += unseen;
        self.remaining = remaining;
        if !unlisted.is_empty() {
            self.keep_refused(unlisted, NOT_SHOWN.to_owned()).await?;
        }
        self.keep_gone(gone).await
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
