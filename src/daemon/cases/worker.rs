//! Finds cases that have changed, lets them be sent, and keeps what came of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::send::{CaseSender, CaseSent, SendFault};
use crate::{
    cases::{CaseError, CaseToSend},
    detect_db::ActionResult,
    pipeline::{
        backoff::{Delays, RetryDelays},
        policy::Failure,
        progress::{Progress, RouteState},
        retry::{mended, report_and_delay},
        shutdown::Shutdown,
        stage::Stage,
    },
    sinks::{SinkError, remote::RemoteError},
};

/// The longest time until a change is noticed.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The time between two looks at how much waits, while nothing is sent.
const SHOW_INTERVAL: Duration = Duration::from_secs(10);
/// The time between two looks for alerts that are on their way to their index, in seconds.
const ALERTS_INTERVAL: i64 = 30;
/// The same if looking for them failed, and for cases of an owner that the key may not touch.
const REPAIR_INTERVAL: i64 = 5 * 60;

/// Where cases are sent.
#[derive(Clone, Debug)]
pub(super) struct CaseTarget {
    /// Names it.
    pub(super) name: String,
    /// How long a search there may not show what was written, in seconds. What may have been done is looked for after that.
    pub(super) search_lag: i64,
}

/// Sends the cases of one space.
pub(super) struct CaseWorker {
    sender: CaseSender,
    target: CaseTarget,
    progress: Progress,
    delays: Delays,
    /// Nothing is sent before.
    paused: Option<Instant>,
    failing: Option<SinkError>,
    /// What came of a case, until it is kept.
    unsettled: Option<(CaseToSend, ActionResult)>,
    is_begun: bool,
    /// Whether alerts could not be looked for, the last time.
    is_blind: bool,
    /// When it was last shown how much waits, if nothing was sent since.
    shown: Option<Instant>,
}

impl CaseWorker {
    pub(super) fn new(
        sender: CaseSender,
        target: CaseTarget,
        progress: Progress,
        retry: RetryDelays,
    ) -> Self {
        Self {
            sender,
            target,
            progress,
            delays: Delays::new(retry),
            paused: None,
            failing: None,
            unsettled: None,
            is_begun: false,
            is_blind: false,
            shown: None,
        }
    }

    /// Works until the stop; with `drains` until nothing is due any more. Returns what keeps cases from being sent.
    pub(super) async fn run(mut self, mut stop: Shutdown, drains: Arc<AtomicBool>) -> Vec<Failure> {
        loop {
            let stops = stop.is_requested();
            let is_free = self.paused.is_none_or(|until| until <= Instant::now());
            if is_free && (!stops || drains.load(Ordering::Relaxed)) {
                match self.send_next().await {
                    Ok(true) => {
                        self.shown = None;
                        continue;
                    }
                    Ok(false) => {}
                    Err(error) => self.failed_here(error),
                }
            }
            if self.shown.is_none_or(|at| at.elapsed() >= SHOW_INTERVAL) {
                self.show().await;
            }
            if stops {
                break;
            }
            tokio::select! {
                () = stop.requested() => {}
                () = sleep(LOOK_INTERVAL) => {}
            }
        }
        self.progress.update(|status| status.state = RouteState::Stopped);
        self.failing.map(Failure::Sink).into_iter().collect()
    }

    /// Sends the case that has waited longest. Returns whether there was one.
    async fn send_next(&mut self) -> Result<bool, CaseError> {
        self.begin().await?;
        self.settle().await?;
        let (space, now) = (self.sender.space.clone(), self.sender.clock.now());
        let claimed = self.sender.database.run(move |db| db.cases(&space).claim_to_send(now)).await?;
        let Some(case) = claimed else { return Ok(false) };
        let (done, is_unsure) = self.sender.send(&case).await;
        let result = self.judge(&case, done, is_unsure);
        self.unsettled = Some((case, result));
        self.settle().await?;
        Ok(true)
    }

    async fn begin(&mut self) -> Result<(), CaseError> {
        if self.is_begun {
            return Ok(());
        }
        let (space, target) = (self.sender.space.clone(), self.target.name.clone());
        let sure_at = self.sender.clock.now() + self.target.search_lag;
        let begun = self.sender.database.run(move |db| db.cases(&space).begin_sending(&target, sure_at));
        begun.await?;
        self.is_begun = true;
        Ok(())
    }

    /// What follows from what became of a case.
    fn judge(
        &mut self,
        case: &CaseToSend,
        done: Result<CaseSent, SendFault>,
        is_unsure: bool,
    ) -> ActionResult {
        let now = self.sender.clock.now();
        let sure = if is_unsure { self.target.search_lag } else { 0 };
        match done {
            Ok(CaseSent::Whole(text)) => {
                self.worked();
                self.is_blind = false;
                self.progress.count(|counters| {
                    counters.fetched += 1;
                    counters.delivered += 1;
                });
                ActionResult::Done(text)
            }
            Ok(CaseSent::Partly(text, fault)) => {
                self.worked();
                let wait = if fault.is_some() { REPAIR_INTERVAL } else { ALERTS_INTERVAL };
                self.sees(fault);
                ActionResult::Later(now + wait, text)
            }
            Ok(CaseSent::Incomplete(text)) | Err(SendFault::Refused(text)) => {
                self.worked();
                let advice = "see `ccfd cases show`; the next change of the case sends it again";
                tracing::error!(case = case.case.number, advice, "Kibana refuses a case, or parts of it");
                self.progress.count(|counters| {
                    counters.fetched += 1;
                    *counters.rejected.entry("case_refused").or_default() += 1;
                });
                ActionResult::Failed(text)
            }
            Err(SendFault::NotAllowed(text)) => {
                self.worked();
                let advice = "give the key the Kibana privilege for the cases of this owner";
                let owner = case.case.owner.word();
                tracing::warn!(case = case.case.number, owner, advice, "the key may not send a case");
                ActionResult::Again(now + REPAIR_INTERVAL, text)
            }
            Err(SendFault::Conflict) => {
                let text = "the case was changed in Kibana each time";
                ActionResult::Again(now + sure.max(i64::from(case.tries.min(60))), text.to_owned())
            }
            Err(SendFault::Remote(error)) => {
                let text = error.to_string();
                let wait = self.failed(SinkError::from(error));
                ActionResult::Again(now + wait.max(sure), text)
            }
            Err(SendFault::Database(error)) => {
                let text = error.to_string();
                self.failed_here(error);
                ActionResult::Again(now + sure.max(1), text)
            }
        }
    }

    fn worked(&mut self) {
        self.delays.reset();
        (self.paused, self.failing) = (None, None);
        mended(Stage::Writing, &self.progress);
    }

    /// Says once that alerts cannot be looked for.
    fn sees(&mut self, fault: Option<RemoteError>) {
        let was_blind = std::mem::replace(&mut self.is_blind, fault.is_some());
        if let Some(error) = fault.filter(|_| !was_blind) {
            let advice = "give the key of the sink of alerts `read` on their index; cases are sent without them meanwhile";
            tracing::warn!(%error, advice, "alerts of cases cannot be looked for");
        }
    }

    /// Nothing is sent for a while, whose seconds are returned.
    fn failed(&mut self, error: SinkError) -> i64 {
        let failure = Failure::Sink(error);
        let reported = report_and_delay(&failure, &mut self.delays, &self.progress);
        let wait = reported.unwrap_or(self.delays.wanted().parked);
        self.paused = Some(Instant::now() + wait);
        if let Failure::Sink(error) = failure {
            self.failing = Some(error);
        }
        wait.as_secs_f64().ceil() as i64
    }

    /// The database failed; whatever else is wrong with a case here passes as well.
    fn failed_here(&mut self, error: CaseError) {
        match error {
            CaseError::Database(error) => {
                self.failed(error);
            }
            CaseError::Invalid(_)
            | CaseError::Unchanged
            | CaseError::Unknown { .. }
            | CaseError::Conflict(_) => {
                tracing::debug!("a case changed while it was sent");
                self.paused = Some(Instant::now() + LOOK_INTERVAL);
            }
        }
    }

    /// Keeps what came of a case.
    async fn settle(&mut self) -> Result<(), CaseError> {
        let Some((case, result)) = self.unsettled.clone() else { return Ok(()) };
        let (space, now) = (self.sender.space.clone(), self.sender.clock.now());
        let kept = self
            .sender
            .database
            .run(move |db| db.cases(&space).settle_sending(&case.case.id, &case.case.version, &result, now));
        kept.await?;
        self.unsettled = None;
        Ok(())
    }

    /// Shows how much waits.
    async fn show(&mut self) {
        let (space, now) = (self.sender.space.clone(), self.sender.clock.now());
        let counted = self.sender.database.run(move |db| db.cases(&space).count_sending());
        let Ok(counts) = counted.await else { return };
        self.shown = Some(Instant::now());
        mended(Stage::Reading, &self.progress);
        let is_failing = self.failing.is_some();
        self.progress.update(|status| {
            if !is_failing {
                status.state = RouteState::Live;
            }
            status.waiting = counts.waiting;
            status.refused = counts.failed;
            status.delivered = counts.done;
            status.last_read = Some(now);
        });
    }
}
