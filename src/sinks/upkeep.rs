//! What a sink that keeps its destination small does by itself: when it looks, and on which thread.

use std::{sync::Arc, time::Duration};

use super::sink_thread::{Lull, SinkThread};

/// Seconds between two looks.
const EVERY: i64 = 60;

/// How long nothing must have come until the sink's thread does what it does by itself; and the time between two looks while
/// nothing comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) first: Duration,
    pub(super) every: Duration,
}

impl Pace {
    /// What is too old goes within a minute, whether or not anything new comes.
    pub(super) const USUAL: Self =
        Self { first: Duration::from_secs(1), every: Duration::from_secs(EVERY.unsigned_abs()) };
}

/// A thread for a sink with this state, which tidies up between pieces of work. With `keeps_small` it is started before there
/// is any: what expires does so whether or not anything new comes.
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

/// Remembers when to look again for what is too old or too much.
#[derive(Debug, Default)]
pub(super) struct Looks {
    next: i64,
    /// The last look failed, which was said.
    failing: bool,
}

impl Looks {
    /// Whether it is time.
    pub(super) fn is_due(&self, now: i64) -> bool {
        // A clock that jumped back must not put the next look off for as long as it jumped.
        now >= self.next || self.next - now > EVERY
    }

    /// A look went well. With `more` to remove, the next one is due at once.
    pub(super) fn done(&mut self, now: i64, more: bool) {
        self.next = if more { now } else { now + EVERY };
        self.failing = false;
    }

    /// A look failed; true when that is to be said.
    pub(super) fn failed(&mut self, now: i64) -> bool {
        self.next = now + EVERY;
        !std::mem::replace(&mut self.failing, true)
    }
}
