//! How old something is, by which clock.

use std::sync::atomic::{AtomicBool, Ordering};

/// How far the local clock may be ahead of what else is known of the time, in seconds.
const AHEAD_MAX: i64 = 24 * 60 * 60;

/// By which clock a sink removes old rows and files: the earlier of two, as everywhere. A local clock that is
/// years ahead would remove nearly everything.
#[derive(Debug, Default)]
pub(super) struct Age {
    warned: AtomicBool,
}

impl Age {
    /// The time from which ages are counted: the local clock, or a day after the latest `Date` of any server
    /// that answered this process, if that is earlier. Before any server has answered, the newest stored time
    /// takes its place; it may be in the future.
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
