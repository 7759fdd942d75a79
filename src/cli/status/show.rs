//! The report as text.

use collectors::CrowdProgress;

use super::{RouteLine, StatusReport};
use crate::{
    cli::{
        disk_usage::{Destination, DiskUsage},
        text::{
            Align::{Left, Right},
            counted, cut_begin, cut_end, fitted, grouped, size, span, table, tame, wrap_to,
        },
    },
    config::{ACTION_ROUTES, CASE_ROUTES, RUN_ROUTES},
    pipeline::progress::RouteStatus,
    tables::format_utc,
};

/// Before what belongs to the line above.
const INDENT: &str = "    ";

/// Columns of routes that a narrow terminal does without, the least important first.
const LEAST: [usize; 5] = [7, 1, 6, 3, 5];

/// Within `width`, if no single word is wider.
pub(super) fn text(report: &StatusReport, width: usize) -> String {
    let mut text = wrap_to(width, "", &who(report)) + "\n";
    let aligns = [Left, Left, Left, Left, Right, Right, Right, Right];
    text += &fitted(&aligns, &LEAST, &route_rows(report), width);
    for line in &report.routes {
        text += &trouble(line, report.now, width);
    }
    for line in &report.backfills {
        let left = match line.remaining_seconds {
            None => "starting".to_owned(),
            Some(0) => "finished".to_owned(),
            Some(seconds) => format!("{} of its window left", span(seconds)),
        };
        let records = counted(line.delivered, "record");
        let (route, window) = line.name.split_once("/backfill/").unwrap_or((&line.name, ""));
        text +=
            &format!("\n{}", wrap_to(width, "", &format!("backfill {route} {window}: {left}, {records}")));
    }
    for (action, left) in &report.actions_left {
        let left = counted(*left, "action");
        let said = format!(
            "action {}: no longer configured, with {left} that wait or failed; see `ccfd alerts actions list`",
            tame(action)
        );
        text += &format!("\n{}", wrap_to(width, "", &said));
    }
    text.push('\n');
    text + &places(&place_rows(report), width)
}

/// A line a place, or, where the paths are too long for that, a line for each path.
fn places(rows: &[Vec<String>], width: usize) -> String {
    let whole = table(&[Left, Left, Left, Right, Left], rows);
    if whole.lines().all(|line| line.chars().count() <= width) {
        return whole;
    }
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let heads: Vec<Vec<String>> =
        rows.iter().map(|row| [0, 1, 3, 4].map(|column| cell(row, column)).to_vec()).collect();
    let heads = table(&[Left, Left, Right, Left], &heads);
    let paths = rows.iter().map(|row| cut_begin(&cell(row, 2), width.saturating_sub(INDENT.len())));
    heads
        .lines()
        .zip(paths)
        .map(|(head, path)| format!("{}\n{INDENT}{path}\n", cut_end(head, width)))
        .collect()
}

fn who(report: &StatusReport) -> String {
    let wrote = report.daemon.as_ref().map(|daemon| {
        let ago = span(report.now - daemon.written);
        (daemon, format!("{} ({ago} ago)", format_utc(daemon.written)))
    });
    match (wrote, &report.held_by) {
        (Some((daemon, wrote)), _) if daemon.running => {
            format!("running as process {}, status of {wrote}", daemon.pid)
        }
        (Some((_, wrote)), Some(holder)) => {
            format!("in use by {holder}; status of {wrote}")
        }
        (None, Some(holder)) => format!("in use by {holder}; no status yet"),
        (Some((_, wrote)), None) => format!("no daemon is running; last status of {wrote}"),
        (None, None) => "no daemon is running, and none has written a status yet".to_owned(),
    }
}

/// The columns of a route.
pub const ROUTE_HEADS: [&str; 8] =
    ["ROUTE", "SOURCE", "STATE", "LAST RECORD", "LAG", "DELIVERED", "WATERMARK", "DEDUP IDS"];

fn route_rows(report: &StatusReport) -> Vec<Vec<String>> {
    let mut rows = vec![ROUTE_HEADS.map(str::to_owned).to_vec()];
    rows.extend(report.routes.iter().map(|line| route_row(line, report.now)));
    rows
}

fn route_row(line: &RouteLine, now: i64) -> Vec<String> {
    let mut cells = route_cells(&line.status, line.lag_seconds, now);
    if line.never_run {
        cells[2] = "never run".to_owned();
    }
    cells.into()
}

/// The cells of a route, below `ROUTE_HEADS`.
pub fn route_cells(status: &RouteStatus, lag_seconds: Option<i64>, now: i64) -> [String; 8] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        status.route.clone(),
        status.source.clone(),
        status.state.to_string(),
        or_dash(status.last_record.map(format_utc)),
        or_dash(lag_seconds.map(span)),
        grouped(status.delivered),
        or_dash(
            status
                .watermark
                .filter(|watermark| *watermark > 0)
                .map(|watermark| format!("{} ago", span(now - watermark))),
        ),
        grouped(status.dedup_ids as u64),
    ]
}

/// What an operator should know of a route besides its numbers.
fn trouble(line: &RouteLine, now: i64, width: usize) -> String {
    let (status, mut text) = (&line.status, String::new());
    let mut say =
        |what: &str| text += &format!("\n{}", wrap_to(width, "", &format!("{}: {what}", status.route)));
    if !line.configured {
        say("no longer configured; `ccfd reset-state` removes it");
    }
    if let Some(CrowdProgress { second, found, .. }) = status.crowded {
        let (second, found) = (format_utc(second), grouped(found));
        say(&format!("reading a crowded second: {found} so far, all of {second}"));
    }
    if let Some(verified) = &status.verified {
        say(&tame(&verified.text()));
    }
    if status.sweep_late {
        say("sweeps take longer than sweep_interval: late records arrive later");
    }
    let waiting = status.waiting;
    let rejected = if status.source == CASE_ROUTES { status.refused } else { status.rejected };
    let (waits, how, what, list) = match status.source.as_str() {
        ACTION_ROUTES => (
            format!("{} to be done", counted(waiting, "action")),
            "failed in this run",
            counted(rejected, "action"),
            "ccfd alerts actions list",
        ),
        CASE_ROUTES => (
            cases_to_send(waiting, status.waiting_last.as_deref()),
            "refused",
            refused_cases(rejected, status.refused_last.as_deref()),
            "ccfd cases show CASE",
        ),
        source => (
            format!("{} to deliver", counted(waiting, if source == RUN_ROUTES { "run" } else { "alert" })),
            "rejected in this run",
            counted(rejected, "record"),
            "ccfd rejects list",
        ),
    };
    if waiting > 0 {
        say(&waits);
    }
    if let Some(wait) = status.wait.as_ref().filter(|wait| wait.until > now) {
        let (until, reason) = (format_utc(wait.until), tame(&wait.reason));
        say(&format!("its connector waits until {until}: {reason}"));
    }
    if rejected > 0 {
        say(&format!("{how}: {what}; see `{list}`"));
    }
    if !status.messages_missing.is_empty() {
        let reasons = status.messages_missing.iter();
        let reasons: Vec<String> =
            reasons.map(|(reason, completions)| format!("{} {reason}", grouped(*completions))).collect();
        say(&format!(
            "completions of this run were delivered without their messages: {}",
            reasons.join(", ")
        ));
    }
    if let Some(error) = &status.error {
        say(&format!("{} (since {})", tame(&error.text), format_utc(error.at)));
        text += &wrap_to(width, INDENT, &tame(&error.advice));
    }
    text
}

fn place_rows(report: &StatusReport) -> Vec<Vec<String>> {
    let row = |what: &str, name: &str, place: &DiskUsage, more: String| {
        let free = place.free_bytes.map_or(String::new(), |free| format!("{} free", size(free)));
        vec![
            what.to_owned(),
            name.to_owned(),
            place.path.display().to_string(),
            size(place.bytes),
            free + &more,
        ]
    };
    let rejects = match report.rejects_bytes {
        0 => String::new(),
        bytes => format!(", {} of it rejects", size(bytes)),
    };
    let mut rows = vec![row("state", "", &report.state, rejects)];
    for sink in &report.sinks {
        let elsewhere = |to: String| vec!["sink".to_owned(), sink.name.clone(), to];
        rows.push(match &sink.destination {
            Destination::Disk(place) => row("sink", &sink.name, place, String::new()),
            Destination::StandardOutput => elsewhere("standard output".to_owned()),
            Destination::Service(addresses) => elsewhere(tame(&addresses.join(", "))),
        });
    }
    rows
}

/// How many cases wait, and why the one that failed last.
fn cases_to_send(count: u64, last: Option<&str>) -> String {
    let count = format!("{} to send", counted(count, "case"));
    last.map_or_else(|| count.clone(), |last| format!("{count}, tried again: {}", tame(last)))
}

/// How many cases Kibana refuses, and why the last one.
fn refused_cases(count: u64, last: Option<&str>) -> String {
    let count = counted(count, "case");
    last.map_or_else(|| count.clone(), |last| format!("{count}, the last {}", tame(last)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        cli::status::{BackfillLine, DaemonStatus, SinkLine},
        pipeline::progress::{RouteState, RouteStatus, ShownError},
    };

    const NOW: i64 = 1_767_225_600;

    fn route(collector: &str, source: &str) -> RouteLine {
        let error = ShownError {
            at: NOW - 60,
            text: "environment variable OPENAI_ADMIN_KEY is not set".to_owned(),
            advice: "a long advice of many words ".repeat(8),
            ..ShownError::default()
        };
        let status = RouteStatus {
            route: format!("{collector}/sentinel-production"),
            source: source.to_owned(),
            state: RouteState::CatchingUp,
            last_record: Some(NOW - 1_814_400),
            watermark: Some(NOW - 1_814_400),
            delivered: 12_345_678,
            dedup_ids: 123_456,
            crowded: Some(CrowdProgress { second: NOW - 900, found: 981, reads: 120 }),
            error: Some(error),
            ..RouteStatus::default()
        };
        RouteLine { status, lag_seconds: Some(1_814_400), never_run: false, configured: true }
    }

    fn report() -> StatusReport {
        let place = DiskUsage {
            path: PathBuf::from("/var/lib/").join("long/".repeat(20)),
            bytes: 1 << 30,
            free_bytes: Some(1 << 33),
        };
        StatusReport {
            now: NOW,
            daemon: Some(DaemonStatus { pid: 4_194_304, written: NOW - 3, running: true }),
            held_by: None,
            routes: vec![route("acme-audit", "audit_logs"), route("acme-chat", "chat_completions")],
            backfills: vec![BackfillLine {
                name: "acme-audit/sentinel-production/backfill/2026-01-01T00:00:00Z..2026-02-01T00:00:00Z"
                    .to_owned(),
                delivered: 1,
                remaining_seconds: Some(1_814_400),
            }],
            state: place.clone(),
            rejects_bytes: 1 << 20,
            sinks: vec![SinkLine {
                name: "sentinel-production".to_owned(),
                type_name: "sqlite",
                destination: Destination::Disk(place),
            }],
            actions_left: [("pager".to_owned(), 12)].into(),
        }
    }

    #[test]
    fn status_fits_a_terminal_and_loses_the_least_important_columns_first() {
        let heads = |width| {
            let text = text(&report(), width);
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= width, "{width}: {widest}\n{text}");
            let heads = text.lines().find(|line| line.starts_with("ROUTE")).expect("a table").to_owned();
            assert!(text.contains("reading a crowded second: 981 so far"), "{text}");
            ["SOURCE", "STATE", "LAST RECORD", "LAG", "DELIVERED", "WATERMARK", "DEDUP IDS"]
                .map(|head| heads.contains(head))
        };
        assert_eq!(heads(140), [true; 7]);
        assert_eq!(heads(100), [false, true, true, true, true, true, false]);
        assert_eq!(heads(80), [false, true, false, true, true, false, false]);
    }
}
