//! The batches of one route that are on their way together: what one of them may do depends on those behind it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use state::StateError;
use tokio::sync::watch;

use super::{
    backoff::Delays,
    policy::{Action, Failure, judge},
    poll_now::PollNow,
    progress::Progress,
    retry::report_and_delay,
    shutdown::Shutdown,
};

/// Counts them. All clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Flight {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    begun: AtomicU64,
    troubled: AtomicU64,
    /// The number of the first one that was given up.
    given_up: watch::Sender<u64>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { begun: AtomicU64::new(0), troubled: AtomicU64::new(0), given_up: watch::Sender::new(u64::MAX) }
    }
}

/// One of them.
#[derive(Debug)]
pub struct FlightSlot {
    shared: Arc<Shared>,
    number: u64,
    is_troubled: bool,
}

impl Flight {
    /// A batch behind all that were begun so far.
    pub fn begin(&self) -> FlightSlot {
        let number = self.shared.begun.fetch_add(1, Relaxed) + 1;
        FlightSlot { shared: self.shared.clone(), number, is_troubled: false }
    }

    /// Whether something that was tried for one of them has failed and was not made good since.
    pub fn is_troubled(&self) -> bool {
        self.shared.troubled.load(Relaxed) > 0
    }

    /// Whether one of them was given up. None may be begun after it: its commit could not be made.
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

/// How what fails for a batch is tried again.
#[derive(Clone)]
pub struct Trying {
    /// Where failures are shown.
    pub progress: Progress,
    /// Lets an operator cut waits short.
    pub poll_now: PollNow,
    /// Whether the route is to end rather than to wait for a person.
    pub ends: bool,
}

/// The tries of one batch.
pub struct Tries<'a> {
    trying: Trying,
    place: &'a mut FlightSlot,
    delays: Delays,
    shutdown: Shutdown,
}

impl Trying {
    /// The first of them is to come.
    pub fn begin<'a>(&self, place: &'a mut FlightSlot, shutdown: &Shutdown) -> Tries<'a> {
        Tries { trying: self.clone(), place, delays: Delays::new(), shutdown: shutdown.clone() }
    }
}

impl Tries<'_> {
    /// Something went well: the next failure waits the shortest delay again.
    pub fn went_well(&mut self) {
        self.delays.reset();
    }

    /// Waits until it can be tried again. Fails with the failure when the batch is given up: it and all behind it are
    /// read once more then. So that nothing is written twice for it, a batch stays where it is, and waits there for the
    /// person too, when a part of it `is_settled`, or when others were begun behind it.
    pub async fn wait_out(&mut self, failure: Failure, is_settled: bool) -> Result<(), Failure> {
        self.place.be_troubled();
        let stays = match judge(&failure).action {
            // Another writer: what is known here of the checkpoint does not hold.
            Action::Wait(_) | Action::BackOff => {
                !matches!(failure, Failure::State(StateError::Conflict { .. }))
            }
            Action::Park => !self.trying.ends && (is_settled || self.place.has_later()),
            Action::End | Action::Stop => false,
        };
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
        if self.shutdown.is_requested() || self.place.is_behind(*given_up.borrow()) {
            self.place.give_up();
            return Err(failure);
        }
        Ok(())
    }
}
