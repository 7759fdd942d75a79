//! What leads to one connector. A connector that does not answer holds up only its own lane.

use std::time::Duration;

use tokio::time::Instant;

use crate::pipeline::backoff::{Delays, RetryDelays};

/// Attempts of one connector at a time.
pub(super) const LANE_RUNS_MAX: usize = 4;
/// Delays after a failure of one action: it is tried more and more rarely, while others of its connector are done.
const ACTION_DELAYS: RetryDelays = RetryDelays {
    first: Duration::from_secs(1),
    max: Duration::from_secs(60 * 60),
    parked: Duration::from_secs(300),
};
/// More tries than these delay no longer.
const TRIES_MAX: u32 = 30;
/// The longest time that another system may ask to wait.
pub(super) const ASKED_MAX: Duration = Duration::from_secs(60 * 60);

/// The lane of one connector.
#[derive(Default)]
pub(super) struct ActionLane {
    /// Attempts that run.
    pub(super) running: usize,
    /// The delays after failures in a row.
    pub(super) delays: Delays,
    /// Nothing begins before.
    paused: Option<Instant>,
}

impl ActionLane {
    /// How many more may begin.
    pub(super) fn free(&self) -> usize {
        let is_paused = self.paused.is_some_and(|until| Instant::now() < until);
        if is_paused { 0 } else { LANE_RUNS_MAX.saturating_sub(self.running) }
    }

    /// Nothing begins for this long.
    pub(super) fn pause(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        self.paused = Some(self.paused.map_or(until, |before| before.max(until)));
    }

    /// It works.
    pub(super) fn worked(&mut self) {
        self.delays.reset();
        self.paused = None;
    }
}

/// How long an action waits that was tried so often.
pub(super) fn delay(tries: u32) -> Duration {
    let mut delays = Delays::new(ACTION_DELAYS);
    (0..tries.clamp(1, TRIES_MAX)).map(|_| delays.after_failure()).last().unwrap_or(ACTION_DELAYS.first)
}
