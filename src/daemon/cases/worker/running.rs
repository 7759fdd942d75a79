//! The cases that are being sent: several at a time, each on its own, so that one whose requests are not answered holds up no
//! other.

use std::{collections::HashMap, sync::Arc};

use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

use crate::{
    cases::{CaseOwner, CaseToSend},
    daemon::cases::{
        outcome::{CaseSent, SendFault},
        send::CaseSender,
    },
};

/// A case that is being sent.
pub(super) struct RunningCase {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) number: i64,
    pub(super) owner: CaseOwner,
    /// How often it was tried, with this time.
    pub(super) tries: u32,
    pub(super) begun: Instant,
}

/// What became of it.
pub(super) struct SendEnded {
    pub(super) done: Result<CaseSent, SendFault>,
    /// Whether something may have been done that was not kept.
    pub(super) is_unsure: bool,
}

/// All of them. They end if this is dropped.
#[derive(Default)]
pub(super) struct RunningCases {
    tasks: JoinSet<SendEnded>,
    cases: HashMap<Id, RunningCase>,
}

impl RunningCases {
    pub(super) fn count(&self) -> usize {
        self.tasks.len()
    }

    pub(super) fn begin(&mut self, sender: &Arc<CaseSender>, case: CaseToSend) {
        let running = RunningCase {
            id: case.case.id.clone(),
            version: case.case.version.clone(),
            number: case.case.number,
            owner: case.case.owner,
            tries: case.tries,
            begun: Instant::now(),
        };
        let sender = sender.clone();
        let task = self.tasks.spawn(async move {
            let (done, is_unsure) = sender.send(&case).await;
            SendEnded { done, is_unsure }
        });
        self.cases.insert(task.id(), running);
    }

    /// Waits for the next one to end; `None` if there is none. An error is a bug.
    pub(super) async fn next(&mut self) -> Option<(RunningCase, Result<SendEnded, JoinError>)> {
        loop {
            let ended = self.tasks.join_next_with_id().await?;
            let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
            if let Some(case) = self.cases.remove(&id) {
                return Some((case, ended.map(|(_, ended)| ended)));
            }
        }
    }
}
