//! What leads to one connector. A connector that does not answer holds up only its own lane.

use std::{collections::BTreeMap, time::Duration};

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
    /// Nothing begins before these seconds, because these receivers asked for it. What was in flight then changes nothing.
    asked_until: BTreeMap<String, i64>,
    /// What failed, the last time.
    reason: String,
}

impl ActionLane {
    /// How many more may begin, if `shared` are left of those that all lanes share.
    pub(super) fn free(&self, now: i64, taken: usize, shared: usize) -> usize {
        if self.waits(now).is_some() { 0 } else { self.room(taken, shared) }
    }

    /// The same of what somebody wants tried now, whatever the connector waits for.
    pub(super) fn room(&self, taken: usize, shared: usize) -> usize {
        let used = self.running + taken;
        let own = usize::from(used == 0);
        LANE_RUNS_MAX.saturating_sub(used).min(own + shared)
    }

    /// Until when nothing begins, and why.
    pub(super) fn waits(&self, now: i64) -> Option<(i64, &str)> {
        let left = self.paused.map(|until| until.saturating_duration_since(Instant::now()));
        let paused = left.filter(|left| !left.is_zero()).map(|left| now.saturating_add(whole_seconds(left)));
        Some((paused.max(self.asked_until(now))?, &self.reason))
    }

    /// Until when nothing begins because a receiver asked for it. A time further ahead than anyone may ask for is from before
    /// the clock was set back.
    pub(super) fn asked_until(&self, now: i64) -> Option<i64> {
        self.asked_until.values().copied().filter(|until| now < *until && *until <= latest(now)).max()
    }

    /// The clock was set back by so many seconds.
    pub(super) fn set_back(&mut self, now: i64, seconds: i64) {
        self.asked_until.values_mut().filter(|until| **until > now).for_each(|until| *until -= seconds);
    }

    /// Nothing begins for this long.
    pub(super) fn pause(&mut self, wait: Duration, reason: &str) {
        let until = Instant::now() + wait;
        self.paused = Some(self.paused.map_or(until, |before| before.max(until)));
        reason.clone_into(&mut self.reason);
    }

    /// Nothing begins before this second, because this receiver asks for it.
    pub(super) fn ask(&mut self, receiver: &str, until: i64, reason: &str) {
        let asked = self.asked_until.entry(receiver.to_owned()).or_insert(until);
        *asked = until.max(*asked);
        reason.clone_into(&mut self.reason);
    }

    /// The connector leads to this receiver now: what others asked for does not hold for it. Returns whether that ends a pause.
    pub(super) fn leads_to(&mut self, receiver: &str) -> bool {
        let before = self.asked_until.len();
        self.asked_until.retain(|asker, _| asker == receiver);
        let is_another = self.asked_until.len() < before;
        if is_another {
            self.worked();
        }
        is_another
    }

    /// It works. Returns whether that ends a pause.
    pub(super) fn worked(&mut self) -> bool {
        self.delays.reset();
        self.paused.take().is_some()
    }
}

/// A wait in seconds, with a part of one as a whole.
pub(super) fn whole_seconds(wait: Duration) -> i64 {
    wait.as_secs_f64().ceil() as i64
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
        lane.pause(Duration::from_secs(60), "it failed");
        lane.ask("chat", 1_060, "too many");
        lane.ask("chat", 1_030, "too many");
        assert_eq!(lane.waits(1_000), Some((1_060, "too many")));
        assert!(lane.worked());
        assert_eq!((lane.room(0, 9), lane.waits(1_060)), (4, None));
        assert_eq!((lane.free(1_000, 0, 9), lane.free(1_059, 0, 9), lane.free(1_060, 0, 9)), (0, 0, 4));
        assert_eq!(lane.free(-1_000_000, 0, 9), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_receiver_asks_for_holds_for_it_alone() {
        let mut lane = ActionLane::default();
        lane.pause(Duration::from_secs(60), "too many");
        lane.ask("chat", 1_060, "too many");
        assert!(!lane.leads_to("chat"));
        assert_eq!(lane.waits(1_000), Some((1_060, "too many")));
        assert!(lane.leads_to("page"));
        assert_eq!(lane.waits(1_000), None);
        // The end of an attempt that was in flight to the former one.
        lane.ask("page", 1_005, "too many");
        lane.ask("chat", 1_060, "too many");
        assert!(lane.leads_to("page"));
        assert_eq!(lane.waits(1_000), Some((1_005, "too many")));
    }
}
