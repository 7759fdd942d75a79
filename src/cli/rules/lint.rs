//! `ccfd rules lint`

use std::{fs, path::PathBuf, sync::Arc};

use clap::Args;
use collectors::Record;

use super::{detect_sink, in_lines, rules};
use crate::{
    cli::{
        Context, UsageError,
        exit::Exit,
        text::{counted, print, tame},
    },
    config::Config,
    detect::{
        model::RuleIndex,
        rules::{Placeholders, RuleSet, RuleSource, RuleTest, TestEvents, builtin_events},
    },
    detect_db::{Trial, TrialError},
    lists::LISTS,
    reasons::with_reasons,
    sinks::detect::looks_too_far,
    tables::Tables,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Directories with rules, checked together [default: the rules of the configuration]
    #[arg(value_name = "DIR")]
    directories: Vec<PathBuf>,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let readable = context.readable();
    let config = readable.as_ref().ok().map(|readable| &readable.config);
    let set = match (arguments.directories.is_empty(), config) {
        (true, Some(config)) => rules(config)?,
        (true, None) => {
            return Err(UsageError("no configuration: name the directories to check".to_owned()).into());
        }
        (false, config) => of_directories(&arguments.directories, config)?,
    };
    let (mut out, mut failed, mut tests) = (String::new(), 0, 0);
    for warning in &set.warnings {
        out += &format!("warn  {}\n", tame(&warning.to_string()));
    }
    for rule in &set.unusable {
        out += &format!("warn  {}: {}: {}\n", tame(&rule.place), tame(&rule.slug), tame(&rule.reason));
    }
    for (index, rule) in (0..).map(RuleIndex).zip(&set.rules) {
        let (stated, events) = set.tests(index);
        for test in stated {
            tests += 1;
            if let Err(reason) = tried(&set, index, test, events) {
                failed += 1;
                out += &format!("FAIL  {}: {}: {}\n", tame(&rule.place), tame(&test.events), tame(&reason));
            }
        }
    }
    let (count, tests) = (counted(set.rules.len() as u64, "rule"), counted(tests, "test"));
    out += &match failed {
        0 => format!("ok    {count}, {tests}\n"),
        _ => format!("FAIL  {count}, {tests}, {failed} failed\n"),
    };
    print(&out)?;
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn of_directories(directories: &[PathBuf], config: Option<&Config>) -> Result<Arc<RuleSet>, UsageError> {
    let sources: Vec<RuleSource> = directories.iter().cloned().map(RuleSource::Directory).collect();
    let settings = config.and_then(detect_sink).map(|(_, settings)| settings);
    let retention = settings.map(|settings| settings.retention);
    let (placeholders, tables) = match settings {
        Some(settings) => (settings.placeholders.clone(), settings.tables.clone()),
        None => (Placeholders::default(), Tables::built_in()),
    };
    let set = RuleSet::load_to_try(&sources, &tables, &placeholders);
    let mut set = set.map_err(|errors| UsageError(in_lines(&errors)))?;
    if let Some(retention) = retention {
        set.warnings.extend(looks_too_far(&set, retention));
    }
    Ok(Arc::new(set))
}

/// Runs a test that a rule states.
fn tried(set: &Arc<RuleSet>, rule: RuleIndex, test: &RuleTest, events: &TestEvents) -> Result<(), String> {
    let read;
    let text = match events {
        TestEvents::None => return Err("there is no file of events".to_owned()),
        TestEvents::Builtin => builtin_events(&test.events).ok_or("there is no such file")?,
        TestEvents::Directory(directory) => {
            read = fs::read_to_string(directory.join(&test.events)).map_err(|error| with_reasons(&error))?;
            &read
        }
    };
    let found = alerts_of(set, rule, text).map_err(|error| with_reasons(&error))?;
    match found {
        Ok(alerts) if alerts == test.alerts => Ok(()),
        Ok(alerts) => Err(format!("{}, wanted {}", counted(alerts, "alert"), test.alerts)),
        Err(line) => Err(format!("line {line} is not a record")),
    }
}

/// The number of alerts of a rule over records, a line each; `Err` with the first line that is none.
fn alerts_of(set: &Arc<RuleSet>, rule: RuleIndex, text: &str) -> Result<Result<u64, usize>, TrialError> {
    let mut trial = Trial::begin(set.clone(), rule)?;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        // The list of a record is that by whose time it can be dated.
        let found = LISTS.iter().find_map(|list| {
            let record = Record::read(line.as_bytes(), list.time()).ok()?;
            Some((list.table(), record))
        });
        let Some((table, record)) = found else { return Ok(Err(number)) };
        trial.judge(&table, "test", &record)?;
        trial.store(&table, "test")?;
    }
    Ok(Ok(trial.alerts()?.len() as u64))
}
