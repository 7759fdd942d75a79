//! One frame: a line about the process, a table of the routes.

use std::collections::HashMap;

use super::{Sample, process::DaemonProcess};
use crate::{
    cli::{
        status::{ROUTE_HEADS, route_cells},
        text::{
            Align::{Left, Right},
            counted, fitted, grouped, size, span, tame, wrap_to,
        },
    },
    pipeline::{
        progress::{RouteState, RouteStatus},
        status_file::StatusFile,
    },
};

/// Two samples, whose difference shows the rates.
pub struct Frame<'a> {
    /// The earlier one.
    pub before: &'a Sample,
    /// The later one; the same if there is only one.
    pub now: &'a Sample,
    /// The process.
    pub process: DaemonProcess,
}

/// The columns of `ccfd status`, and behind the state what changes quickly.
const HEADS: [&str; 11] = [
    ROUTE_HEADS[0],
    ROUTE_HEADS[1],
    ROUTE_HEADS[2],
    "RECORDS/S",
    "REQUESTS/S",
    ROUTE_HEADS[4],
    ROUTE_HEADS[5],
    ROUTE_HEADS[3],
    ROUTE_HEADS[6],
    ROUTE_HEADS[7],
    "REASON",
];

/// Columns that a narrow terminal does without, the least important first.
const LEAST: [usize; 8] = [9, 1, 8, 7, 4, 6, 10, 3];

/// What a route did a second, between the samples.
#[derive(Debug, Clone, Copy)]
struct RouteRates {
    records: f64,
    requests: f64,
}

impl Frame<'_> {
    /// The text, within `width` if no single word is wider.
    pub fn text(&self, width: usize) -> String {
        let status = &self.now.status;
        let mut routes: Vec<&RouteStatus> = all(status).collect();
        // Where not all fit, those are seen that need someone.
        routes.sort_by_key(|route| (route.state != RouteState::Parked, route.error.is_none()));
        let before: HashMap<&str, &RouteStatus> =
            all(&self.before.status).map(|route| (&*route.route, route)).collect();
        let rates: Vec<Option<RouteRates>> = routes.iter().map(|route| self.rates(route, &before)).collect();
        let mut rows = vec![HEADS.map(str::to_owned).to_vec()];
        rows.extend(routes.iter().zip(&rates).map(|(route, rates)| self.row(route, rates.as_ref())));
        let aligns = [Left, Left, Left, Right, Right, Right, Right, Left, Right, Right, Left];
        wrap_to(width, "", &self.head(&rates)) + "\n" + &fitted(&aligns, &LEAST, &rows, width)
    }

    fn head(&self, rates: &[Option<RouteRates>]) -> String {
        let mut parts = vec![format!("process {}", self.now.status.pid)];
        parts.extend(self.process.uptime_seconds.map(|seconds| format!("up {}", span(seconds))));
        parts.extend(self.process.memory_bytes.map(size));
        parts.push(counted(rates.len() as u64, "route"));
        if let Some(rates) = rates.iter().copied().collect::<Option<Vec<_>>>() {
            let sum = |rate: fn(&RouteRates) -> f64| shown(rates.iter().map(rate).sum());
            parts.push(format!("{} records/s", sum(|rates| rates.records)));
            parts.push(format!("{} requests/s", sum(|rates| rates.requests)));
        }
        parts.join(", ")
    }

    fn row(&self, route: &RouteStatus, rates: Option<&RouteRates>) -> Vec<String> {
        let now = self.now.status.written;
        let [name, source, state, last_record, lag, delivered, watermark, dedup_ids] =
            route_cells(route, route.lag_seconds(now), now);
        let rate =
            |rate: fn(&RouteRates) -> f64| rates.map_or_else(|| "-".to_owned(), |rates| shown(rate(rates)));
        let reason = route.error.as_ref().map_or_else(String::new, |error| tame(&error.reason));
        vec![
            name,
            source,
            state,
            rate(|rates| rates.records),
            rate(|rates| rates.requests),
            lag,
            delivered,
            last_record,
            watermark,
            dedup_ids,
            reason,
        ]
    }

    /// `None` with one sample only. Of a route that the earlier one lacks nothing is known, and a count that fell
    /// began again: neither counts.
    fn rates(&self, route: &RouteStatus, before: &HashMap<&str, &RouteStatus>) -> Option<RouteRates> {
        let seconds = (self.now.at - self.before.at).as_secs_f64();
        let before = before.get(&*route.route);
        let rate = |counter: fn(&RouteStatus) -> u64| {
            before.map_or(0, |before| counter(route).saturating_sub(counter(before))) as f64 / seconds
        };
        (seconds > 0.0).then(|| RouteRates {
            records: rate(|route| route.delivered),
            requests: rate(|route| route.requests),
        })
    }
}

fn all(status: &StatusFile) -> impl Iterator<Item = &RouteStatus> {
    status.routes.iter().chain(&status.backfills)
}

/// `0`, `0.4`, `12`, `1,234`: three digits are enough to look at.
fn shown(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        rate if rate < 9.95 => format!("{rate:.1}"),
        rate => grouped(rate.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::pipeline::progress::ShownError;

    const NOW: i64 = 1_770_979_925;

    fn route(name: &str, delivered: u64, requests: u64) -> RouteStatus {
        RouteStatus {
            route: name.to_owned(),
            source: "audit_logs".to_owned(),
            state: RouteState::Live,
            delivered,
            requests,
            last_read: Some(NOW - 3),
            ..RouteStatus::default()
        }
    }

    fn shown_error(reason: &str) -> ShownError {
        let [text, advice] = [String::new(), String::new()];
        ShownError { at: NOW, since: NOW, reason: reason.to_owned(), text, advice }
    }

    fn sample(at: Instant, routes: Vec<RouteStatus>) -> Sample {
        let status = StatusFile {
            version: 1,
            pid: 4321,
            written: NOW,
            routes,
            backfills: Vec::new(),
            unknown_fields: Default::default(),
        };
        Sample { at, status }
    }

    fn text(before: Vec<RouteStatus>, now: Vec<RouteStatus>, width: usize) -> String {
        let begun = Instant::now();
        let (before, now) = (sample(begun, before), sample(begun + Duration::from_secs(2), now));
        let process = DaemonProcess { uptime_seconds: Some(7_300), memory_bytes: Some(50 << 20) };
        Frame { before: &before, now: &now, process }.text(width)
    }

    #[test]
    fn rates_are_those_of_the_last_interval() {
        let before = vec![route("a/x", 1_000_000, 100), route("b/x", 500, 7)];
        let now = vec![route("a/x", 1_004_000, 105), route("b/x", 500, 8), route("c/x", 77_000, 9)];
        let text = text(before, now, 200);
        let head = "process 4321, up 2h, 50 MiB, 3 routes, 2,000 records/s, 3.0 requests/s\n";
        assert!(text.starts_with(head), "{text}");
        let line = |name: &str| -> Vec<&str> {
            text.lines().find(|line| line.starts_with(name)).expect("a line").split_whitespace().collect()
        };
        assert_eq!(line("a/x")[..7], ["a/x", "audit_logs", "live", "2,000", "2.5", "3s", "1,004,000"]);
        assert_eq!(line("b/x")[3..5], ["0", "0.5"]);
        assert_eq!(line("c/x")[3], "0", "what earlier runs delivered is no rate");
    }

    #[test]
    fn what_needs_someone_comes_first() {
        let failing = |name: &str, state| {
            let error = Some(shown_error("key"));
            RouteStatus { state, error, ..route(name, 1, 1) }
        };
        let routes = vec![
            route("a/x", 1, 1),
            failing("b/x", RouteState::BackingOff),
            failing("c/x", RouteState::Parked),
            route("d/x", 1, 1),
        ];
        let text = text(routes.clone(), routes, 200);
        let names: Vec<&str> = text.lines().skip(3).filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["c/x", "b/x", "a/x", "d/x"]);
    }

    #[test]
    fn one_sample_has_no_rates() {
        let now = sample(Instant::now(), vec![route("a/x", 10, 1)]);
        let text = Frame { before: &now, now: &now, process: DaemonProcess::default() }.text(200);
        assert!(text.starts_with("process 4321, 1 route\n"), "{text}");
        let cells: Vec<&str> = text.lines().last().expect("a line").split_whitespace().collect();
        assert_eq!(cells[..5], ["a/x", "audit_logs", "live", "-", "-"], "{text}");
    }

    #[test]
    fn a_narrow_terminal_keeps_what_matters_most() {
        let error = shown_error("api_key");
        let parked = RouteStatus {
            state: RouteState::Parked,
            error: Some(error),
            ..route("acme-audit/sentinel", 1, 1)
        };
        for width in [40, 60, 80, 100, 120, 200] {
            let text = text(vec![parked.clone()], vec![parked.clone()], width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}\n{text}");
            assert!(text.contains("parked") && text.contains("LAG"), "{width}\n{text}");
            assert_eq!(text.contains("api_key"), width >= 60, "{width}\n{text}");
        }
    }
}
