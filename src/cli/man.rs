//! `ccfd man`: the manual pages, one for ccfd and one for each command.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{
    UsageError, command_line,
    exit::Exit,
    text::{print, say},
};

#[derive(Debug, Args)]
#[command(after_help = "To read one: ccfd man backfill | man -l -")]
pub struct Arguments {
    /// A command; the page of ccfd itself without one
    command: Option<String>,
    /// Write all pages into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some(dir) = &arguments.dir {
        let place = || dir.display().to_string();
        std::fs::create_dir_all(dir).with_context(place)?;
        clap_mangen::generate_to(command_line(), dir).with_context(place)?;
        say(format_args!("the manual pages are in {}; read one with: man -l {}/ccfd.1", place(), place()));
        return Ok(Exit::Done);
    }
    let mut whole = command_line();
    whole.build();
    let command = match &arguments.command {
        None => whole,
        Some(name) => {
            let known =
                || whole.get_subcommands().map(|command| command.get_name()).collect::<Vec<_>>().join(", ");
            let found = whole.find_subcommand(name).cloned();
            found.ok_or_else(|| UsageError(format!("no command `{name}`; there are {}", known())))?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}
