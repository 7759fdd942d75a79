//! `ccfd alerts list`

use std::io;

use clap::{Args, ValueEnum};
use collectors::Clock;
use serde_json::Value;

use super::database;
use crate::{
    cli::{
        Context,
        exit::Exit,
        text::{Align, counted, cut_end, fitted, print, print_json_line, say, tame, width},
        time::Time,
    },
    config::Config,
    detect::{model::Level, rules::near_name},
    detect_db::{Alert, AlertFilter, AlertStatus},
};

/// How many alerts a table shows unless more are asked for.
const SHOWN: u32 = 50;
/// The widest group of a table.
const GROUP_CHARS: usize = 40;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only those of this rule, by its name
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Only those with this status
    #[arg(long, value_enum, value_name = "STATUS")]
    status: Option<StatusWord>,
    /// Only those with a record since then: 2026-01-31T00:00:00Z, 2026-01-31, or a look-back such as 30d
    #[arg(long, value_name = "TIME", value_parser = Time::parse)]
    since: Option<Time>,
    /// Only those of this level or a higher one
    #[arg(long, value_enum, value_name = "LEVEL")]
    level: Option<LevelWord>,
    /// At most so many [default: 50 in a table, all with --json]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Also those that later records have proved wrong
    #[arg(long)]
    withdrawn: bool,
    /// Print one JSON object per line, with everything that is known of an alert
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StatusWord {
    Open,
    Acknowledged,
    Closed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelWord {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl Arguments {
    fn filter(&self) -> AlertFilter {
        AlertFilter {
            rule: self.rule.clone(),
            status: self.status.map(|status| match status {
                StatusWord::Open => AlertStatus::Open,
                StatusWord::Acknowledged => AlertStatus::Acknowledged,
                StatusWord::Closed => AlertStatus::Closed,
            }),
            since: self.since.as_ref().map(|since| since.second(Clock::system().now())),
            level: self.level.map(|level| match level {
                LevelWord::Informational => Level::Informational,
                LevelWord::Low => Level::Low,
                LevelWord::Medium => Level::Medium,
                LevelWord::High => Level::High,
                LevelWord::Critical => Level::Critical,
            }),
            limit: self.limit,
            withdrawn: self.withdrawn,
            // Nothing can be done about one that is part of another.
            unmerged: self.status.is_some() || !self.json,
        }
    }
}

pub fn run(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some(db) = database(config)? else {
        say(format_args!("no alerts: no record was judged yet; a sink of type detect judges them"));
        return Ok(Exit::Done);
    };
    if let Some(rule) = &arguments.rule {
        let known = db.rule_slugs()?;
        if !known.contains(rule) {
            let near = near_name(rule, &known).map(|near| format!("; did you mean `{}`?", tame(near)));
            say(format_args!("no rule `{}` has raised an alert{}", tame(rule), near.unwrap_or_default()));
            return Ok(Exit::Done);
        }
    }
    if arguments.json {
        db.alerts(&arguments.filter(), |alert| print_json_line(&alert))??;
        return Ok(Exit::Done);
    }
    let limit = arguments.limit.unwrap_or(SHOWN);
    let filter = AlertFilter { limit: Some(limit.saturating_add(1)), ..arguments.filter() };
    let mut rows = Vec::new();
    db.alerts(&filter, |alert| {
        rows.push(row(&alert));
        Ok::<(), io::Error>(())
    })??;
    if rows.is_empty() {
        say(format_args!("no alerts"));
        return Ok(Exit::Done);
    }
    let more = rows.len() as u64 > u64::from(limit);
    rows.truncate(limit as usize);
    let count = rows.len() as u64;
    rows.insert(0, HEADS.map(str::to_owned).to_vec());
    print(&fitted(&ALIGNS, &LEAST, &rows, width(&context.environment)))?;
    let rest = if more { "; there are more, see --limit" } else { "" };
    say(format_args!("{}{rest}; see one with `ccfd alerts show ALERT`", counted(count, "alert")));
    Ok(Exit::Done)
}

const HEADS: [&str; 8] = ["ALERT", "LAST EVENT", "LEVEL", "RULE", "RECORDS", "STATUS", "ABOUT", "REMARKS"];
const ALIGNS: [Align; 8] =
    [Align::Left, Align::Left, Align::Left, Align::Left, Align::Right, Align::Left, Align::Left, Align::Left];
/// Which columns a narrow terminal loses, in this order.
const LEAST: [usize; 5] = [7, 4, 5, 1, 6];

fn row(alert: &Alert) -> Vec<String> {
    vec![
        tame(&alert.id),
        tame(&alert.last_event_at),
        tame(&alert.level),
        tame(&alert.rule),
        alert.event_count.to_string(),
        alert.status.word().to_owned(),
        cut_end(&tame(&about(alert)), GROUP_CHARS),
        remarks(alert),
    ]
}

/// The values of a group, as people read them.
pub(super) fn group(alert: &Alert) -> String {
    let value = |value: &Option<String>| match value.as_deref() {
        None => "(none)".to_owned(),
        // Of several fields it is to be seen where the value of each ends.
        Some(value) if alert.group.len() > 1 && value.contains([',', '"']) => {
            Value::String(value.to_owned()).to_string()
        }
        Some(value) => value.to_owned(),
    };
    let values: Vec<String> = alert.group.values().map(value).collect();
    if values.is_empty() { "-".to_owned() } else { values.join(", ") }
}

/// The values of a group; without one, who acted.
pub(in crate::cli) fn about(alert: &Alert) -> String {
    match alert.entities.get("Actor") {
        Some(actors) if alert.group.is_empty() => actors.join(", "),
        Some(_) | None => group(alert),
    }
}

/// What is special about an alert.
pub(super) fn remarks(alert: &Alert) -> String {
    let mut remarks: Vec<String> = Vec::new();
    remarks.extend(alert.historical.then(|| "historical".to_owned()));
    remarks.extend(alert.staging.then(|| "staging".to_owned()));
    remarks.extend(alert.disposition.as_deref().map(tame));
    remarks.extend(alert.merged_into.is_some().then(|| "merged".to_owned()));
    remarks.extend(alert.withdrawn.then(|| "withdrawn".to_owned()));
    remarks.join(", ")
}
