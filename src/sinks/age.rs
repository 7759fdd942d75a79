//! How old something is, by which clock.

use std::sync::atomic::{AtomicBool, Ordering};

/// How far the local clock may be ahead of what else is known of the time, in seconds.
const AHEAD_MAX: i64 = 24 * 60 * 60;

/// What a sink goes by when it removes what is too old: the earlier of two clocks, as everywhere. A clock that is years
/// ahead would have it remove nearly everything.
#[derive(Debug, Default)]
pub(super) struct Age {
    warned: AtomicBool,
}

impl Age {
    /// The time by which things are too old: the local clock's, or a day after the latest `Date` of any server that answered
    /// this process, when that is earlier. Before one has answered, what is stored tells: it may be dated in the future.
    pub(super) fn now(&self, local: i64, newest_stored: Option<i64>) -> i64 {
        let newest = collectors::newest_date().or(newest_stored);
        let Some(known) = newest.filter(|newest| local - newest > AHEAD_MAX) else {
            self.warned.store(false, Ordering::Relaxed);
            return local;
        };
        if !self.warned.swap(true, Ordering::Relaxed) {
            let (local_clock, newest_known) = (shown(local), shown(known));
            tracing::warn!(
                local_clock,
                newest_known,
                "the local clock is more than a day ahead of the newest record and of every server: ages \
                 are computed from those"
            );
        }
        known + AHEAD_MAX
    }
}

fn shown(second: i64) -> String {
    crate::tables::iso8601(second).as_str().to_owned()
}
