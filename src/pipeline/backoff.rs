//! Delays between attempts. Only this file uses the crate `backoff`.

use std::time::Duration;

use backoff::{ExponentialBackoff, backoff::Backoff};

/// The first delay; each further one is half as long again, plus or minus a quarter.
const FIRST: Duration = Duration::from_millis(500);
/// The longest delay.
const LONGEST: Duration = Duration::from_secs(60);

/// How many unreadable answers in a row count as a passing fault: some five minutes of them.
const UNREADABLE_MAX: u32 = 15;

/// The delays of one task, which grow with each failure in a row.
pub struct Delays {
    backoff: ExponentialBackoff,
    /// Unreadable answers in a row.
    unreadable: u32,
}

impl Delays {
    /// Begins with the shortest delay.
    pub fn new() -> Self {
        let backoff = ExponentialBackoff {
            current_interval: FIRST,
            initial_interval: FIRST,
            multiplier: 1.5,
            randomization_factor: 0.25,
            max_interval: LONGEST,
            // A daemon never gives up.
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { backoff, unreadable: 0 }
    }

    /// The delay after another failure.
    pub fn after_failure(&mut self) -> Duration {
        self.backoff.next_backoff().unwrap_or(LONGEST)
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
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_bound_and_start_small_again_after_a_success() {
        let mut delays = Delays::new();
        let first = delays.after_failure();
        let later: Vec<Duration> = (0..100).map(|_| delays.after_failure()).collect();
        assert!(first < Duration::from_secs(1));
        assert!(later.iter().all(|delay| *delay <= LONGEST.mul_f64(1.25)));
        assert!(later.last().is_some_and(|delay| *delay >= LONGEST.mul_f64(0.75)));
        delays.reset();
        assert!(delays.after_failure() < Duration::from_secs(1));
    }
}
