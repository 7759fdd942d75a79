//! One case is sent: created unless it is there, what is missing is attached, what has changed is changed. Each step looks at
//! what is there first, so it can be repeated after a kill at any moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use collectors::Clock;

use super::{
    alerts::{AlertsSink, FoundAlerts},
    kibana::{CasesApi, CasesApiError},
    members::{RefusedMembers, is_member},
    outcome::{AlertsWait, CaseSent, SendFault},
};
use crate::{
    cases::{AttachedContent, CaseOwner, CaseStatus, CaseToSend, SentFields, SentItem},
    detect_db::DetectThread,
    sinks::remote::RemoteError,
};

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
            remaining: 0,
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
                    | CasesApiError::CommentGone
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
    pub(super) is_unsure: bool,
    /// Whether something was refused that may have been done.
    pub(super) is_unclear: bool,
    /// Alerts of which there is only a summary.
    pub(super) summarised: usize,
    /// Changes and removals of what a search does not show yet.
    pub(super) unseen: usize,
    /// Alerts that were removed here and remain there with others that they were attached with.
    pub(super) remaining: usize,
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
        let text = match self.remaining {
            0 => text,
            count => format!(
                "{text}, where {count} alerts remain that were removed here, with others that they were attached with"
            ),
        };
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

    pub(super) fn owner(&self) -> CaseOwner {
        self.of.case.owner
    }
}
