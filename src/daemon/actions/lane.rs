//! What leads to one connector. A connector that does not answer holds up only its own lane.

use std::time::Duration;

use tokio::time::Instant;

use crate::pipeline::backoff::{Delays, RetryDelays};

/// Attempts of one connector at a time.
pub(super) const LANE_RUNS_MAX: usize = 4;
/// Attempts at a time, of all connectors, besides one of each: so many are in memory, and one connector waits for no other.
pub(super) const SHARED_RUNS_MAX: usize = 32;
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
    /// Nothing begins before, unless an attempt succeeds meanwhile.
    paused: Option<Instant>,
    /// Nothing begins before this second, because the other system asked for it. What was in flight then changes nothing.
    asked_until: Option<i64>,
}

impl ActionLane {
    /// How many more may begin, if `shared` are left of those that all lanes share.
    pub(super) fn free(&self, now: i64, taken: usize, shared: usize) -> usize {
        let is_paused = self.paused.is_some_and(|until| Instant::now() < until);
        if is_paused || self.is_asked_to_wait(now) {
            return 0;
        }
        let used = self.running + taken;
        let own = usize::from(used == 0);
        LANE_RUNS_MAX.saturating_sub(used).min(own + shared)
    }

    /// A time further ahead than anyone may ask for is from before the clock was set back.
    fn is_asked_to_wait(&self, now: i64) -> bool {
        self.asked_until.is_some_and(|until| now < until && until <= latest(now))
    }

    /// Nothing begins for this long.
    pub(super) fn pause(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        self.paused = Some(self.paused.map_or(until, |before| before.max(until)));
    }

    /// Nothing begins before this second, because the other system asks for it.
    pub(super) fn ask(&mut self, until: i64) {
        self.asked_until = self.asked_until.max(Some(until));
    }

    /// It works.
    pub(super) fn worked(&mut self) {
        self.delays.reset();
        self.paused = None;
    }
}

/// The latest second until which another system may ask to wait.
pub(super) fn latest(now: i64) -> i64 {
    now.saturating_add(i64::try_from(ASKED_MAX.as_secs()).unwrap_or(i64::MAX)).saturating_add(1)
}

/// How long an action waits that was tried so often.
pub(super) fn delay(tries: u32) -> Duration {
    let mut delays = Delays::new(ACTION_DELAYS);
    (0..tries.clamp(1, TRIES_MAX)).map(|_| delays.after_failure()).last().unwrap_or(ACTION_DELAYS.first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lane_has_a_slot_of_its_own_and_a_share_of_the_rest() {
        let mut lane = ActionLane::default();
        assert_eq!((lane.free(0, 0, 0), lane.free(0, 0, 2), lane.free(0, 0, 100)), (1, 3, 4));
        assert_eq!((lane.free(0, 1, 0), lane.free(0, 2, 100)), (0, 2));
        lane.running = 3;
        assert_eq!((lane.free(0, 0, 0), lane.free(0, 0, 9)), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_was_asked_for_outlasts_a_success_and_not_a_clock_that_is_set_back() {
        let mut lane = ActionLane::default();
        lane.pause(Duration::from_secs(60));
        lane.ask(1_060);
        lane.ask(1_030);
        lane.worked();
        assert_eq!((lane.free(1_000, 0, 9), lane.free(1_059, 0, 9), lane.free(1_060, 0, 9)), (0, 0, 4));
        assert_eq!(lane.free(-1_000_000, 0, 9), 4);
    }
}
