//! Messages to systemd by `sd_notify`: ready, stopping, one line about the routes, and that the runtime is
//! alive. Without `$NOTIFY_SOCKET` nothing is sent.

use std::{collections::BTreeMap, time::Duration};

use sd_notify::NotifyState;

use crate::pipeline::{
    progress::{Progress, RouteState},
    route_registry::RouteRegistry,
    shutdown::Shutdown,
    status_file::STATUS_INTERVAL,
};

/// A watchdog with a limit below twice this cannot be served.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// The routes are started: units that wait for the service may start.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Shutdown has begun.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Notifies the watchdog and updates the line until shutdown. It must run on the thread that runs the routes:
/// if that thread hangs, systemd gets no more messages and restarts the service.
pub async fn keep(registry: RouteRegistry, mut stop: Shutdown) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let watchdog = sd_notify::watchdog_enabled();
    let interval = watchdog.map_or(STATUS_INTERVAL, interval);
    let mut sent = String::new();
    loop {
        let line = line(registry.routes().iter().map(Progress::state));
        let mut news = Vec::new();
        if watchdog.is_some() {
            news.push(NotifyState::Watchdog);
        }
        if line != sent {
            news.push(NotifyState::Status(&line));
        }
        if !news.is_empty() {
            notify(&news);
        }
        sent = line;
        if stop.or_sleep(interval).await {
            return;
        }
    }
}

/// Half of the watchdog's limit, as systemd advises, and no longer than the line may be out of date.
fn interval(limit: Duration) -> Duration {
    (limit / 2).clamp(INTERVAL_MIN, STATUS_INTERVAL)
}

/// Counts instead of names: systemd accepts at most 4,096 bytes, and there may be many routes.
fn line(routes: impl Iterator<Item = RouteState>) -> String {
    let mut counts = BTreeMap::<String, usize>::new();
    for state in routes {
        *counts.entry(state.to_string()).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let noun = if total == 1 { "route" } else { "routes" };
    let counts: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    format!("{total} {noun}: {}", counts.join(", "))
}

fn notify(news: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        tracing::debug!(%error, "service manager cannot be notified");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_routes_by_what_they_do() {
        assert_eq!(line([RouteState::Live].into_iter()), "1 route: 1 live");
        let states = [RouteState::Live, RouteState::Parked, RouteState::CatchingUp, RouteState::Live];
        assert_eq!(line(states.into_iter()), "4 routes: 1 catching up, 2 live, 1 parked");
    }

    #[test]
    fn the_watchdog_is_fed_twice_within_its_limit_and_never_without_a_pause() {
        assert_eq!(interval(Duration::from_secs(3)), Duration::from_millis(1500));
        assert_eq!(interval(Duration::from_secs(600)), STATUS_INTERVAL);
        assert_eq!(interval(Duration::ZERO), INTERVAL_MIN);
    }
}
