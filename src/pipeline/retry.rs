//! Waits for failures that pass: how long, what the status shows meanwhile, and when waiting is useless.

use std::time::Duration;

use collectors::{CollectError, CollectErrorKind};

use super::{
    backoff::Delays,
    policy::{Action, Failure, Judgement, judge},
    poll_now::{PollNow, Waited},
    progress::{Progress, RouteState, ShownError},
    shutdown::Shutdown,
    stage::Stage,
};

/// Why reading ended.
#[derive(Debug)]
pub enum Fetching {
    /// Everything due is read (`--once`), or the window of a backfill is.
    ReadAll,
    /// Shutdown was requested, or the writing stage ended.
    Stopped,
    /// A failure that waiting alone does not end.
    Failed(Failure),
}

/// Waits with growing delays, and shows the failure meanwhile.
pub struct FetchRetry {
    delays: Delays,
    /// Shows failures.
    pub progress: Progress,
    poll_now: PollNow,
    shutdown: Shutdown,
    tried: bool,
    /// Whether a poll was requested during a wait.
    poll_asked: bool,
}

impl FetchRetry {
    /// Before the first failure.
    pub fn new(progress: Progress, poll_now: PollNow, shutdown: Shutdown) -> Self {
        Self { delays: Delays::default(), progress, poll_now, shutdown, tried: false, poll_asked: false }
    }

    /// Waits until the request can be sent again, or returns why the reading ends.
    pub async fn wait_out(&mut self, error: CollectError) -> Result<(), Fetching> {
        self.tried = true;
        let failure = lasting(Failure::Collect(error), &mut self.delays);
        match judge(&failure).action {
            // What an operator fixes, usually the key, is read again only when the route is reopened.
            Action::Park | Action::End | Action::Stop => return Err(Fetching::Failed(failure)),
            Action::Wait(_) | Action::BackOff => {}
        }
        let Some(wait) = report_and_delay(&failure, &mut self.delays, &self.progress) else {
            return Err(Fetching::Failed(failure));
        };
        match self.poll_now.or_sleep(wait, &mut self.shutdown).await {
            Waited::Out => Ok(()),
            Waited::PollNow => {
                self.poll_asked = true;
                Ok(())
            }
            Waited::Stop => Err(Fetching::Stopped),
        }
    }

    /// Whether a poll was requested during a wait, which ended the wait; the poll itself is still due.
    pub fn take_poll(&mut self) -> bool {
        std::mem::take(&mut self.poll_asked)
    }

    /// A request was answered: resets to the shortest delay.
    pub fn succeeded(&mut self) {
        if std::mem::take(&mut self.tried) {
            self.delays.reset();
            mended(Stage::Reading, &self.progress);
        }
    }
}

/// The failure to judge: an unreadable answer counts as passing at first, then as lasting.
pub fn lasting(failure: Failure, delays: &mut Delays) -> Failure {
    match failure {
        Failure::Collect(CollectError { kind: CollectErrorKind::Malformed(malformed), request_id }) => {
            let kind = if delays.stays_unreadable(true) {
                CollectErrorKind::Unreadable(malformed)
            } else {
                CollectErrorKind::Malformed(malformed)
            };
            Failure::Collect(CollectError { kind, request_id })
        }
        failure => {
            delays.stays_unreadable(false);
            failure
        }
    }
}

/// Logs and shows a failure, and returns the delay; `None` if waiting is useless.
pub fn report_and_delay(failure: &Failure, delays: &mut Delays, progress: &Progress) -> Option<Duration> {
    let Judgement { action, advice } = judge(failure);
    let (state, wait) = match action {
        // An answer that asks for no delay, or for one in the past, must not cause retries in a tight loop.
        Action::Wait(asked) => (RouteState::BackingOff, Some(asked.max(delays.after_failure()))),
        Action::BackOff => (RouteState::BackingOff, Some(delays.after_failure())),
        Action::Park => (RouteState::Parked, Some(delays.wanted().parked)),
        Action::End | Action::Stop => (RouteState::Stopped, None),
    };
    let at = chrono::Utc::now().timestamp();
    let error = ShownError {
        at,
        since: at,
        reason: failure.word().to_owned(),
        text: failure.to_string(),
        advice: advice.to_owned(),
    };
    let logged = progress.failed(failure.stage(), state, error, failure.cause());
    if state == RouteState::BackingOff {
        progress.count(|counters| counters.retry(failure.stage(), failure.word()));
    }
    match (action, logged) {
        (Action::Wait(_) | Action::BackOff, Some(failures)) => {
            let wait_seconds = wait.unwrap_or_default().as_secs_f64();
            tracing::warn!(error = %failure, advice, wait_seconds, failures, "trying again, nothing is lost");
        }
        (Action::Wait(_) | Action::BackOff, None) => {
            tracing::debug!(error = %failure, advice, "trying again, nothing is lost");
        }
        (Action::Park, Some(_)) => tracing::error!(error = %failure, advice, "parked"),
        (Action::Park, None) => tracing::debug!(error = %failure, advice, "still parked"),
        (Action::End, _) => tracing::error!(error = %failure, advice, "the route has ended"),
        (Action::Stop, _) => tracing::error!(error = %failure, advice, "stopping"),
    }
    wait
}

/// Shows that a stage works again, and logs it after a long failure.
pub fn mended(stage: Stage, progress: &Progress) {
    if let Some(after) = progress.mended(stage) {
        let stage = match stage {
            Stage::Reading => "reading",
            Stage::Writing => "writing",
        };
        tracing::info!(stage, after_seconds = after.as_secs(), "working again");
    }
}
