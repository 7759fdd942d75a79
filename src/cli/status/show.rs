//! The report as text.

use super::{RouteLine, StatusReport};
use crate::{
    cli::{
        disk_usage::{Destination, DiskUsage},
        text::{
            Align::{Left, Right},
            grouped, size, span, table, tame, wrap,
        },
    },
    pipeline::progress::RouteStatus,
    tables::format_utc,
};

pub(super) fn text(report: &StatusReport) -> String {
    let mut text = who(report) + "\n\n";
    text += &table(&[Left, Left, Left, Left, Right, Right, Right, Right], &route_rows(report));
    for line in &report.routes {
        text += &trouble(line);
    }
    for line in &report.backfills {
        let left = match line.remaining_seconds {
            0 => "finished".to_owned(),
            seconds => format!("{} of its window left", span(seconds)),
        };
        let records = grouped(line.delivered);
        let (route, window) = line.name.split_once("/backfill/").unwrap_or((&line.name, ""));
        text += &format!("\nbackfill {route} {window}: {left}, {records} records\n");
    }
    text.push('\n');
    text += &table(&[Left, Left, Left, Right, Left], &place_rows(report));
    text
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
        or_dash(status.watermark.map(|watermark| format!("{} ago", span(now - watermark)))),
        grouped(status.dedup_ids as u64),
    ]
}

/// What an operator should know of a route besides its numbers.
fn trouble(line: &RouteLine) -> String {
    let (status, mut text) = (&line.status, String::new());
    let mut say = |what: &str| text += &format!("\n{}", wrap("", &format!("{}: {what}", status.route)));
    if !line.configured {
        say("no longer configured; `ccfd reset-state` removes it");
    }
    if status.sweep_late {
        say("sweeps take longer than sweep_interval: late records arrive later");
    }
    if status.rejected > 0 {
        let count = grouped(status.rejected);
        say(&format!("{count} records of this run are in the rejects"));
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
        text += &wrap("    ", &tame(&error.advice));
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
