//! Questions to a service that is busy: asked again after a while, a few times.

use std::time::Duration;

use super::remote::{RemoteError, RemoteErrorKind};

/// How often a question is asked.
const TRIES: u32 = 6;
/// The first wait, which doubles each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What is left of the patience with one question.
#[derive(Debug)]
pub struct Patience {
    tries: u32,
    wait: Duration,
}

impl Patience {
    /// For a question that was not asked yet.
    pub fn new() -> Self {
        Self { tries: 1, wait: FIRST_WAIT }
    }

    /// Waits before the question is asked again.
    ///
    /// # Errors
    ///
    /// The failure itself, if it does not pass by waiting or has come too often.
    pub async fn bear(&mut self, error: RemoteError) -> Result<(), RemoteError> {
        let asked = match asked_wait(&error.kind) {
            Some(asked) if self.tries < TRIES => asked,
            Some(_) | None => return Err(error),
        };
        tokio::time::sleep(asked.unwrap_or(self.wait)).await;
        self.tries += 1;
        self.wait *= 2;
        Ok(())
    }
}

/// The time to wait, if the service names one; `None` if asking again is of no use.
fn asked_wait(kind: &RemoteErrorKind) -> Option<Option<Duration>> {
    match kind {
        RemoteErrorKind::Throttled { retry_after } | RemoteErrorKind::Overloaded { retry_after, .. } => {
            Some(*retry_after)
        }
        RemoteErrorKind::Unreachable(_) => Some(None),
        RemoteErrorKind::Untrusted(_)
        | RemoteErrorKind::StorageFull { .. }
        | RemoteErrorKind::Unauthorized { .. }
        | RemoteErrorKind::Forbidden { .. }
        | RemoteErrorKind::PolicyDenied { .. }
        | RemoteErrorKind::NotFound { .. }
        | RemoteErrorKind::PlaceAtFault { .. }
        | RemoteErrorKind::RunFailed { .. }
        | RemoteErrorKind::Refused { .. }
        | RemoteErrorKind::Intercepted { .. }
        | RemoteErrorKind::NotUnderstood(_)
        | RemoteErrorKind::Unconfirmed { .. }
        | RemoteErrorKind::Secret(_)
        | RemoteErrorKind::Settings(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::remote::Service;

    /// Whether there was an answer after so many failures, and how long that took.
    async fn answered(kind: RemoteErrorKind, failures: u32) -> (bool, Duration) {
        let (mut patience, begun) = (Patience::new(), tokio::time::Instant::now());
        for _ in 0..failures {
            if patience.bear(kind.clone().of(Service::Elasticsearch)).await.is_err() {
                return (false, begun.elapsed());
            }
        }
        (true, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_service_is_asked_again_a_few_times_and_a_refusal_is_final() {
        let throttled = |retry_after| RemoteErrorKind::Throttled { retry_after };
        assert_eq!(answered(throttled(None), 2).await, (true, Duration::from_secs(3)));
        let named = Some(Duration::from_secs(30));
        assert_eq!(answered(throttled(named), 1).await, (true, Duration::from_secs(30)));
        assert_eq!(answered(throttled(None), TRIES - 1).await, (true, Duration::from_secs(31)));
        assert_eq!(answered(throttled(None), TRIES).await, (false, Duration::from_secs(31)));
        let forbidden = RemoteErrorKind::Forbidden { code: "x".to_owned() };
        assert_eq!(answered(forbidden, 1).await, (false, Duration::ZERO));
    }
}
