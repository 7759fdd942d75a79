//! When a waiting reader polls: at a tick of the process, so that many collectors share a wake-up.

use std::{sync::OnceLock, time::Duration};

use tokio::time::Instant;

/// The time between two ticks. Ten thousand collectors that poll every minute send about eight requests a tick, fewer than a
/// client keeps connections.
const TICK: Duration = Duration::from_millis(50);

/// Shorter waits are not rounded: a tick would be a noticeable part of them.
const ROUNDED_FROM: Duration = Duration::from_secs(5);

/// How long to wait for a poll that is due at this time: until the first tick from then on.
pub fn wait_until(due: Instant) -> Duration {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    wait_from(*ORIGIN.get_or_init(|| now), now, due)
}

fn wait_from(origin: Instant, now: Instant, due: Instant) -> Duration {
    let wait = due.saturating_duration_since(now);
    if wait < ROUNDED_FROM {
        return wait;
    }
    let since_tick = due.saturating_duration_since(origin).as_nanos() % TICK.as_nanos();
    match u64::try_from(since_tick) {
        Ok(0) | Err(_) => wait,
        Ok(past) => wait + TICK.saturating_sub(Duration::from_nanos(past)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn polls_that_are_due_at_about_the_same_time_wake_the_process_once() {
        let origin = Instant::now();
        let now = origin + millis(1_017);
        let polled = |due| (now + wait_from(origin, now, origin + millis(due))) - origin;
        let ticks = [61_001, 61_017, 61_049, 61_050].map(polled);
        assert_eq!(ticks, [millis(61_050); 4]);
        assert_eq!(polled(61_051), millis(61_100));
    }

    #[test]
    fn a_short_wait_and_one_that_is_over_are_as_asked() {
        let origin = Instant::now();
        let now = origin + millis(1_017);
        assert_eq!(wait_from(origin, now, now + millis(203)), millis(203));
        assert_eq!(wait_from(origin, now, origin), Duration::ZERO);
    }
}
