//! Runs that were in flight when an earlier process ended.

use std::{sync::Arc, time::Duration};

use crate::{connectors::Registry, pipeline::shutdown::Shutdown, reasons::with_reasons};

/// The time between two looks: those of commands are old enough one after the other.
const LOOK_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The same after a failure.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Records them, now and then until the end.
pub async fn record_left_runs(connectors: Arc<Registry>, mut end: Shutdown) {
    loop {
        let wait = match connectors.end_left_runs().await {
            Ok(()) => LOOK_INTERVAL,
            Err(error) => {
                tracing::warn!(
                    error = with_reasons(&error),
                    "runs that were in flight cannot be recorded yet"
                );
                RETRY_INTERVAL
            }
        };
        if end.or_sleep(wait).await {
            return;
        }
    }
}
