//! Work that a bug ends begins again after a while.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::pipeline::{policy::Failure, shutdown::Shutdown};

/// The time until it begins again.
const RESTART_DELAY: Duration = Duration::from_secs(30);

/// Works until the stop. Returns what keeps it from working. If this is dropped, the work ends, too.
pub(super) async fn restarted<F>(
    name: &'static str,
    mut stop: Shutdown,
    work: impl Fn(Shutdown) -> F,
) -> Vec<Failure>
where
    F: Future<Output = Vec<Failure>> + Send + 'static,
{
    loop {
        let mut running = JoinSet::new();
        running.spawn(work(stop.clone()));
        match running.join_next().await {
            Some(Ok(failures)) => return failures,
            Some(Err(error)) => {
                let again_in = RESTART_DELAY.as_secs();
                tracing::error!(
                    %error,
                    work = name,
                    again_in,
                    "stopped by a bug in ccfd, and begins again: please report this"
                );
            }
            None => return Vec::new(),
        }
        if stop.or_sleep(RESTART_DELAY).await {
            return Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use tokio::time::Instant;

    use super::*;
    use crate::pipeline::shutdown::shutdown;

    #[tokio::test(start_paused = true)]
    async fn a_bug_ends_the_work_for_a_while_only() {
        let (_ends, stop) = shutdown();
        let (times, begun) = (Arc::new(AtomicU32::new(0)), Instant::now());
        let work = |_| {
            let times = times.clone();
            async move {
                assert!(times.fetch_add(1, Ordering::Relaxed) > 0, "a bug");
                Vec::new()
            }
        };
        assert!(restarted("tests", stop, work).await.is_empty());
        assert_eq!((times.load(Ordering::Relaxed), begun.elapsed()), (2, RESTART_DELAY));
    }
}
