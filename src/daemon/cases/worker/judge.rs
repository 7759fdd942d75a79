//! What follows from what became of a case.

use super::{
    CaseWorker,
    contended::CONTENDED,
    pause::FailedCase,
    running::{RunningCase, SendEnded},
};
use crate::{
    daemon::cases::outcome::{AlertsWait, CaseSent, SendFault},
    detect_db::ActionResult,
    sinks::remote::RemoteError,
};

/// The time between two looks for alerts that are on their way to their index, in seconds.
const ALERTS_INTERVAL: i64 = 30;
/// The same if that takes long or looking for them failed, and for cases of an owner that the key may not touch, or that a bug ended.
const REPAIR_INTERVAL: i64 = 5 * 60;

impl CaseWorker {
    /// What is kept of it.
    pub(super) fn judge(&mut self, case: &RunningCase, ended: SendEnded) -> ActionResult {
        let now = self.sender.clock.now();
        let SendEnded { done, is_unsure } = ended;
        let sure = if is_unsure { self.target.search_lag } else { 0 };
        if !matches!(done, Err(SendFault::Conflict)) {
            self.contended.passed(case);
        }
        match done {
            Ok(CaseSent::Whole(text)) => {
                self.pause.worked(&self.progress);
                self.is_blind = false;
                self.progress.count(|counters| {
                    counters.fetched += 1;
                    counters.delivered += 1;
                });
                ActionResult::Done(text)
            }
            Ok(CaseSent::Partly(text, wait)) => {
                self.pause.worked(&self.progress);
                let (wait, fault) = match wait {
                    AlertsWait::Short => (ALERTS_INTERVAL, None),
                    AlertsWait::Long => (REPAIR_INTERVAL, None),
                    AlertsWait::Failed(error) => (REPAIR_INTERVAL, Some(error)),
                };
                self.sees(fault);
                ActionResult::Later(now + wait, text)
            }
            Ok(CaseSent::Incomplete(text)) | Err(SendFault::Refused(text)) => {
                self.pause.worked(&self.progress);
                let advice = "see `ccfd cases show`; `ccfd cases resend` or the next change of the case sends it again";
                tracing::error!(case = case.number, advice, "Kibana refuses a case, or parts of it");
                self.progress.count(|counters| {
                    counters.fetched += 1;
                    *counters.rejected.entry("case_refused").or_default() += 1;
                });
                ActionResult::Failed(text)
            }
            Err(SendFault::NotAllowed(text)) => {
                self.pause.worked(&self.progress);
                let advice = "give the key the Kibana privilege for the cases of this owner";
                let owner = case.owner.word();
                tracing::warn!(case = case.number, owner, advice, "the key may not send a case");
                ActionResult::Again(now + REPAIR_INTERVAL, text)
            }
            Err(SendFault::Conflict) => {
                self.contended.met(case);
                ActionResult::Again(now + sure.max(i64::from(case.tries.min(60))), CONTENDED.to_owned())
            }
            Err(SendFault::Remote(error)) => {
                let text = error.to_string();
                let failed = FailedCase { id: &case.id, tries: case.tries, begun: case.begun };
                let wait = self.pause.failed_for(failed, error, &self.progress);
                ActionResult::Again(now + (wait.as_secs_f64().ceil() as i64).max(sure), text)
            }
            Err(SendFault::Database(error)) => {
                let text = error.to_string();
                self.failed_here(error);
                ActionResult::Again(now + sure.max(1), text)
            }
        }
    }

    /// What is kept of a case whose sending a bug ended.
    pub(super) fn broken(&self) -> ActionResult {
        let wait = REPAIR_INTERVAL.max(self.target.search_lag);
        ActionResult::Again(self.sender.clock.now() + wait, "stopped by a bug in ccfd".to_owned())
    }

    /// Says once that alerts cannot be looked for.
    fn sees(&mut self, fault: Option<RemoteError>) {
        let was_blind = std::mem::replace(&mut self.is_blind, fault.is_some());
        if let Some(error) = fault.filter(|_| !was_blind) {
            let advice = "give the key of the sink of alerts `read` on their index; cases are sent without them meanwhile";
            tracing::warn!(%error, advice, "alerts of cases cannot be looked for");
        }
    }
}
