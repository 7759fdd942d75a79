//! Pushes end before their process does, so that their claims hold up no other push.

use std::{future::pending, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

/// How long pushes may take to end. Most of it they wait for the answer to what they have sent: as long as something may still
/// arrive there, no other push is to look for it.
pub const PUSH_END_MAX: Duration = Duration::from_secs(5);
/// What of it is left to end the claims.
const CLAIMS_END: Duration = Duration::from_secs(1);

/// Ends the pushes of a process.
#[derive(Debug, Default)]
pub struct PushEnder(watch::Sender<Option<Instant>>);

/// Says when a push is to end. The end waits until it is dropped.
#[derive(Clone, Debug)]
pub struct PushEnd(watch::Receiver<Option<Instant>>);

impl PushEnder {
    /// For a push that begins.
    pub fn for_push(&self) -> PushEnd {
        PushEnd(self.0.subscribe())
    }

    /// Lets no push begin any more, and waits until those that send have ended, for this time at most.
    pub async fn end(&self, within: Duration) {
        self.0.send_replace(Some(Instant::now() + within.saturating_sub(CLAIMS_END)));
        _ = timeout(within, self.0.closed()).await;
    }
}

impl PushEnd {
    /// Whether no push may begin any more.
    pub(super) fn is_announced(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits until no push may begin any more.
    pub(super) async fn announced(&mut self) {
        if self.0.wait_for(Option::is_some).await.is_err() {
            pending::<()>().await;
        }
    }

    /// Waits until a push that sends must end.
    pub(super) async fn reached(&mut self) {
        self.announced().await;
        let at = *self.0.borrow();
        if let Some(at) = at {
            sleep_until(at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pushes_end_before_their_process_and_none_begins_meanwhile() {
        let (ender, begun) = (PushEnder::default(), Instant::now());
        let mut sends = ender.for_push();
        let push = async {
            sends.reached().await;
            drop(sends);
            begun.elapsed().as_secs()
        };
        let late = async {
            let mut end = ender.for_push();
            assert!(!end.is_announced());
            end.announced().await;
            end.is_announced() && ender.for_push().is_announced()
        };
        let (ended, is_late, ()) = tokio::join!(push, late, ender.end(PUSH_END_MAX));
        assert_eq!((ended, is_late), (4, true));
        assert_eq!(begun.elapsed().as_secs(), ended, "nothing else is waited for");
        let _hangs = ender.for_push();
        ender.end(PUSH_END_MAX).await;
        assert_eq!(begun.elapsed().as_secs(), ended + PUSH_END_MAX.as_secs());
    }
}
