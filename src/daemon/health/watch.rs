//! Watches the routes, and decides which rows are due.

use std::{collections::BTreeMap, time::Duration};

use collectors::{IdHash, Record};

use super::{
    row::{Counted, Row},
    status::{PATIENCE, Status},
};
use crate::pipeline::{
    progress::{Measured, Progress},
    route_registry::RouteRegistry,
    verified::LastVerification,
};

/// The routes that follow a list; backfills have no rows.
pub(super) struct HealthWatch {
    /// The second at which it began.
    begun: i64,
    /// Distinguishes the rows of this process from those of others.
    process: String,
    rows: u64,
    known: BTreeMap<String, KnownRoute>,
}

/// What is known of a route.
struct KnownRoute {
    /// At the last look.
    status: Option<Status>,
    /// The run of its last verification, as last seen.
    verified: Option<String>,
    /// Up to when its rows say what was counted, and that.
    counted_to: i64,
    counted: Counted,
}

impl HealthWatch {
    /// Knows no routes. Counts from before `now` belong to their first rows.
    pub(super) fn new(now: i64) -> Self {
        let process = format!("{} {:?}", std::process::id(), std::time::SystemTime::now());
        Self { begun: now, process, rows: 0, known: BTreeMap::new() }
    }

    /// How many routes there are.
    pub(super) fn routes(&self) -> usize {
        self.known.len()
    }

    /// The rows that are due: of routes whose status has changed, and of those without a row since the
    /// interval began.
    pub(super) fn look(&mut self, registry: &RouteRegistry, now: i64, interval: Duration) -> Vec<Record> {
        let (routes, begun) = (following(registry), self.begun);
        self.known.retain(|name, _| routes.iter().any(|route| route.status.route == *name));
        let mut rows = Vec::new();
        for route in routes {
            let Some(status) = Status::of(&route, now, PATIENCE) else { continue };
            let known = self.known(&route);
            let is_new = known.status.replace(status) != Some(status);
            // One of an earlier process has had its row.
            let verified = route.status.verified.clone().filter(|verified| verified.at >= begun);
            let run = verified.as_ref().map(|verified| verified.run.clone());
            let is_verified = run.is_some() && known.verified != run;
            known.verified = run;
            if is_new || number(known.counted_to, interval) != number(now, interval) {
                rows.extend(self.row(&route, status, now));
            }
            if let Some(verified) = verified.filter(|_| is_verified) {
                rows.extend(self.verified_row(&route, &verified, now));
            }
        }
        rows
    }

    /// The last row of each route. For routes that were stopped it has the status from before; where they
    /// ended by themselves, a failure at the end counts as one.
    pub(super) fn last(&mut self, registry: &RouteRegistry, now: i64, stopped: bool) -> Vec<Record> {
        let mut rows = Vec::new();
        for route in following(registry) {
            let before = self.known(&route).status.filter(|_| stopped);
            let patience = if stopped { PATIENCE } else { 0 };
            if let Some(status) = before.or_else(|| Status::of(&route, now, patience)) {
                rows.extend(self.row(&route, status, now));
            }
        }
        rows
    }

    fn known(&mut self, route: &Measured) -> &mut KnownRoute {
        let nothing =
            KnownRoute { status: None, verified: None, counted_to: self.begun, counted: Counted::default() };
        self.known.entry(route.status.route.clone()).or_insert(nothing)
    }

    fn next_id(&mut self, route: &Measured) -> String {
        self.rows += 1;
        let id = IdHash::of(&format!("{} {} {}", self.process, route.status.route, self.rows));
        format!("{:032x}", u128::from_be_bytes(id.0))
    }

    /// The row of a verification, which counts nothing.
    fn verified_row(&mut self, route: &Measured, verified: &LastVerification, now: i64) -> Option<Record> {
        let row = Row {
            id: self.next_id(route),
            from: now,
            at: now,
            status: Status::of_verdict(verified),
            route: &route.status,
            counted: Counted::default(),
            verified: Some(verified),
        };
        row.record().inspect_err(|error| tracing::error!(%error, "health row not created")).ok()
    }

    fn row(&mut self, route: &Measured, status: Status, now: i64) -> Option<Record> {
        let id = self.next_id(route);
        let known = self.known(route);
        let counted = Counted::of(&route.counters);
        let row = Row {
            id,
            from: known.counted_to,
            at: now,
            status,
            route: &route.status,
            counted: counted.after(&known.counted),
            verified: None,
        };
        (known.counted_to, known.counted) = (now, counted);
        row.record().inspect_err(|error| tracing::error!(%error, "health row not created")).ok()
    }
}

/// The routes without the backfills.
fn following(registry: &RouteRegistry) -> Vec<Measured> {
    let measured = registry.routes().into_iter().map(|route: Progress| route.measured());
    measured.filter(|route| !route.status.is_backfill()).collect()
}

/// The number of the interval since 1970, so that hourly rows begin at the full hour.
fn number(second: i64, interval: Duration) -> i64 {
    second.div_euclid(seconds(interval))
}

/// Time until the next interval begins.
pub(super) fn until_next(now: i64, interval: Duration) -> Duration {
    let interval = seconds(interval);
    Duration::from_secs((interval - now.rem_euclid(interval)).unsigned_abs())
}

fn seconds(interval: Duration) -> i64 {
    i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1)
}
