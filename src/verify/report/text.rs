//! The report as one page of text.

use std::fmt::Write as _;

use super::{NOT_NAMED, Report, ReportHour};
use crate::{units::counted, verify::difference::Class};

/// Differences that the page lists; the JSON has all.
const LISTED_MAX: usize = 50;
/// Hours that the page lists: those that differ.
const HOURS_MAX: usize = 24;

/// The page.
pub(super) fn text(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(report, &mut page);
    page
}

fn write(report: &Report, out: &mut String) -> std::fmt::Result {
    let Report { source, destination, totals, clock, .. } = report;
    writeln!(out, "verdict        {}", report.verdict)?;
    for why in &report.why {
        writeln!(out, "  {why}")?;
    }
    writeln!(out, "window         {} to {} (UTC, end excluded)", report.from, report.to)?;
    writeln!(out, "run            {} by ccfd {}, for {}", report.run, report.version, report.operator)?;
    writeln!(
        out,
        "collector      {} ({}), configuration {}",
        report.collector, report.list, report.configuration
    )?;
    let named = |name: &str| if name.is_empty() { NOT_NAMED.to_owned() } else { name.to_owned() };
    writeln!(
        out,
        "source         {}, organization {}, project {}",
        source.base_url,
        named(&source.organization),
        named(&source.project)
    )?;
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    writeln!(
        out,
        "  read         {} to {}, {} requests, x-request-id {} to {}",
        or_dash(&source.read_from),
        or_dash(&source.read_to),
        source.requests,
        or_dash(&source.first_request_id),
        or_dash(&source.last_request_id)
    )?;
    writeln!(
        out,
        "sink           {} ({}), table {}: {}",
        report.sink, destination.identity, destination.table, destination.compares
    )?;
    writeln!(out, "  read         {} to {}", or_dash(&destination.read_from), or_dash(&destination.read_to))?;
    let difference =
        clock.server_difference_seconds.map_or("unknown".to_owned(), |seconds| format!("{seconds:+} s"));
    writeln!(
        out,
        "clock          {} here, the server's differs by {difference}; delivered before {}",
        clock.local,
        or_dash(&clock.delivered_before)
    )?;
    writeln!(out, "rows           {} at the source, {} in the sink", totals.source_rows, totals.sink_rows)?;
    writeln!(
        out,
        "differences    {} unexplained, {} explained, in {} of {} hours",
        totals.unexplained,
        totals.explained,
        totals.hours_differing,
        report.hours.len()
    )?;
    for class in Class::ALL {
        if report.of_class(class) > 0 {
            writeln!(out, "  {:<12} {}", class.words(), report.of_class(class))?;
        }
    }
    if totals.unreadable_seconds > 0 {
        let seconds = counted(totals.unreadable_seconds, "second");
        writeln!(out, "  {:<12} {seconds} that the source may not have shown whole", "unreadable")?;
    }
    if let Some(repair) = &report.repair {
        writeln!(
            out,
            "repair         {} missing, {} delivered, {} rejected{}",
            repair.missing,
            repair.delivered,
            repair.rejected,
            repair.failed.as_ref().map_or(String::new(), |why| format!("; ended early: {why}"))
        )?;
    }
    hours(report, out)?;
    differences(report, out)?;
    writeln!(out, "\nalgorithm      {}", report.algorithm)?;
    for statement in &report.statements {
        writeln!(out, "\n{}: {}\n{}", statement.language, statement.about, statement.text)?;
    }
    writeln!(out, "\nlimits")?;
    for limit in &report.limits {
        writeln!(out, "- {limit}")?;
    }
    writeln!(out, "\nreport before  {}", or_dash(&report.before))?;
    writeln!(out, "this report    {} (jq -cSj 'del(.sha256)' REPORT.json | sha256sum)", report.sha256)
}

fn hours(report: &Report, out: &mut String) -> std::fmt::Result {
    let differing: Vec<&ReportHour> = report.hours.iter().filter(|hour| !hour.agrees).collect();
    if differing.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nhours that differ        rows    ids  id digest         record digest")?;
    for hour in differing.iter().take(HOURS_MAX) {
        for (side, digest) in [("source", &hour.source), ("sink", &hour.sink)] {
            let name = if side == "source" { hour.hour.as_str() } else { "" };
            let record = digest.record_digest.as_deref().unwrap_or("-");
            let (rows, ids, id) = (digest.rows, digest.ids, &digest.id_digest);
            writeln!(out, "{name:<21} {side:<6} {rows:>6} {ids:>6}  {id} {record}")?;
        }
    }
    left_out(out, differing.len(), HOURS_MAX)
}

fn differences(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.differences.is_empty() {
        return Ok(());
    }
    writeln!(out, "\ndifferences")?;
    for one in report.differences.iter().take(LISTED_MAX) {
        let explained = if one.explained { " (explained)" } else { "" };
        writeln!(out, "{} {} {}{explained}: {}", one.time, one.id, one.class.words(), one.reason)?;
    }
    left_out(out, report.differences.len(), LISTED_MAX)
}

fn left_out(out: &mut String, count: usize, listed: usize) -> std::fmt::Result {
    match count.checked_sub(listed) {
        Some(more @ 1..) => writeln!(out, "and {more} more, in the JSON"),
        Some(0) | None => Ok(()),
    }
}
