//! What is known of a case there is kept at once, and so is what may be there: a kill at any moment loses none of it.

use std::collections::BTreeMap;

use super::{
    kibana::CasesApiError,
    outcome::{SendFault, may_be_done},
    send::SendTurn,
};
use crate::{
    cases::{CaseError, CaseStore, SentFields, SentItem},
    detect_db::DetectDb,
};

impl SendTurn<'_> {
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
                | CasesApiError::CommentGone
                | CasesApiError::NotAllowed(_)
                | CasesApiError::TooMuch(_)
                | CasesApiError::TooLarge
                | CasesApiError::Refused(..),
            ) => false,
        };
        Ok(done?)
    }

    pub(super) async fn keep_fields(&mut self, fields: Vec<SentFields>) -> Result<(), SendFault> {
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
