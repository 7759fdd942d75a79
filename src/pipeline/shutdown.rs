//! The request to stop, seen by every task.

use tokio::sync::watch;

/// Asks for the stop.
#[derive(Debug)]
pub struct ShutdownSender(watch::Sender<bool>);

/// Sees it.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// A pair: who asks, and who sees.
pub fn shutdown() -> (ShutdownSender, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (ShutdownSender(sender), Shutdown(receiver))
}

impl ShutdownSender {
    /// Asks every task to come to an end.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether the stop is asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for it; for ever when nobody is left who could ask.
    pub async fn requested(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for a moment, or for the stop. True when it was the stop.
    pub async fn or_sleep(&mut self, wait: std::time::Duration) -> bool {
        tokio::select! {
            () = self.requested() => true,
            () = tokio::time::sleep(wait) => false,
        }
    }
}
