//! How far a backfill is, and how long the rest of it will take.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::progress::{RouteState, RouteStatus};

/// The most samples that are kept; every second one is dropped above that.
const SAMPLES_MAX: usize = 256;

/// Watches the status of one backfill.
///
/// Records are not spread evenly over a window, so the rest is estimated by the later half of the time since
/// reading began: an empty year at the beginning is soon forgotten.
#[derive(Debug)]
pub struct BackfillPace {
    /// Seconds of the window.
    window: i64,
    /// When how many seconds were unread.
    samples: VecDeque<(Instant, i64)>,
}

impl BackfillPace {
    /// Of a window of so many seconds.
    pub fn new(window: i64) -> Self {
        Self { window: window.max(1), samples: VecDeque::new() }
    }

    /// Takes note of a status. Nothing is read while the route starts, or searches where to begin.
    pub fn note(&mut self, status: &RouteStatus) {
        let Some(unread) = status.remaining_seconds else { return };
        if matches!(status.state, RouteState::Starting | RouteState::Searching) {
            return;
        }
        if self.samples.len() >= SAMPLES_MAX {
            let mut keep = false;
            self.samples.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.samples.push_back((Instant::now(), unread.min(self.window)));
    }

    /// Seconds of the window that are read.
    pub fn covered(&self) -> i64 {
        self.window - self.samples.back().map_or(self.window, |(_, unread)| *unread)
    }

    /// The same as a percentage, which is 100 only when nothing is left.
    pub fn percent(&self) -> i64 {
        self.covered().saturating_mul(100) / self.window
    }

    /// How long the rest will take; `None` while nothing says so.
    pub fn rest(&self) -> Option<Duration> {
        let (first, (last, unread)) = (self.samples.front()?.0, *self.samples.back()?);
        if unread == 0 {
            return Some(Duration::ZERO);
        }
        let half = first + (last - first) / 2;
        // From the later half, or from all of it if that shows no progress.
        let since = self.samples.iter().rfind(|(at, _)| *at <= half)?;
        let of_all = self.samples.front()?;
        [since, of_all]
            .into_iter()
            .find(|(_, before)| *before > unread)
            .map(|(at, before)| (last - *at).mul_f64(unread as f64 / (before - unread) as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(pace: &mut BackfillPace, seconds: u64, unread: i64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        let status = RouteStatus {
            state: RouteState::CatchingUp,
            remaining_seconds: Some(unread),
            ..RouteStatus::default()
        };
        pace.note(&status);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dense_end_of_a_window_is_not_estimated_by_its_empty_beginning() {
        let mut pace = BackfillPace::new(1_000);
        pass(&mut pace, 0, 1_000).await;
        pass(&mut pace, 1, 700).await;
        for step in 1..=60 {
            pass(&mut pace, 1, 700 - step * 5).await;
        }
        assert_eq!(pace.percent(), 60);
        let rest = pace.rest().expect("an estimate").as_secs();
        assert!((75..=85).contains(&rest), "400 seconds at 5 a second take 80 s, not {rest}");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_estimated_before_anything_is_read_and_nothing_is_left_at_the_end() {
        let mut pace = BackfillPace::new(100);
        pace.note(&RouteStatus::default());
        assert_eq!((pace.percent(), pace.rest()), (0, None));
        for unread in [100, 100] {
            pass(&mut pace, 5, unread).await;
            assert_eq!((pace.percent(), pace.rest()), (0, None));
        }
        pass(&mut pace, 5, 1).await;
        assert_eq!(pace.percent(), 99);
        pass(&mut pace, 5, 0).await;
        assert_eq!((pace.percent(), pace.rest()), (100, Some(Duration::ZERO)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_backfill_of_days_keeps_few_samples() {
        let mut pace = BackfillPace::new(1_000_000);
        for step in 1..=100_000 {
            pass(&mut pace, 1, 1_000_000 - step).await;
        }
        assert!(pace.samples.len() <= SAMPLES_MAX);
        let rest = pace.rest().expect("an estimate").as_secs();
        assert!((890_000..=910_000).contains(&rest), "{rest}");
    }
}
