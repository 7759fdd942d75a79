//! The request of an operator not to wait: for the next poll, for the end of a delay, for the next try of a parked route.

use std::time::Duration;

use tokio::sync::watch;

use super::shutdown::Shutdown;

/// Made once a route. Each clone sees each request once: asked for while one does not wait, it holds for its next wait.
#[derive(Debug, Clone)]
pub struct PollNow {
    sender: watch::Sender<()>,
    seen: watch::Receiver<()>,
}

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

impl Default for PollNow {
    fn default() -> Self {
        let (sender, seen) = watch::channel(());
        Self { sender, seen }
    }
}

impl PollNow {
    /// Asks for it.
    pub fn request(&self) {
        self.sender.send_replace(());
    }

    /// Takes what was asked for so far as seen: another clone has seen to it.
    pub fn forget(&mut self) {
        self.seen.mark_unchanged();
    }

    /// Waits, but no longer than until a poll or the stop is asked for.
    pub async fn or_sleep(&mut self, wait: Duration, shutdown: &mut Shutdown) -> Waited {
        tokio::select! {
            biased;
            () = shutdown.requested() => Waited::Stop,
            // The sender is held here, too.
            _ = self.seen.changed() => Waited::PollNow,
            () = tokio::time::sleep(wait) => Waited::Out,
        }
    }
}
