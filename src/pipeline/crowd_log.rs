//! Shows and logs a crowded second that takes long: meanwhile the route delivers nothing new.

use std::time::Duration;

use collectors::CrowdProgress;

use super::progress::{Progress, RouteStatus};
use crate::log_throttle::LogThrottle;

/// The time between two lines.
const INTERVAL: Duration = Duration::from_secs(30);
/// Most crowded seconds are read with fewer requests, and are not worth a line.
const READS_MIN: u32 = 10;

/// What one reader shows of its crowded seconds.
#[derive(Debug)]
pub struct CrowdLog {
    shown: Option<i64>,
    lines: LogThrottle<Option<CrowdProgress>>,
}

impl Default for CrowdLog {
    fn default() -> Self {
        Self { shown: None, lines: LogThrottle::new(INTERVAL) }
    }
}

impl CrowdLog {
    /// Logs the second that is being read, if it takes long.
    pub fn log(&mut self, crowd: Option<CrowdProgress>) {
        let Some(crowd) = crowd.filter(|crowd| crowd.reads >= READS_MIN) else { return };
        if let Some(Some(CrowdProgress { second, found, reads })) = self.lines.add(|last| *last = Some(crowd))
        {
            tracing::info!(second, found, reads, "reading a crowded second");
        }
    }

    /// Shows the second in the status. Readers of other windows of a backfill show theirs in the same place.
    pub fn show(&mut self, crowd: Option<CrowdProgress>, status: &mut RouteStatus) {
        let is_ours = status.crowded.map(|shown| shown.second) == self.shown;
        if crowd.is_some() || is_ours {
            status.crowded = crowd;
        }
        self.shown = crowd.map(|crowd| crowd.second);
    }

    /// Nothing is read any more.
    pub fn end(&mut self, progress: &Progress) {
        if self.shown.is_some() {
            progress.update(|status| self.show(None, status));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(second: i64) -> Option<CrowdProgress> {
        Some(CrowdProgress { second, found: 1, reads: 1 })
    }

    #[test]
    fn a_reader_takes_back_only_what_it_has_shown_itself() {
        let (mut one, mut other) = (CrowdLog::default(), CrowdLog::default());
        let mut status = RouteStatus::default();
        one.show(crowd(7), &mut status);
        other.show(None, &mut status);
        assert_eq!(status.crowded, crowd(7));
        one.show(None, &mut status);
        assert_eq!(status.crowded, None);
    }
}
