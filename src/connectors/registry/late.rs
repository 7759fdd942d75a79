//! Runs that begin late, because the database must know of a run before it sends anything.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

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

/// Says that runs begin late: of the first at once, and of those that follow together, a minute later.
#[derive(Clone)]
pub(super) struct LateRunLog(Arc<Mutex<LateRunSums>>);

struct LateRunSums {
    late: LogThrottle<LateRuns>,
    /// How many runs the lines of the log have named.
    said: u64,
}

impl Default for LateRunLog {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LateRunSums { late: LogThrottle::new(SAID_EVERY), said: 0 })))
    }
}

impl LateRunLog {
    /// A run has waited so long for the database to know of it.
    pub(super) fn note(&self, wait: Duration, kept: Result<(), SinkError>) {
        if wait < LATE && kept.is_ok() {
            return;
        }
        let mut is_first = false;
        let mut sums = self.sums();
        let due = sums.late.add(|late| {
            late.runs += 1;
            is_first = late.runs == 1;
            late.wait = late.wait.max(wait);
            if let Err(error) = &kept {
                late.unrecorded += 1;
                late.error = Some(with_reasons(error));
            }
        });
        match due {
            Some(late) => sums.say(late),
            None => {
                if let Some(due) = sums.late.due().filter(|_| is_first) {
                    tokio::spawn(self.clone().say_at(due));
                }
            }
        }
    }

    /// Says at this time what was not said before it.
    async fn say_at(self, due: Instant) {
        sleep_until(due).await;
        let mut sums = self.sums();
        if let Some(late) = sums.late.due_now() {
            sums.say(late);
        }
    }

    fn sums(&self) -> MutexGuard<'_, LateRunSums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LateRunSums {
    fn say(&mut self, LateRuns { runs, unrecorded, wait, error }: LateRuns) {
        self.said += runs;
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn that_runs_begin_late_is_said_at_once_and_of_those_that_follow_a_minute_later() {
        let log = LateRunLog::default();
        let said = || log.sums().said;
        let failed = || Err(SinkError::Busy { path: "detect.db".to_owned() });
        log.note(Duration::from_millis(20), Ok(()));
        assert_eq!(said(), 0);
        log.note(Duration::from_secs(5), failed());
        assert_eq!(said(), 1);
        for _ in 0..99 {
            log.note(Duration::from_secs(2), Ok(()));
        }
        assert_eq!(said(), 1);
        tokio::time::sleep(SAID_EVERY + LATE).await;
        assert_eq!(said(), 100, "though no other begins late");
        tokio::time::sleep(SAID_EVERY).await;
        log.note(Duration::ZERO, failed());
        assert_eq!(said(), 101);
    }
}
