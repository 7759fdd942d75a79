//! `ccfd check`: whether a run would work, and what to do if not. Writes no rows.

mod actions;
mod cases;
mod probe;

use std::fmt;

use clap::Args;
use serde::Serialize;

use super::{
    Context,
    exit::Exit,
    logging,
    rules::{blinded_rules, detect_sink},
    runtime,
    text::{self, Align, WIDTH, counted, tame, wrap},
};
use crate::{
    config::{Config, ConfigError, find_file},
    connectors::PreconfiguredProblem,
    daemon::assembly::Assembly,
    pipeline::policy::{Failure, judge},
    reasons::with_reasons,
    sinks::detect::load_rules,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON array: for each line an object with level (ok, warn, fail), what, text and advice
    #[arg(long)]
    json: bool,
    /// First install what the sinks need and writes do not create, such as index templates
    #[arg(long)]
    install: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = match context.config() {
        Ok(config) => config,
        Err(error) => {
            show(&[CheckFinding::fail("configuration", with_reasons(&error), None)], arguments)?;
            return Ok(Exit::Usage);
        }
    };
    logging::start(&config.log);
    let mut findings = vec![found_config(context, &config)?];
    let assembly = Assembly::new(config, context.environment.clone());
    findings.extend(runtime()?.block_on(probe::all(&assembly, arguments.install)));
    findings.extend(blinded(&assembly.config));
    findings.extend(runtime()?.block_on(actions::all(&assembly)));
    findings.extend(runtime()?.block_on(cases::all(&assembly)));
    findings.extend(connectors(&assembly));
    show(&findings, arguments)?;
    let failed = findings.iter().any(|finding| finding.level == CheckLevel::Fail);
    Ok(if failed { Exit::Operator } else { Exit::Done })
}

/// A warning for each rule that reads what a collector redacts. Rules that cannot be loaded fail with their sink.
fn blinded(config: &Config) -> Vec<CheckFinding> {
    let rules = detect_sink(config).and_then(|(_, settings)| load_rules(settings).ok());
    let blinded = rules.map(|set| blinded_rules(config, &set)).unwrap_or_default();
    let advice =
        "the rule may miss what it looks for: do not redact the field, or set the state of the rule to off";
    blinded.into_iter().map(|one| CheckFinding::warn("rules", one.to_string(), advice)).collect()
}

/// A failure for each connector of the settings that cannot run.
fn connectors(assembly: &Assembly) -> Vec<CheckFinding> {
    let failed = |PreconfiguredProblem { id, reason }| {
        CheckFinding::fail(
            format!("connector {id}"),
            reason,
            Some("see docs/connectors.md for the settings of its type"),
        )
    };
    assembly.connectors.problems().into_iter().map(failed).collect()
}

/// The result of one check.
#[derive(Debug, Serialize)]
struct CheckFinding {
    level: CheckLevel,
    what: String,
    text: String,
    advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum CheckLevel {
    Ok,
    Warn,
    Fail,
}

impl fmt::Display for CheckLevel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        })
    }
}

impl CheckFinding {
    fn ok(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level: CheckLevel::Ok, what: what.into(), text: text.into(), advice: None }
    }

    fn warn(what: impl Into<String>, text: impl Into<String>, advice: &str) -> Self {
        Self { level: CheckLevel::Warn, advice: Some(advice.to_owned()), ..Self::ok(what, text) }
    }

    fn fail(what: impl Into<String>, text: impl Into<String>, advice: Option<&str>) -> Self {
        Self { level: CheckLevel::Fail, advice: advice.map(str::to_owned), ..Self::ok(what, text) }
    }

    /// A failure as a route would meet it, with the route's advice.
    fn of(what: impl Into<String>, failure: &Failure) -> Self {
        Self::fail(what, failure.to_string(), Some(judge(failure).advice))
    }

    /// Adds the place that it concerns.
    fn at(mut self, place: &impl fmt::Display) -> Self {
        self.text = format!("{place}: {}", self.text);
        self
    }
}

fn found_config(context: &Context, config: &Config) -> Result<CheckFinding, ConfigError> {
    let file = find_file(context.file.as_deref(), &context.environment)?;
    let place =
        file.map_or("no file, keys in the environment".to_owned(), |file| file.path().display().to_string());
    let (collectors, sinks) = (config.collectors.len(), config.sinks.len());
    let text =
        format!("{place}: {}, {}", counted(collectors as u64, "collector"), counted(sinks as u64, "sink"));
    Ok(CheckFinding::ok("configuration", text))
}

fn show(findings: &[CheckFinding], arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.json {
        text::print_json(&findings)?;
        return Ok(());
    }
    let row = |finding: &CheckFinding| vec![finding.level.to_string(), finding.what.clone()];
    let heads: Vec<_> = findings.iter().map(row).collect();
    let heads = text::table(&[Align::Left, Align::Left], &heads);
    let indent = heads.lines().map(|head| head.chars().count()).max().unwrap_or(0) + 2;
    let mut out = String::new();
    for (finding, head) in findings.iter().zip(heads.lines()) {
        let mut lines = finding.text.lines();
        let first = tame(lines.next().unwrap_or_default());
        if lines.clone().next().is_none() && indent + first.chars().count() <= WIDTH {
            out += &format!("{head:<indent$}{first}\n");
        } else {
            out += &format!("{head}\n{}", wrap("      ", &first));
        }
        for line in lines {
            out += &wrap("      ", &tame(line));
        }
        if let Some(advice) = &finding.advice {
            out += &wrap("      -> ", advice);
        }
    }
    text::print(&out)?;
    Ok(())
}
