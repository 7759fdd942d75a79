//! The batches of one route that are in flight together: how a failed batch may be retried depends on those
//! after it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use state::StateError;
use tokio::sync::watch;

use super::{
    backoff::{Delays, RetryDelays},
    policy::{Action, Failure, judge},
    poll_now::PollNow,
    progress::Progress,
    retry::report_and_delay,
    shutdown::Shutdown,
};

/// Counts the batches in flight. All clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Flight {
    shared: Arc<FlightState>,
}

#[derive(Debug)]
struct FlightState {
    begun: AtomicU64,
    troubled: AtomicU64,
    /// Number of the first batch that was given up.
    given_up: watch::Sender<u64>,
}

impl Default for FlightState {
    fn default() -> Self {
        Self { begun: AtomicU64::new(0), troubled: AtomicU64::new(0), given_up: watch::Sender::new(u64::MAX) }
    }
}

/// One batch in flight.
#[derive(Debug)]
pub struct FlightSlot {
    shared: Arc<FlightState>,
    number: u64,
    is_troubled: bool,
}

impl Flight {
    /// A batch after all those started so far.
    pub fn begin(&self) -> FlightSlot {
        let number = self.shared.begun.fetch_add(1, Relaxed) + 1;
        FlightSlot { shared: self.shared.clone(), number, is_troubled: false }
    }

    /// Whether an attempt for any of them has failed and not succeeded since.
    pub fn is_troubled(&self) -> bool {
        self.shared.troubled.load(Relaxed) > 0
    }

    /// Whether one of them was given up. No batch may be started after that, because it could not be
    /// committed.
    pub fn has_given_up(&self) -> bool {
        *self.shared.given_up.borrow() < u64::MAX
    }
}

impl FlightSlot {
    fn has_later(&self) -> bool {
        self.shared.begun.load(Relaxed) > self.number
    }

    fn is_behind(&self, given_up: u64) -> bool {
        given_up < self.number
    }

    fn give_up(&self) {
        // The lowest number counts: everything after it is read again.
        let number = self.number;
        self.shared.given_up.send_modify(|given_up| *given_up = number.min(*given_up));
    }

    fn be_troubled(&mut self) {
        if !std::mem::replace(&mut self.is_troubled, true) {
            self.shared.troubled.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for FlightSlot {
    fn drop(&mut self) {
        if self.is_troubled {
            self.shared.troubled.fetch_sub(1, Relaxed);
        }
    }
}

/// How failures of a batch are retried.
#[derive(Clone)]
pub struct Trying {
    /// Shows failures.
    pub progress: Progress,
    /// Lets an operator cut waits short.
    pub poll_now: PollNow,
    /// Whether the route ends instead of waiting for an operator.
    pub ends: bool,
}

/// The attempts of one batch.
pub struct Tries<'a> {
    trying: Trying,
    place: &'a mut FlightSlot,
    delays: Delays,
    shutdown: Shutdown,
}

impl Trying {
    /// Before the first attempt; those that fail wait for these delays.
    pub fn begin<'a>(
        &self,
        delays: RetryDelays,
        place: &'a mut FlightSlot,
        shutdown: &Shutdown,
    ) -> Tries<'a> {
        let delays = Delays::new(delays);
        Tries { trying: self.clone(), place, delays, shutdown: shutdown.clone() }
    }
}

impl Tries<'_> {
    /// Resets to the shortest delay after a success.
    pub fn succeeded(&mut self) {
        self.delays.reset();
    }

    /// Waits before the next attempt. Returns the failure if the batch is given up; it and all later ones are
    /// then read again. So that nothing is written twice, a batch also waits here for an operator if a part
    /// of it is written (`is_partial`) or if later batches were started.
    pub async fn wait_out(&mut self, failure: Failure, is_partial: bool) -> Result<(), Failure> {
        self.place.be_troubled();
        let stays = match judge(&failure).action {
            // After a conflict another process has written the checkpoint, and ours is out of date.
            Action::Wait(_) | Action::BackOff => {
                !matches!(failure, Failure::State(StateError::Conflict { .. }))
            }
            Action::Park => !self.trying.ends && (is_partial || self.place.has_later()),
            Action::End | Action::Stop => false,
        };
        // An earlier batch was given up: this one can no longer be committed, so waiting for it is useless.
        let given_up = *self.place.shared.given_up.borrow();
        if !stays || self.shutdown.is_requested() || self.place.is_behind(given_up) {
            self.place.give_up();
            return Err(failure);
        }
        let Some(wait) = report_and_delay(&failure, &mut self.delays, &self.trying.progress) else {
            self.place.give_up();
            return Err(failure);
        };
        let mut given_up = self.place.shared.given_up.subscribe();
        let (number, poll_now) = (self.place.number, &mut self.trying.poll_now);
        tokio::select! {
            _ = poll_now.or_sleep(wait, &mut self.shutdown) => {}
            _ = given_up.wait_for(|given_up| *given_up < number) => {}
        }
        // Checked again, because either may have happened during the wait.
        if self.shutdown.is_requested() || self.place.is_behind(*given_up.borrow()) {
            self.place.give_up();
            return Err(failure);
        }
        Ok(())
    }
}
