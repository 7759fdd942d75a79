//! A connector may lead to another receiver under the same id: what the former one asked for does not hold for the new one.

use std::time::Duration;

use tokio::time::Instant;

use super::worker::{ActionWorker, LaneKey};

/// The time between two looks: a change is noticed soon, and secrets are not opened all the time.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(5);

impl ActionWorker {
    /// Looks where connectors lead that were asked to wait.
    pub(super) async fn follow_connectors(&mut self) {
        if self.followed.is_some_and(|at| at.elapsed() < FOLLOW_INTERVAL) {
            return;
        }
        let now = self.attempter.clock.now();
        let asked = self.lanes.iter().filter(|(_, lane)| lane.asked_until(now).is_some());
        let asked: Vec<LaneKey> = asked.map(|(key, _)| key.clone()).collect();
        self.followed = (!asked.is_empty()).then(Instant::now);
        for key in asked {
            // One that cannot run leads nowhere yet.
            let Ok(ready) = self.attempter.connectors.ready(&key.0, &key.1).await else { continue };
            if self.lanes.entry(key.clone()).or_default().leads_to(&ready.receiver) {
                self.unsettled.moved(&key, &ready.receiver);
                self.changed = true;
            }
        }
    }
}
