//! Waiting for what passes: how long, what is shown meanwhile, and when there is nothing to wait for.

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

/// How long a parked route waits before it tries again.
pub const PARKED_RETRY: Duration = Duration::from_secs(300);

/// Why reading ended.
#[derive(Debug)]
pub enum Fetching {
    /// Everything that was due is read (`--once`), or a past window is.
    ReadAll,
    /// The stop was asked for, or nobody takes the pages any more.
    Stopped,
    /// A failure that does not pass by waiting alone.
    Failed(Failure),
}

/// Waits for what passes, with delays that grow, and shows what is the matter.
pub struct FetchRetry {
    delays: Delays,
    /// Where it is shown.
    pub progress: Progress,
    poll_now: PollNow,
    shutdown: Shutdown,
    tried: bool,
    /// A poll was asked for during a wait.
    poll_asked: bool,
}

impl FetchRetry {
    /// Nothing has failed yet.
    pub fn new(progress: Progress, poll_now: PollNow, shutdown: Shutdown) -> Self {
        Self { delays: Delays::new(), progress, poll_now, shutdown, tried: false, poll_asked: false }
    }

    /// Waits until the request can be sent again. Fails with what ends the reading instead.
    pub async fn wait_out(&mut self, error: CollectError) -> Result<(), Fetching> {
        self.tried = true;
        let failure = lasting(Failure::Collect(error), &mut self.delays);
        match judge(&failure).action {
            // What a person mends, a new key most often, is taken up when the route is opened anew.
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

    /// Whether a poll was asked for during a wait: the wait is over then, and the poll still due.
    pub fn take_poll(&mut self) -> bool {
        std::mem::take(&mut self.poll_asked)
    }

    /// A request was answered: the next failure waits the shortest delay again.
    pub fn went_well(&mut self) {
        if std::mem::take(&mut self.tried) {
            self.delays.reset();
            mended(Stage::Reading, &self.progress);
        }
    }
}

/// The failure as it is to be judged: an answer that cannot be read passes, until it has not for long.
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

/// Says what failed, shows it, and answers how long to wait; `None` when there is nothing to wait for.
pub fn report_and_delay(failure: &Failure, delays: &mut Delays, progress: &Progress) -> Option<Duration> {
    let Judgement { action, advice } = judge(failure);
    let (state, wait) = match action {
        // Whoever asks for no delay, or one that is over, does not mean to be asked again without end.
        Action::Wait(asked) => (RouteState::BackingOff, Some(asked.max(delays.after_failure()))),
        Action::BackOff => (RouteState::BackingOff, Some(delays.after_failure())),
        Action::Park => (RouteState::Parked, Some(PARKED_RETRY)),
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
    let told = progress.failed(failure.stage(), state, error, failure.cause());
    if state == RouteState::BackingOff {
        progress.count(|counters| counters.retry(failure.stage(), failure.word()));
    }
    match (action, told) {
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

/// Shows that one stage works again, and says so when it did not for long.
pub fn mended(stage: Stage, progress: &Progress) {
    if let Some(after) = progress.mended(stage) {
        let stage = match stage {
            Stage::Reading => "reading",
            Stage::Writing => "writing",
        };
        tracing::info!(stage, after_seconds = after.as_secs(), "working again");
    }
}
