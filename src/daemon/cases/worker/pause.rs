//! How long nothing is sent after a failure. What fails for one case only does not hold up the others.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use crate::{
    pipeline::{
        backoff::{Delays, RetryDelays},
        policy::{Action, Failure, judge},
        progress::Progress,
        retry::{mended, report_and_delay},
        stage::Stage,
    },
    sinks::{
        SinkError,
        remote::{RemoteError, RemoteErrorKind},
    },
};

/// More tries than these delay a case no longer.
const TRIES_MAX: u32 = 30;

/// A case whose request failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailedCase<'a> {
    pub(super) id: &'a str,
    /// How often it was tried.
    pub(super) tries: u32,
    /// When this try began.
    pub(super) begun: Instant,
}

/// What failures lead to.
pub(super) struct SendPause {
    delays: Delays,
    /// Nothing begins before.
    until: Option<Instant>,
    failing: Option<SinkError>,
    /// The cases that failed since one was sent.
    suspects: BTreeSet<String>,
    /// The last failure, and the delay that followed from it.
    last: Option<(Instant, Duration)>,
}

impl SendPause {
    pub(super) fn new(retry: RetryDelays) -> Self {
        Self { delays: Delays::new(retry), until: None, failing: None, suspects: BTreeSet::new(), last: None }
    }

    /// Whether a case may be sent now.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_none_or(|until| until <= Instant::now())
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// What keeps cases from being sent.
    pub(super) fn into_failure(self) -> Option<Failure> {
        self.failing.map(Failure::Sink)
    }

    /// Kibana has answered.
    pub(super) fn worked(&mut self, progress: &Progress) {
        self.delays.reset();
        self.suspects.clear();
        (self.until, self.failing, self.last) = (None, None, None);
        mended(Stage::Writing, progress);
    }

    /// Nothing is sent for a while.
    pub(super) fn failed(&mut self, error: SinkError, progress: &Progress) -> Duration {
        let wait = self.report(error, progress);
        self.hold(wait);
        wait
    }

    /// A case waits for the returned time. All others wait as well if the failure concerns them, too: by its kind, or because
    /// another case has failed as well.
    pub(super) fn failed_for(
        &mut self,
        case: FailedCase<'_>,
        error: RemoteError,
        progress: &Progress,
    ) -> Duration {
        let is_throttled = matches!(error.kind, RemoteErrorKind::Throttled { .. });
        // A firewall may dislike the words of one case.
        let is_intercepted = matches!(error.kind, RemoteErrorKind::Intercepted { .. });
        let failure = Failure::Sink(SinkError::from(error));
        let may_be_one = match judge(&failure).action {
            Action::BackOff | Action::Wait(_) => !is_throttled,
            Action::Park => is_intercepted,
            Action::End | Action::Stop => false,
        };
        // What was in flight when the last one failed says nothing new.
        let is_same = |(at, _): &(Instant, Duration)| may_be_one && case.begun <= *at;
        let wait = match (self.last.filter(is_same), failure) {
            (Some((_, wait)), _) => wait,
            (None, Failure::Sink(error)) => self.report(error, progress),
            (None, _) => Duration::ZERO,
        };
        self.suspects.insert(case.id.to_owned());
        if !may_be_one || self.suspects.len() > 1 {
            self.hold(wait);
        }
        wait.max(self.own_delay(case.tries))
    }

    /// How long a case waits at least that was tried so often: those that succeed meanwhile do not shorten it.
    fn own_delay(&self, tries: u32) -> Duration {
        let mut delays = Delays::new(self.delays.wanted());
        (0..tries.clamp(1, TRIES_MAX)).map(|_| delays.after_failure()).last().unwrap_or_default()
    }

    fn hold(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        self.until = Some(self.until.map_or(until, |before| before.max(until)));
    }

    fn report(&mut self, error: SinkError, progress: &Progress) -> Duration {
        let failure = Failure::Sink(error);
        let reported = report_and_delay(&failure, &mut self.delays, progress);
        let wait = reported.unwrap_or(self.delays.wanted().parked);
        if let Failure::Sink(error) = failure {
            self.failing = Some(error);
        }
        self.last = Some((Instant::now(), wait));
        wait
    }
}
