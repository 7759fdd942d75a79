//! Finds cases that have changed, lets them be sent, and keeps what came of it.

mod clock;
mod contended;
mod judge;
mod pause;
mod running;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinError,
    time::{Instant, sleep},
};

use self::{
    contended::ContendedCases,
    pause::SendPause,
    running::{RunningCase, RunningCases, SendEnded},
};
use super::{outcome::SendFault, send::CaseSender};
use crate::{
    cases::{CaseError, TargetBegun},
    detect_db::{ActionResult, DetectDb, RowWorker},
    pipeline::{
        backoff::RetryDelays,
        policy::Failure,
        progress::{Progress, RouteState},
        retry::mended,
        shutdown::Shutdown,
        stage::Stage,
    },
    sinks::SinkError,
};

/// Cases that are sent at a time. Each waits for one request at most, and is in memory with its comments.
const AT_ONCE: usize = 4;
/// The longest time until a change is noticed.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The time between two looks at how much waits, while nothing is sent.
const SHOW_INTERVAL: Duration = Duration::from_secs(10);

/// Where cases are sent.
#[derive(Clone, Debug)]
pub(super) struct CaseTarget {
    /// Names it.
    pub(super) name: String,
    /// How long a search there may not show what was written, in seconds. What may have been done is looked for after that.
    pub(super) search_lag: i64,
}

/// What came of a case.
#[derive(Clone, Debug)]
struct UnsettledCase {
    id: String,
    version: String,
    result: ActionResult,
    /// From when on a search shows what may have been done and was not kept.
    unsure_until: Option<i64>,
}

/// Sends the cases of one space.
pub(super) struct CaseWorker {
    sender: Arc<CaseSender>,
    target: CaseTarget,
    progress: Progress,
    at_once: usize,
    running: RunningCases,
    pause: SendPause,
    /// What came of cases, until it is kept.
    unsettled: VecDeque<UnsettledCase>,
    /// Its number, once it has begun.
    number: Option<RowWorker>,
    /// Whether alerts could not be looked for, the last time.
    is_blind: bool,
    /// Cases that others change each time, or of which Kibana does not show all.
    contended: ContendedCases,
    /// When it was last shown how much waits, if nothing was sent since.
    shown: Option<Instant>,
    /// The second that the clock last showed, once it is known that nothing waits by a later one.
    seen: i64,
}

impl CaseWorker {
    pub(super) fn new(
        sender: CaseSender,
        target: CaseTarget,
        progress: Progress,
        retry: RetryDelays,
    ) -> Self {
        Self {
            sender: Arc::new(sender),
            target,
            progress,
            at_once: AT_ONCE,
            running: RunningCases::default(),
            pause: SendPause::new(retry),
            unsettled: VecDeque::new(),
            number: None,
            is_blind: false,
            contended: ContendedCases::default(),
            shown: None,
            seen: i64::MAX,
        }
    }

    /// The same with so many cases at a time.
    #[cfg(test)]
    pub(super) fn at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// Works until the stop and waits for what is being sent then; with `drains` until nothing is due any more. Returns what
    /// keeps cases from being sent.
    pub(super) async fn run(mut self, mut stop: Shutdown, drains: Arc<AtomicBool>) -> Vec<Failure> {
        loop {
            let stops = stop.is_requested();
            let is_over = self.pause.is_over();
            let mut passed = self.settle().await.map_err(SendFault::from);
            if passed.is_ok() && is_over && (!stops || drains.load(Ordering::Relaxed)) {
                passed = self.fill().await;
            }
            if let Some(fault) = passed.err().filter(|_| is_over) {
                self.failed(fault);
            }
            let is_idle = self.running.count() == 0;
            let is_due = |at: Instant| at.elapsed() >= SHOW_INTERVAL;
            if self.shown.map_or(is_idle, is_due) {
                self.show().await;
            }
            if stops && is_idle {
                break;
            }
            tokio::select! {
                Some((case, ended)) = self.running.next(), if !is_idle => self.ended(&case, ended),
                () = stop.requested(), if !stops => {}
                () = sleep(LOOK_INTERVAL) => {}
            }
        }
        self.progress.update(|status| status.state = RouteState::Stopped);
        self.pause.into_failure().into_iter().chain(self.contended.into_failure()).collect()
    }

    /// Begins to send the cases that are due, as far as there is room.
    async fn fill(&mut self) -> Result<(), SendFault> {
        let worker = self.begin().await?;
        self.follow_clock().await?;
        while self.running.count() < self.at_once {
            let (space, now) = (self.sender.space.clone(), self.sender.clock.now());
            let target = self.target.name.clone();
            let claim = move |db: &mut DetectDb| db.cases(&space).by(worker).claim_to_send(&target, now);
            let claimed = self.sender.database.run(claim);
            let Some(case) = claimed.await? else { break };
            self.running.begin(&self.sender, case);
        }
        Ok(())
    }

    /// Takes up what an earlier process left, or another target.
    async fn begin(&mut self) -> Result<RowWorker, SendFault> {
        if let Some(worker) = self.number {
            return Ok(worker);
        }
        let (space, target) = (self.sender.space.clone(), self.target.name.clone());
        let sure_at = self.sender.clock.now() + self.target.search_lag;
        let begun = self.sender.database.run(move |db| db.cases(&space).begin_sending(&target, sure_at));
        let (worker, begun) = begun.await?;
        if let TargetBegun::New(remotes) = begun {
            let is_same = self.sender.has_one_of(&remotes).await?;
            let (space, target) = (self.sender.space.clone(), self.target.name.clone());
            let changed = self
                .sender
                .database
                .run(move |db| db.cases(&space).by(worker).change_target(&target, is_same, sure_at));
            changed.await?;
        }
        self.number = Some(worker);
        Ok(worker)
    }

    /// Notes what became of a case.
    fn ended(&mut self, case: &RunningCase, ended: Result<SendEnded, JoinError>) {
        let is_unsure = ended.as_ref().map_or(true, |ended| ended.is_unsure);
        let unsure_until = is_unsure.then(|| self.sender.clock.now() + self.target.search_lag);
        let result = match ended {
            Ok(ended) => self.judge(case, ended),
            Err(error) => {
                tracing::error!(
                    %error,
                    case = case.number,
                    "sending of a case stopped by a bug in ccfd, and is tried again: please report this"
                );
                self.broken()
            }
        };
        let (id, version) = (case.id.clone(), case.version.clone());
        self.unsettled.push_back(UnsettledCase { id, version, result, unsure_until });
        self.shown = None;
    }

    /// What is done between cases failed.
    fn failed(&mut self, fault: SendFault) {
        match fault {
            SendFault::Remote(error) => _ = self.pause.failed(SinkError::from(error), &self.progress),
            SendFault::Database(error) => self.failed_here(error),
            // These are answers about one case.
            SendFault::Refused(_) | SendFault::NotAllowed(_) | SendFault::Conflict => {}
        }
    }

    /// The database failed; whatever else is wrong with a case here passes as well.
    fn failed_here(&mut self, error: CaseError) {
        match error {
            CaseError::Database(error) => _ = self.pause.failed(error, &self.progress),
            CaseError::Invalid(_)
            | CaseError::Unchanged
            | CaseError::Unknown { .. }
            | CaseError::Conflict(_) => tracing::debug!("a case changed while it was sent"),
        }
    }

    /// Keeps what came of cases.
    async fn settle(&mut self) -> Result<(), CaseError> {
        while let Some(UnsettledCase { id, version, result, unsure_until }) = self.unsettled.front().cloned()
        {
            let (space, target) = (self.sender.space.clone(), self.sender.target.clone());
            let now = self.sender.clock.now();
            let worker = self.number;
            let settle = move |db: &mut DetectDb| {
                let mut cases = db.cases(&space).sent_to(&target);
                if let Some(worker) = worker {
                    cases = cases.by(worker);
                }
                cases.settle_sending(&id, &version, &result, now, unsure_until)
            };
            self.sender.database.run(settle).await?;
            self.unsettled.pop_front();
        }
        Ok(())
    }

    /// Shows how much waits.
    async fn show(&mut self) {
        let (space, now) = (self.sender.space.clone(), self.sender.clock.now());
        let counted = self.sender.database.run(move |db| db.cases(&space).count_sending());
        let Ok(counts) = counted.await else { return };
        self.shown = Some(Instant::now());
        mended(Stage::Reading, &self.progress);
        let is_failing = self.pause.is_failing();
        self.progress.update(|status| {
            if !is_failing {
                status.state = RouteState::Live;
            }
            status.waiting = counts.waiting;
            status.refused = counts.failed;
            let last = |last: Option<(i64, String)>| last.map(|(number, why)| format!("#{number}: {why}"));
            (status.waiting_last, status.refused_last) =
                (last(counts.waiting_last), last(counts.failed_last));
            status.delivered = counts.done;
            status.last_read = Some(now);
        });
    }
}
