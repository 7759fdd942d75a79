//! Log lines that would come too often: the first is logged at once, then one sum of several.

use std::{mem, time::Duration};

use tokio::time::Instant;

/// Adds up what is to be logged, and returns it at most once per interval.
#[derive(Debug)]
pub struct LogThrottle<T> {
    interval: Duration,
    logged_at: Option<Instant>,
    pending: T,
}

impl<T: Default + PartialEq> LogThrottle<T> {
    /// Returns sums at most once per interval.
    pub fn new(interval: Duration) -> Self {
        Self { interval, logged_at: None, pending: T::default() }
    }

    /// Adds something with `add`, and returns the sum if it may be logged now.
    pub fn add(&mut self, add: impl FnOnce(&mut T)) -> Option<T> {
        add(&mut self.pending);
        self.due_now()
    }

    /// When the sum may be logged; `None` if there is nothing to log.
    pub fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        (self.pending != T::default())
            .then(|| self.logged_at.map_or(now, |logged_at| logged_at + self.interval))
    }

    /// The sum, if there is one and it may be logged now.
    pub fn due_now(&mut self) -> Option<T> {
        self.due().filter(|due| *due <= Instant::now()).and_then(|_| self.rest())
    }

    /// The sum at any time; `None` if there is nothing to log.
    pub fn rest(&mut self) -> Option<T> {
        self.due()?;
        self.logged_at = Some(Instant::now());
        Some(mem::take(&mut self.pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_is_logged_at_once_and_the_next_together() {
        let mut throttle = LogThrottle::new(Duration::from_secs(10));
        let one = |sum: &mut u64| *sum += 1;
        assert_eq!(throttle.due(), None, "there is nothing to log yet");
        assert_eq!(throttle.add(one), Some(1));
        assert_eq!((throttle.add(one), throttle.add(one)), (None, None));
        assert_eq!(throttle.due(), Some(Instant::now() + Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(throttle.add(one), Some(3));
        assert_eq!(throttle.rest(), None);
        assert_eq!(throttle.add(one), None);
        assert_eq!(throttle.rest(), Some(1), "nothing stays unlogged");
    }
}
