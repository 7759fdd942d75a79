//! A limit for readings and repairs: a route repeats what fails without end, and others wait for a verification.

use std::{pin::pin, time::Duration};

use tokio::time::Instant;

use crate::pipeline::progress::Progress;

/// How long there may be only failures. Longer than most outages, and far shorter than a day, after which the next
/// scheduled one is due.
const FAILING_MAX: Duration = Duration::from_secs(3600);
/// How often the progress is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Does the work, unless it only fails for too long: then the last failure.
pub(super) async fn unless_stuck<T>(progress: &Progress, work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    let mut failing_since = None;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            _ = looks.tick() => {}
        }
        failing_since = match progress.status().error {
            None => None,
            Some(error) => {
                let since = failing_since.unwrap_or_else(Instant::now);
                if since.elapsed() >= FAILING_MAX {
                    let limit = humantime::format_duration(FAILING_MAX);
                    return Err(format!("given up after {limit} without success: {}", error.text));
                }
                Some(since)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{
        progress::{RouteState, ShownError},
        route_registry::RouteRegistry,
        stage::Stage,
    };

    fn failed(progress: &Progress) {
        let error = ShownError {
            at: 0,
            since: 0,
            reason: "unreachable".to_owned(),
            text: "no response".to_owned(),
            advice: String::new(),
        };
        progress.failed(Stage::Reading, RouteState::BackingOff, error, String::new());
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_fails_is_given_up_and_what_recovers_is_not() {
        let progress = RouteRegistry::default().put(crate::pipeline::progress::RouteStatus::default());
        let begun = Instant::now();
        failed(&progress);
        let given_up = unless_stuck(&progress, std::future::pending::<()>()).await;
        assert!(given_up.as_ref().is_err_and(|why| why.contains("no response")), "{given_up:?}");
        assert!((FAILING_MAX..FAILING_MAX + 2 * LOOK_INTERVAL).contains(&begun.elapsed()));
        let recovering = async {
            for _ in 0..10 {
                failed(&progress);
                tokio::time::sleep(FAILING_MAX / 2).await;
                progress.mended(Stage::Reading);
                tokio::time::sleep(2 * LOOK_INTERVAL).await;
            }
        };
        assert_eq!(unless_stuck(&progress, recovering).await, Ok(()));
    }
}
