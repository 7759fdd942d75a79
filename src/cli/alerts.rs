//! `ccfd alerts`: lists alerts, and says what is done about them. The database is used beside a daemon.

mod actions;
mod judge;
mod list;
mod show;

use clap::{Args, Subcommand};
pub(super) use judge::VerdictWord;
pub(super) use list::about;
pub(super) use show::refused as no_alert;

use super::{Context, exit::Exit};
use crate::{
    config::{Config, Readable},
    detect_db::{DetectDb, FILE_NAME},
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List alerts, those with the newest records first
    List(list::Arguments),
    /// Show one in full
    Show(show::Arguments),
    /// Say that someone looks at it
    Ack(judge::AckArguments),
    /// Close it with a verdict
    Close(judge::CloseArguments),
    /// What alerts have to do in other systems: list it, try it again, remove it
    Actions(actions::Arguments),
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Readable { config, is_whole, .. } = context.readable()?;
    match &arguments.command {
        Command::List(arguments) => list::run(&config, context, arguments),
        Command::Show(arguments) => show::run(&config, arguments),
        Command::Ack(arguments) => judge::ack(&config, context, arguments),
        Command::Close(arguments) => judge::close(&config, context, arguments),
        Command::Actions(arguments) => actions::run((&config, is_whole), context, arguments),
    }
}

/// The database of alerts, which act if they are closed; `None` while no record was judged.
pub(super) fn database(config: &Config) -> anyhow::Result<Option<DetectDb>> {
    let mut found = DetectDb::open_existing(&config.state.dir.join(FILE_NAME))?;
    if let Some(db) = &mut found {
        db.act(config.alerts.for_outbox());
    }
    Ok(found)
}
