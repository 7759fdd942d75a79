//! Delays between tries. The crate `backoff` is used here and nowhere else.

use std::time::Duration;

use backoff::{ExponentialBackoff, backoff::Backoff};

/// The first delay; each further one is longer by half, give or take a quarter.
const FIRST: Duration = Duration::from_millis(500);
/// The longest delay.
const LONGEST: Duration = Duration::from_secs(60);

/// Delays of one task, longer with each failure in a row.
pub struct Delays(ExponentialBackoff);

impl Delays {
    /// Begins with the shortest delay.
    pub fn new() -> Self {
        Self(ExponentialBackoff {
            current_interval: FIRST,
            initial_interval: FIRST,
            multiplier: 1.5,
            randomization_factor: 0.25,
            max_interval: LONGEST,
            // A daemon never gives up.
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }

    /// How long to wait after another failure.
    pub fn after_failure(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(LONGEST)
    }

    /// A success: the next failure waits the shortest delay again.
    pub fn reset(&mut self) {
        self.0.reset();
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
