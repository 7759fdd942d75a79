//! The request to shut down, seen by every task.

use tokio::sync::watch;

/// Requests the shutdown.
#[derive(Debug)]
pub struct ShutdownSender(watch::Sender<bool>);

/// Sees the request.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// A connected pair.
pub fn shutdown() -> (ShutdownSender, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (ShutdownSender(sender), Shutdown(receiver))
}

impl ShutdownSender {
    /// Asks every task to end.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether shutdown was requested.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the request; for ever if no sender is left.
    pub async fn requested(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for this time or the request. True if it was the request.
    pub async fn or_sleep(&mut self, wait: std::time::Duration) -> bool {
        tokio::select! {
            () = self.requested() => true,
            () = tokio::time::sleep(wait) => false,
        }
    }
}
