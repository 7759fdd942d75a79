//! An operator's request not to wait for the next poll, the end of a delay, or the next attempt of a parked
//! route.

use std::time::Duration;

use tokio::sync::watch;

use super::shutdown::Shutdown;

/// One per route. Each clone sees each request once; a request made while a clone is not waiting ends its
/// next wait.
#[derive(Debug, Clone)]
pub struct PollNow {
    sender: watch::Sender<()>,
    seen: watch::Receiver<()>,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The time has passed.
    Out,
    /// A poll was requested.
    PollNow,
    /// Shutdown was requested.
    Stop,
}

impl Default for PollNow {
    fn default() -> Self {
        let (sender, seen) = watch::channel(());
        Self { sender, seen }
    }
}

impl PollNow {
    /// Requests a poll.
    pub fn request(&self) {
        self.sender.send_replace(());
    }

    /// Ignores earlier requests, which another clone has handled.
    pub fn forget(&mut self) {
        self.seen.mark_unchanged();
    }

    /// Waits for this time, or until a poll or shutdown is requested.
    pub async fn or_sleep(&mut self, wait: Duration, shutdown: &mut Shutdown) -> Waited {
        tokio::select! {
            biased;
            () = shutdown.requested() => Waited::Stop,
            // This value owns the sender too, so the channel cannot close.
            _ = self.seen.changed() => Waited::PollNow,
            () = tokio::time::sleep(wait) => Waited::Out,
        }
    }
}
