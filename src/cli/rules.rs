//! `ccfd rules`: lists rules, checks files of them, tries one on records that a sink holds, copies the built-in ones.

mod blinded;
mod copy;
mod lint;
mod list;
mod past;
mod test;

use std::sync::Arc;

pub(super) use blinded::blinded_rules;
use clap::{Args, Subcommand};

use super::{Context, UsageError, exit::Exit};
use crate::{
    config::{Config, DetectSettings, SinkSettings},
    detect::rules::{Placeholders, RuleError, RuleSet, RuleSource},
    sinks::detect::load_rules_to_try,
    tables::Tables,
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the rules in use, with what they found
    List(list::Arguments),
    /// Check files of rules, and run the tests that they state
    Lint(lint::Arguments),
    /// Try a rule on the records that a SQLite or NDJSON sink holds
    Test(test::Arguments),
    /// Write the built-in rules out, to be read and edited
    Copy(copy::Arguments),
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::List(arguments) => list::run(&context.readable()?.config, context, arguments),
        Command::Lint(arguments) => lint::run(context, arguments),
        Command::Test(arguments) => test::run(&context.readable()?.config, context, arguments),
        Command::Copy(arguments) => copy::run(arguments),
    }
}

/// The name and the settings of the sink that judges records. There is at most one.
pub(super) fn detect_sink(config: &Config) -> Option<(&str, &DetectSettings)> {
    config.sinks.iter().find_map(|(name, settings)| match settings {
        SinkSettings::Detect(settings) => Some((name.as_str(), settings)),
        SinkSettings::Sqlite(_)
        | SinkSettings::Ndjson(_)
        | SinkSettings::Elasticsearch(_)
        | SinkSettings::KibanaIndex(_)
        | SinkSettings::LogsIngestion(_) => None,
    })
}

/// The rules of the configuration, each to be tried or shown; without a sink that judges, the built-in ones.
fn rules(config: &Config) -> anyhow::Result<Arc<RuleSet>> {
    let set = match detect_sink(config) {
        Some((_, settings)) => load_rules_to_try(settings).map_err(UsageError)?,
        None => {
            let sources = [RuleSource::Builtin];
            let loaded = RuleSet::load_to_try(&sources, &Tables::built_in(), &Placeholders::default());
            loaded.map_err(|errors| UsageError(in_lines(&errors)))?
        }
    };
    Ok(Arc::new(set))
}

fn in_lines(errors: &[RuleError]) -> String {
    errors.iter().map(RuleError::to_string).collect::<Vec<_>>().join("\n")
}
