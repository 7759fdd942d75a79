//! Runs that begin late, because the database must know of a run before it sends anything.

use std::time::Duration;

use crate::{log_throttle::LogThrottle, reasons::with_reasons, sinks::SinkError};

/// A wait that is worth a line of the log.
const LATE: Duration = Duration::from_secs(1);
/// The time between two such lines.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// What is said of them.
#[derive(Debug, Default, PartialEq)]
struct LateRuns {
    runs: u64,
    /// So many of them are sent although the database could not be written.
    unrecorded: u64,
    wait: Duration,
    error: Option<String>,
}

/// Says that runs begin late: at once, and then now and then.
pub(super) struct LateRunLog(LogThrottle<LateRuns>);

impl Default for LateRunLog {
    fn default() -> Self {
        Self(LogThrottle::new(SAID_EVERY))
    }
}

impl LateRunLog {
    /// A run has waited so long for the database to know of it. Returns whether that is logged now.
    pub(super) fn note(&mut self, wait: Duration, kept: Result<(), SinkError>) -> bool {
        if wait < LATE && kept.is_ok() {
            return false;
        }
        let said = self.0.add(|late| {
            late.runs += 1;
            late.wait = late.wait.max(wait);
            if let Err(error) = &kept {
                late.unrecorded += 1;
                late.error = Some(with_reasons(error));
            }
        });
        let Some(LateRuns { runs, unrecorded, wait, error }) = said else { return false };
        let wait_seconds = wait.as_secs_f64();
        let advice = "see which process holds the lock of detect.db, or whether its disk is full";
        tracing::warn!(
            runs,
            unrecorded,
            wait_seconds,
            error,
            advice,
            "runs of connectors waited for detect.db before they were sent"
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn that_runs_begin_late_is_said_once_and_then_summed_up() {
        let mut log = LateRunLog::default();
        let failed = || Err(SinkError::Busy { path: "detect.db".to_owned() });
        assert!(!log.note(Duration::from_millis(20), Ok(())));
        assert!(log.note(Duration::from_secs(5), failed()));
        assert!(!log.note(Duration::from_secs(2), Ok(())) && !log.note(Duration::ZERO, failed()));
        tokio::time::advance(SAID_EVERY).await;
        assert!(log.note(Duration::from_secs(3), Ok(())));
    }
}
