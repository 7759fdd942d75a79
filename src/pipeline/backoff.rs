//! Delays between attempts. Only this file uses the crate `backoff`.

use std::time::Duration;

use backoff::{ExponentialBackoff, backoff::Backoff};

/// How many unreadable answers in a row count as a passing fault: some five minutes of them.
const UNREADABLE_MAX: u32 = 15;

/// How long failures wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryDelays {
    /// After the first failure that passes by itself; each further one is half as long again, plus or minus a quarter.
    pub first: Duration,
    /// The longest of these delays.
    pub max: Duration,
    /// How long a parked route waits before it retries.
    pub parked: Duration,
}

impl Default for RetryDelays {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            max: Duration::from_secs(60),
            parked: Duration::from_secs(300),
        }
    }
}

/// The delays of one task, which grow with each failure in a row.
pub struct Delays {
    wanted: RetryDelays,
    backoff: ExponentialBackoff,
    /// Unreadable answers in a row.
    unreadable: u32,
}

impl Delays {
    /// Begins with the shortest delay.
    pub fn new(wanted: RetryDelays) -> Self {
        let backoff = ExponentialBackoff {
            current_interval: wanted.first,
            initial_interval: wanted.first,
            multiplier: 1.5,
            randomization_factor: 0.25,
            max_interval: wanted.max,
            // A daemon never gives up.
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { wanted, backoff, unreadable: 0 }
    }

    /// What they were begun with.
    pub fn wanted(&self) -> RetryDelays {
        self.wanted
    }

    /// The delay after another failure.
    pub fn after_failure(&mut self) -> Duration {
        self.backoff.next_backoff().unwrap_or(self.wanted.max)
    }

    /// Counts unreadable answers in a row. True once there were too many for a passing fault.
    pub fn stays_unreadable(&mut self, is_unreadable: bool) -> bool {
        self.unreadable = if is_unreadable { self.unreadable + 1 } else { 0 };
        self.unreadable > UNREADABLE_MAX
    }

    /// Resets to the shortest delay after a success.
    pub fn reset(&mut self) {
        self.backoff.reset();
        self.unreadable = 0;
    }
}

impl Default for Delays {
    fn default() -> Self {
        Self::new(RetryDelays::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_bound_and_start_small_again_after_a_success() {
        let (mut delays, longest) = (Delays::default(), RetryDelays::default().max);
        let first = delays.after_failure();
        let later: Vec<Duration> = (0..100).map(|_| delays.after_failure()).collect();
        assert!(first < Duration::from_secs(1));
        assert!(later.iter().all(|delay| *delay <= longest.mul_f64(1.25)));
        assert!(later.last().is_some_and(|delay| *delay >= longest.mul_f64(0.75)));
        delays.reset();
        assert!(delays.after_failure() < Duration::from_secs(1));
    }
}
