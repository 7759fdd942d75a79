//! `ccfd rules test`

use std::{collections::BTreeMap, time::Instant};

use clap::Args;
use collectors::Clock;
use serde::Serialize;

use super::{
    past::{PastSink, past_sink},
    rules,
};
use crate::{
    cli::{
        Context, UsageError,
        alerts::about,
        exit::Exit,
        text::{Align, counted, cut_end, fitted, grouped, print, print_json, tame, width},
        time::Time,
    },
    config::{Config, proposal},
    detect::rules::{RuleSet, UnusableRule},
    detect_db::{Alert, Trial},
    lists::LISTS,
};

/// Groups and alerts that are shown.
const SHOWN: usize = 10;
/// The widest group.
const GROUP_CHARS: usize = 60;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The rule, by its name
    #[arg(value_name = "RULE")]
    rule: String,
    /// How far to look back: 30d, or a time
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = Time::parse)]
    last: Time,
    /// The sink whose records are judged [default: one of type sqlite or ndjson]
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
    /// Print one JSON document, with every alert
    #[arg(long)]
    json: bool,
}

/// What a rule would have found.
#[derive(Debug, Serialize)]
struct TestReport {
    rule: String,
    sink: String,
    since: String,
    records: u64,
    matched: u64,
    seconds: f64,
    /// Alerts by the day of their last record.
    days: BTreeMap<String, u64>,
    /// Alerts by the values of their group; without one, by who acted.
    groups: BTreeMap<String, u64>,
    alerts: Vec<Alert>,
}

pub fn run(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let set = rules(config)?;
    let rule = set.named(&arguments.rule).ok_or_else(|| UsageError(unknown(&set, &arguments.rule)))?;
    let sink = past_sink(config, arguments.sink.as_deref())?;
    let since = arguments.last.second(Clock::system().now());
    let begun = Instant::now();
    let mut trial = Trial::begin(set, rule)?;
    for list in LISTS {
        sink.judge(list, since, &mut trial)?;
    }
    let alerts = trial.alerts()?;
    let report = report(arguments, &sink, since, &trial, alerts, begun);
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&text(&report, context))?;
    }
    Ok(Exit::Done)
}

/// Why there is no rule of this name to try.
fn unknown(set: &RuleSet, slug: &str) -> String {
    if let Some(UnusableRule { reason, place, .. }) = set.unusable.iter().find(|rule| &*rule.slug == slug) {
        return format!("the rule `{}` ({}) judges nothing: {}", tame(slug), tame(place), tame(reason));
    }
    let meant = proposal(slug, set.rules.iter().map(|rule| &*rule.slug));
    format!("there is no rule `{}`{meant}; see `ccfd rules list --all`", tame(slug))
}

fn report(
    arguments: &Arguments,
    sink: &PastSink<'_>,
    since: i64,
    trial: &Trial,
    alerts: Vec<Alert>,
    begun: Instant,
) -> TestReport {
    let (mut days, mut groups) = (BTreeMap::new(), BTreeMap::new());
    for alert in &alerts {
        *days.entry(alert.last_event_at.chars().take(10).collect()).or_default() += 1;
        *groups.entry(about(alert)).or_default() += 1;
    }
    TestReport {
        rule: arguments.rule.clone(),
        sink: sink.name.to_owned(),
        since: crate::tables::format_utc(since),
        records: trial.records,
        matched: trial.matched(),
        seconds: begun.elapsed().as_secs_f64(),
        days,
        groups,
        alerts,
    }
}

fn text(report: &TestReport, context: &Context) -> String {
    let took = format!("{:.1} s", report.seconds);
    let mut text = format!(
        "{} over {} of sink {} since {}: {} matched, {}, {took}\n",
        tame(&report.rule),
        counted(report.records, "record"),
        tame(&report.sink),
        report.since,
        grouped(report.matched),
        counted(report.alerts.len() as u64, "alert"),
    );
    let columns = width(&context.environment);
    let counts = |heading: &str, counts: &BTreeMap<String, u64>, most_first: bool| {
        let mut sorted: Vec<(&String, &u64)> = counts.iter().collect();
        if most_first {
            sorted.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
        }
        let mut rows = vec![vec![heading.to_owned(), "ALERTS".to_owned()]];
        let shown = if most_first { SHOWN } else { sorted.len() };
        let row =
            |(name, count): &(&String, &u64)| vec![cut_end(&tame(name), GROUP_CHARS), count.to_string()];
        rows.extend(sorted.iter().take(shown).map(row));
        let rest = sorted.len().saturating_sub(shown);
        let rest = if rest > 0 { format!("and {} more\n", grouped(rest as u64)) } else { String::new() };
        "\n".to_owned() + &fitted(&[Align::Left, Align::Right], &[], &rows, columns) + &rest
    };
    if report.alerts.is_empty() {
        return text;
    }
    text += &counts("DAY", &report.days, false);
    text += &counts("ABOUT", &report.groups, true);
    let mut rows = vec![["LAST EVENT", "RECORDS", "FIRST RECORD", "ABOUT"].map(str::to_owned).to_vec()];
    for alert in report.alerts.iter().rev().take(SHOWN) {
        let first = alert.record_ids.first().map(|id| tame(id)).unwrap_or_default();
        let group = cut_end(&tame(&about(alert)), GROUP_CHARS);
        rows.push(vec![tame(&alert.last_event_at), alert.event_count.to_string(), first, group]);
    }
    let aligns = [Align::Left, Align::Right, Align::Left, Align::Left];
    text + "\n" + &fitted(&aligns, &[3], &rows, columns)
}
