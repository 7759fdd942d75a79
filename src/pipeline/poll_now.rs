//! The request of an operator not to wait: for the next poll, for the end of a delay, for the next try of a parked route.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::shutdown::Shutdown;

/// Made once a route; all clones are the one request. Asked for while nobody waits, it holds for the next wait.
#[derive(Debug, Clone, Default)]
pub struct PollNow(Arc<Notify>);

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The time is over.
    Out,
    /// A poll was asked for.
    PollNow,
    /// The stop was asked for.
    Stop,
}

impl PollNow {
    /// Asks for it.
    pub fn request(&self) {
        self.0.notify_one();
    }

    /// Waits, but no longer than until a poll or the stop is asked for.
    pub async fn or_sleep(&self, wait: Duration, shutdown: &mut Shutdown) -> Waited {
        tokio::select! {
            biased;
            () = shutdown.requested() => Waited::Stop,
            () = self.0.notified() => Waited::PollNow,
            () = tokio::time::sleep(wait) => Waited::Out,
        }
    }
}
