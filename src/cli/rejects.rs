//! `ccfd rejects`: lists records that could not be delivered, sends them again, or removes them.

mod batch;
mod list;
mod prune;
mod retry;
mod show;
mod turn;

use std::{io, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::{
    Context,
    exit::Exit,
    text::{counted, say},
};
use crate::{
    config::Config,
    pipeline::{
        names::{CUT_DIR, REJECTS_DIR},
        rejects::kept::{self, KeptReject, LineKey, OtherLines},
    },
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List rejects, with time and reason but without content
    List(list::Arguments),
    /// Show one in full: the destination's own reason, and the record
    Show(show::Arguments),
    /// Send rejects to their sink again and remove those it accepts. Works while the daemon runs
    Retry(retry::Arguments),
    /// Remove rejects for good. Works while the daemon runs
    Prune(prune::Arguments),
}

/// Selects rejects.
#[derive(Debug, Args)]
struct RejectsFilter {
    /// Only those of this collector
    #[arg(long, value_name = "NAME")]
    collector: Option<String>,
    /// Only those for this sink
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
}

impl RejectsFilter {
    fn is_given(&self) -> bool {
        self.collector.is_some() || self.sink.is_some()
    }

    fn admits(&self, kept: &KeptReject<'_>) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
        is(&self.collector, kept.connector) && is(&self.sink, kept.sink())
    }
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::List(arguments) => list::run(&context.readable()?.config, arguments),
        Command::Show(arguments) => show::run(&context.readable()?.config, arguments),
        Command::Retry(arguments) => retry::run(context, context.config()?, arguments),
        Command::Prune(arguments) => prune::run(&context.config()?, arguments),
    }
}

/// The files of rejects.
fn files(config: &Config) -> anyhow::Result<Vec<PathBuf>> {
    files_below(config, REJECTS_DIR)
}

/// Those, and the files of copies of records delivered with fields cut.
fn all_files(config: &Config) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = files(config)?;
    all.extend(files_below(config, CUT_DIR)?);
    Ok(all)
}

fn files_below(config: &Config, name: &str) -> anyhow::Result<Vec<PathBuf>> {
    let dir = config.state.dir.join(name);
    kept::files(&dir).with_context(|| format!("cannot read {}", dir.display()))
}

/// Calls `each` with every reject. A file that is removed meanwhile is skipped.
fn each(
    config: &Config,
    mut each: impl FnMut(LineKey, KeptReject<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for path in all_files(config)? {
        match kept::read(&path, &mut each) {
            Ok(OtherLines { strange: 0, .. }) => {}
            Ok(OtherLines { strange, .. }) => {
                let skipped = counted(strange, "line");
                let path = path.display();
                say(format_args!("ccfd: {path}: skipped {skipped} not written by ccfd"));
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error.context(format!("cannot read {}", path.display()))),
        }
    }
    Ok(())
}

fn is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}
