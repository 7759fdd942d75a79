//! `ccfd api-keys`: who may use the HTTP API of the connectors. The database is used beside a daemon, which looks a key up at
//! each request.

mod create;
mod list;
mod revoke;

use clap::{Args, Subcommand};

use super::{Context, UsageError, exit::Exit};
use crate::detect_db::ApiKeyError;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a key and print it, once
    Create(create::Arguments),
    /// List the keys, without what proves them
    List(list::Arguments),
    /// Make a key invalid, at once
    Revoke(revoke::Arguments),
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = context.readable()?.config;
    match &arguments.command {
        Command::Create(arguments) => create::run(&config, context, arguments),
        Command::List(arguments) => list::run(&config, context, arguments),
        Command::Revoke(arguments) => revoke::run(&config, context, arguments),
    }
}

/// An error of the command line, where it is one.
fn refused(error: ApiKeyError) -> anyhow::Error {
    match error {
        ApiKeyError::Taken(_) => UsageError(error.to_string()).into(),
        ApiKeyError::UnknownSpace(_) => {
            UsageError(format!("{error}; POST /api/spaces/space creates one")).into()
        }
        ApiKeyError::Unknown(_) => UsageError(format!("{error}; see `ccfd api-keys list`")).into(),
        ApiKeyError::Random => error.into(),
        ApiKeyError::Database(error) => error.into(),
    }
}
