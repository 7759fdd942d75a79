//! A clock that was set back: what waits by the earlier time does not wait for that time.

use super::CaseWorker;
use crate::{
    daemon::cases::outcome::SendFault,
    detect_db::{CLOCK_SLACK, DetectDb},
};

impl CaseWorker {
    /// Notices a clock that was set back, also while nothing ran.
    pub(super) async fn follow_clock(&mut self) -> Result<(), SendFault> {
        let (space, now) = (self.sender.space.clone(), self.sender.clock.now());
        if now.saturating_add(CLOCK_SLACK) < self.seen {
            let followed =
                self.sender.database.run(move |db: &mut DetectDb| db.cases(&space).follow_clock(now));
            if let Some(seconds) = followed.await? {
                tracing::warn!(
                    seconds,
                    "the system's clock was set back: what waits is tried as much sooner"
                );
            }
        }
        self.seen = now;
        Ok(())
    }
}
