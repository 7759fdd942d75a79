//! `[verify] every`: each route over the UTC day before yesterday.

use std::collections::HashMap;

use super::VerifyWanted;
use crate::{
    daemon::{backfill::Moment, supervisor::Supervisor},
    pipeline::progress::RouteState,
    tables::format_utc,
};

const DAY: i64 = 86_400;

/// When each route was last verified by the schedule: the interval, as the second at which it began.
pub type Scheduled = HashMap<String, i64>;

impl Supervisor {
    /// Starts the verifications that are due. A route that is not live yet, or paused, is due until it is.
    pub(crate) fn verify_on_schedule(&mut self) {
        let Some(every) = self.assembly.config.verify.every else { return };
        let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX).max(1);
        let now = self.assembly.clock.now();
        let (interval, window) = due(now, every);
        for route in self.assembly.wanted(false, false) {
            let name = &route.checkpoint;
            let is_live =
                self.assembly.registry.get(name).is_some_and(|shown| shown.state() == RouteState::Live);
            let is_known = self.scheduled.get(name).is_some_and(|known| *known >= interval);
            let sink = self.assembly.config.sinks.get(&route.sink);
            let is_comparable = sink.is_some_and(|sink| self.assembly.comparable(sink).is_ok());
            if is_known || !is_live || !is_comparable || self.pauses.since(&route.collector).is_some() {
                continue;
            }
            let [from, to] = window.map(|second| Moment { text: format_utc(second), second });
            // Also by a process before this one, or by a person.
            let is_done = self.assembly.verified(name).is_some_and(|last| {
                last.at >= interval && (last.from.as_str(), last.to.as_str()) == (&from.text, &to.text)
            });
            let name = name.clone();
            if !is_done {
                let wanted = VerifyWanted {
                    collector: route.collector,
                    sink: route.sink,
                    from,
                    to,
                    repair: false,
                    operator: "the schedule".to_owned(),
                };
                let begun = self.verifications.begin(self.assembly.clone(), self.store.clone(), wanted);
                if begun.is_err() {
                    // Too many wait; the next look continues here.
                    return;
                }
            }
            self.scheduled.insert(name, interval);
        }
    }
}

/// The beginning of the current interval, and the day before yesterday.
fn due(now: i64, every: i64) -> (i64, [i64; 2]) {
    let today = now.div_euclid(DAY) * DAY;
    (now.div_euclid(every) * every, [today - 2 * DAY, today - DAY])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_the_utc_day_before_yesterday_whatever_the_interval() {
        // 2026-02-13T10:52:05Z
        let now = 1_770_979_925;
        let day = ["2026-02-11T00:00:00Z", "2026-02-12T00:00:00Z"].map(str::to_owned);
        for (every, begun) in [(DAY, "2026-02-13T00:00:00Z"), (3600, "2026-02-13T10:00:00Z")] {
            let (interval, window) = due(now, every);
            assert_eq!((format_utc(interval).as_str(), window.map(format_utc)), (begun, day.clone()));
        }
    }
}
