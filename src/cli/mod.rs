//! The command line: one file per subcommand, with the same name.

// All output goes through `text.rs`, which removes control sequences of records and servers.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod admin_task;
mod alerts;
mod api_keys;
mod backfill;
mod cases;
mod check;
mod collector_argument;
mod collectors;
mod completions;
mod config;
mod connectors;
mod demo;
mod deploy;
mod disk_usage;
mod exit;
mod init;
mod logging;
mod man;
mod person;
mod query;
mod rejects;
mod reload;
mod reset_state;
mod rows;
mod rules;
mod run;
mod running;
mod secrets;
mod simulate;
mod state;
mod state_access;
mod status;
mod store;
mod tail;
mod text;
mod time;
mod top;
mod usage;
mod verify;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, CommandFactory, Parser, Subcommand};
use exit::{Exit, UsageError};
use rustix::{fs::Mode, process::umask};
use text::say;

use crate::{
    config::{Config, ConfigError, Environment, Readable, find_file},
    reasons::with_reasons,
    secrets::SecretStore,
    stderr,
};

/// Brings OpenAI audit logs and stored chat completions into a SIEM: every record, once.
///
/// Without a configuration file, OPENAI_ADMIN_KEY and OPENAI_API_KEY in the environment configure one collector each, which
/// write to an SQLite file. Try `ccfd demo` first: it needs no account.
#[derive(Debug, Parser)]
#[command(name = "ccfd", version, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 done, possibly with warnings; 1 failed; 2 usage or configuration; 3 an \
                  operator must act."
)]
struct Cli {
    /// Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]
    #[arg(id = "config_before", long = "config", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

/// A command that reads the configuration.
#[derive(Debug, Args)]
struct Reads<A: Args> {
    /// Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    own: A,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Collect and deliver, as a daemon or once for cron
    Run(Reads<run::Arguments>),
    /// Collect a past window once, with its own checkpoint
    Backfill(Reads<backfill::Arguments>),
    /// Prove for a past window that the API and a sink agree, or name every difference
    Verify(Reads<verify::Arguments>),
    /// Make a route start over
    ResetState(Reads<reset_state::Arguments>),
    /// Show what each route is doing
    Status(Reads<status::Arguments>),
    /// Show records as they arrive
    Tail(Reads<tail::Arguments>),
    /// Show the routes of the running daemon, live
    Top(Reads<top::Arguments>),
    /// Pause or resume a collector, or make it poll now
    Collectors(Reads<collectors::Arguments>),
    /// Make the daemon load a changed configuration
    Reload(Reads<reload::Arguments>),
    /// Show, export or import checkpoints
    State(Reads<state::Arguments>),
    /// Check configuration, keys, upstream, sinks and state without writing a row
    Check(Reads<check::Arguments>),
    /// Show records that could not be delivered, and send them again
    Rejects(Reads<rejects::Arguments>),
    /// List alerts, and say what is done about them
    Alerts(Reads<alerts::Arguments>),
    /// Create, list and revoke the keys of the connectors' HTTP API
    ApiKeys(Reads<api_keys::Arguments>),
    /// List cases, and say what is done about them
    Cases(Reads<cases::Arguments>),
    /// List the rules that judge records, check them, and try one on the past
    Rules(Reads<rules::Arguments>),
    /// Show the tokens that models used, in runs of connectors or in stored completions
    Usage(Reads<usage::Arguments>),
    /// Make connectors to other systems, test and run them
    Connectors(Reads<connectors::Arguments>),
    /// Store secrets for the settings, encrypted
    Secrets(Reads<secrets::Arguments>),
    /// Query the SQLite sink with SQL
    Query(Reads<query::Arguments>),
    /// Write the resources a destination needs as files
    Deploy(deploy::Arguments),
    /// Write a configuration file, by asking or by flags
    Init(init::Arguments),
    /// Show the settings in effect, and where each is set
    Config(Reads<config::Arguments>),
    /// Write the completions of a shell to standard output
    Completions(completions::Arguments),
    /// Write the manual pages
    Man(man::Arguments),
    /// Serve a simulated OpenAI with hostile habits, for tests
    Simulate(simulate::Arguments),
    /// Show everything at work against the simulator, in a fresh directory
    Demo(demo::Arguments),
}

/// Input of every command.
#[derive(Debug, Clone)]
struct Context {
    file: Option<PathBuf>,
    environment: Environment,
}

impl Context {
    fn config(&self) -> Result<Config, ConfigError> {
        let file = find_file(self.file.as_deref(), &self.environment)?;
        let config = Config::load_found(file.as_ref(), &self.environment, &[])?;
        self.keep_store(&config);
        Ok(config)
    }

    /// From now on `{ stored = "name" }` is found.
    fn keep_store(&self, config: &Config) {
        self.environment.keep_store(Arc::new(SecretStore::of(&config.state, &self.environment)));
    }

    /// As much of the configuration as can be read, for commands that change nothing: they must work while a file
    /// is being edited, and where the keys are not.
    fn readable(&self) -> Result<Readable, ConfigError> {
        let file = find_file(self.file.as_deref(), &self.environment)?;
        let readable = Config::load_readable(file.as_ref(), &self.environment)?;
        self.keep_store(&readable.config);
        if let Some(error) = &readable.error {
            say(format_args!(
                "ccfd: {}\n      shown is what the rest of the configuration names",
                with_reasons(error)
            ));
        }
        Ok(readable)
    }
}

/// How long the end of a command waits for its last log lines.
const LAST_LINES_MAX: Duration = Duration::from_secs(1);

/// Runs a command to its end. Threads that still wait for a disk or a reader end with the process.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

/// The runtime of every command. One thread reads, gathers and decides; sinks and the store use their own
/// threads. More threads would not read faster than the API allows, and each would keep an arena of freed
/// pages.
///
/// Every use of the blocking pool is limited where it occurs, so that none takes all threads: host names (8),
/// rejects (4), pages of metrics (2), the store and its copy (2), the status file, the watch on secrets.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    const BLOCKING_MAX: usize = 24;
    // The pool panics if it cannot start any thread at all. With one thread it also does the work of those
    // that could not be started.
    ensure_threads(1)?;
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.max_blocking_threads(BLOCKING_MAX).enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    runtime.spawn_blocking(|| {});
    Ok(runtime)
}

/// Fails if this process cannot start this many more threads.
fn ensure_threads(wanted: usize) -> anyhow::Result<()> {
    let together = Arc::new(Mutex::new(()));
    let held = together.lock().unwrap_or_else(PoisonError::into_inner);
    let started: std::io::Result<Vec<_>> = (0..wanted)
        .map(|_| {
            let together = together.clone();
            std::thread::Builder::new().spawn(move || drop(together.lock()))
        })
        .collect();
    drop(held);
    let advice = "raise the limit (`ulimit -u`, TasksMax of a unit, pids of a container)";
    let threads = started.with_context(|| format!("cannot start {wanted} threads, {advice}"))?;
    for thread in threads {
        _ = thread.join();
    }
    Ok(())
}

/// The command line as clap knows it, from which manual pages and completions are generated.
pub fn command_line() -> clap::Command {
    Cli::command()
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    // Files of ccfd are for its own user: records, cursors, keys.
    umask(Mode::from_raw_mode(0o077));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let exit = exit::report(run_command(cli));
    stderr::flush(LAST_LINES_MAX);
    exit.into()
}

fn run_command(cli: Cli) -> anyhow::Result<Exit> {
    let (before, environment) = (cli.config, Environment::of_process());
    let context = |after: Option<PathBuf>| Context {
        file: after.or_else(|| before.clone()),
        environment: environment.clone(),
    };
    let reads_none = |command: &str| match &before {
        None => Ok(context(None)),
        Some(_) => Err(UsageError(format!("{command} reads no configuration: leave out --config"))),
    };
    match cli.command {
        Command::Run(Reads { config, own }) => run::run(&context(config), &own),
        Command::Backfill(Reads { config, own }) => backfill::run(&context(config), &own),
        Command::Verify(Reads { config, own }) => verify::run(&context(config), &own),
        Command::ResetState(Reads { config, own }) => reset_state::run(&context(config), &own),
        Command::Status(Reads { config, own }) => status::run(&context(config), &own),
        Command::Tail(Reads { config, own }) => tail::run(&context(config), &own),
        Command::Top(Reads { config, own }) => top::run(&context(config), &own),
        Command::Collectors(Reads { config, own }) => collectors::run(&context(config), &own),
        Command::Reload(Reads { config, own }) => reload::run(&context(config), &own),
        Command::State(Reads { config, own }) => state::run(&context(config), &own),
        Command::Check(Reads { config, own }) => check::run(&context(config), &own),
        Command::Rejects(Reads { config, own }) => rejects::run(&context(config), &own),
        Command::Alerts(Reads { config, own }) => alerts::run(&context(config), &own),
        Command::ApiKeys(Reads { config, own }) => api_keys::run(&context(config), &own),
        Command::Cases(Reads { config, own }) => cases::run(&context(config), &own),
        Command::Rules(Reads { config, own }) => rules::run(&context(config), &own),
        Command::Usage(Reads { config, own }) => usage::run(&context(config), &own),
        Command::Connectors(Reads { config, own }) => connectors::run(&context(config), &own),
        Command::Secrets(Reads { config, own }) => secrets::run(&context(config), &own),
        Command::Query(Reads { config, own }) => query::run(&context(config), &own),
        Command::Deploy(arguments) => {
            reads_none("deploy")?;
            deploy::run(&arguments)
        }
        Command::Simulate(arguments) => {
            reads_none("simulate")?;
            simulate::run(&arguments)
        }
        Command::Demo(arguments) => demo::run(&reads_none("demo")?, &arguments),
        Command::Init(arguments) => init::run(&reads_none("init")?, &arguments),
        Command::Config(Reads { config, own }) => config::run(&context(config), &own),
        Command::Completions(arguments) => {
            reads_none("completions")?;
            completions::run(&arguments)
        }
        Command::Man(arguments) => {
            reads_none("man")?;
            man::run(&arguments)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::command_line;

    #[test]
    fn the_command_line_is_sound() {
        command_line().debug_assert();
    }
}
