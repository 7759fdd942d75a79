//! What a sink that keeps its destination small does by itself: when it checks, and on which thread.

use std::{sync::Arc, time::Duration};

use super::sink_thread::{Lull, SinkThread};

/// Seconds between two looks.
const EVERY: i64 = 60;

/// How long no job must have come until the sink's thread does its own work; and the time between two checks
/// while none comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) first: Duration,
    pub(super) every: Duration,
}

impl Pace {
    /// Whatever is too old is removed within a minute, whether or not anything new comes.
    pub(super) const USUAL: Self =
        Self { first: Duration::from_secs(1), every: Duration::from_secs(EVERY.unsigned_abs()) };
}

/// A thread for a sink with this state, which cleans up between jobs. With `keeps_small` it starts before the
/// first job: rows expire whether or not anything new comes.
pub(super) fn thread<S: Send + Sync + 'static>(
    state: &Arc<S>,
    pace: Pace,
    keeps_small: bool,
    tidy: impl Fn(&S, Lull) + Send + Sync + 'static,
) -> SinkThread {
    let state = Arc::downgrade(state);
    let thread = SinkThread::with_chores(pace.first, pace.every, move |lull| {
        if let Some(state) = state.upgrade() {
            tidy(&state, lull);
        }
    });
    if keeps_small {
        thread.start();
    }
    thread
}

/// Remembers when to check again for what is too old or too much.
#[derive(Debug, Default)]
pub(super) struct Looks {
    next: i64,
    /// Whether it was logged that the last check failed.
    failing: bool,
}

impl Looks {
    /// Whether it is time.
    pub(super) fn is_due(&self, now: i64) -> bool {
        // A clock that jumped back must not delay the next check by as much as it jumped.
        now >= self.next || self.next - now > EVERY
    }

    /// A check succeeded. With `more` to remove, the next one is due at once.
    pub(super) fn done(&mut self, now: i64, more: bool) {
        self.next = if more { now } else { now + EVERY };
        self.failing = false;
    }

    /// A check failed; true if that must be logged.
    pub(super) fn failed(&mut self, now: i64) -> bool {
        self.next = now + EVERY;
        !std::mem::replace(&mut self.failing, true)
    }
}
