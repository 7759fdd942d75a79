//! Lines that would come too often: the first at once, then one sum of several.

use std::{mem, time::Duration};

use tokio::time::Instant;

/// Adds up what is to be told, and hands it out no more often than once an interval.
#[derive(Debug)]
pub struct Paced<T> {
    interval: Duration,
    told: Option<Instant>,
    untold: T,
}

impl<T: Default + PartialEq> Paced<T> {
    /// Hands out no more often than this.
    pub fn new(interval: Duration) -> Self {
        Self { interval, told: None, untold: T::default() }
    }

    /// Adds something with `add`, and hands out the sum if it may be told now.
    pub fn add(&mut self, add: impl FnOnce(&mut T)) -> Option<T> {
        add(&mut self.untold);
        self.due_now()
    }

    /// When the sum may be told; `None` while there is nothing to tell.
    pub fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        (self.untold != T::default()).then(|| self.told.map_or(now, |told| told + self.interval))
    }

    /// The sum, if there is one and it may be told now.
    pub fn due_now(&mut self) -> Option<T> {
        self.due().filter(|due| *due <= Instant::now()).and_then(|_| self.rest())
    }

    /// The sum at any time; `None` when there is nothing to tell.
    pub fn rest(&mut self) -> Option<T> {
        self.due()?;
        self.told = Some(Instant::now());
        Some(mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_the_next_together() {
        let mut paced = Paced::new(Duration::from_secs(10));
        let one = |sum: &mut u64| *sum += 1;
        assert_eq!(paced.due(), None, "there is nothing to tell yet");
        assert_eq!(paced.add(one), Some(1));
        assert_eq!((paced.add(one), paced.add(one)), (None, None));
        assert_eq!(paced.due(), Some(Instant::now() + Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(paced.add(one), Some(3));
        assert_eq!(paced.rest(), None);
        assert_eq!(paced.add(one), None);
        assert_eq!(paced.rest(), Some(1), "nothing goes untold");
    }
}
