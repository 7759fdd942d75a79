//! A clock that was set back: what waits by the earlier time does not wait for that time.

use super::worker::ActionWorker;
use crate::{detect_db::CLOCK_SLACK, sinks::SinkError};

impl ActionWorker {
    /// Notices a clock that was set back, also while nothing ran.
    pub(super) async fn follow_clock(&mut self) -> Result<(), SinkError> {
        let now = self.attempter.clock.now();
        if now.saturating_add(CLOCK_SLACK) < self.seen {
            let followed = self.attempter.database.run(move |db| db.follow_clock(now));
            if let Some(seconds) = followed.await? {
                tracing::warn!(
                    seconds,
                    "the system's clock was set back: what waits is tried as much sooner"
                );
                self.lanes.values_mut().for_each(|lane| lane.set_back(now, seconds));
                self.changed = true;
            }
        }
        self.seen = now;
        Ok(())
    }
}
