//! `ccfd secrets`: stores secrets for the settings, encrypted. None is ever shown.

use std::io::{self, IsTerminal as _};

use clap::{Args, Subcommand};
use collectors::Clock;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use secrecy::SecretString;
use serde::Serialize;

use super::{
    Context, UsageError,
    connectors::read_secret,
    exit::Exit,
    text::{Align, asked, counted, fitted, print, print_json_line, say, width},
};
use crate::{
    reasons::with_reasons,
    secrets::{SecretStore, SecretStoreError, StoredSecret},
    tables::format_utc,
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Store a secret, read from standard input, in place of an earlier one. Settings name it as { stored = "NAME" }
    Set(SetArguments),
    /// List the names of the stored secrets
    List(ListSecrets),
    /// Remove a secret
    Remove(RemoveArguments),
}

#[derive(Debug, Args)]
struct SetArguments {
    /// 1 to 64 letters, digits, `_`, `-` or `.`
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Args)]
struct ListSecrets {
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RemoveArguments {
    /// The secret
    #[arg(value_name = "NAME", required_unless_present = "all")]
    name: Option<String>,
    /// Remove all, also those of connectors, which then miss theirs: the way out when the key is lost
    #[arg(long, conflicts_with = "name")]
    all: bool,
    /// Do not ask before all are removed
    #[arg(long, requires = "all")]
    yes: bool,
}

#[derive(Serialize)]
struct ShownSecret<'a> {
    name: &'a str,
    changed_at: String,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    // Secrets are set before the settings that name them are complete.
    let config = context.readable()?.config;
    let store = SecretStore::of(&config.state, &context.environment);
    let done = match &arguments.command {
        Command::Set(arguments) => {
            let text = secret()?;
            store
                .set(&arguments.name, &text, Clock::system().now())
                .map(|()| format!("stored: {}", arguments.name))
        }
        Command::List(arguments) => match store.list() {
            Ok(all) => return list(&all, context, arguments.json),
            Err(error) => Err(error),
        },
        Command::Remove(RemoveArguments { name: Some(name), .. }) => match store.remove(name) {
            Ok(true) => Ok(format!("removed: {name}")),
            Ok(false) => Err(SecretStoreError::Unknown(name.clone())),
            Err(error) => Err(error),
        },
        Command::Remove(RemoveArguments { yes, .. }) => {
            if !*yes && !io::stdin().is_terminal() {
                return Err(UsageError("no terminal to ask on: use --yes".to_owned()).into());
            }
            if !*yes && !asked("remove all stored secrets, also those of connectors?")? {
                say(format_args!("nothing was changed"));
                return Ok(Exit::Done);
            }
            store.remove_all().map(|count| format!("removed: {}", counted(count as u64, "secret")))
        }
    };
    Ok(match done {
        Ok(said) => {
            say(format_args!("{said}"));
            Exit::Done
        }
        Err(error) => explain(&error),
    })
}

fn list(all: &[StoredSecret], context: &Context, json: bool) -> anyhow::Result<Exit> {
    if json {
        for one in all {
            print_json_line(&ShownSecret { name: &one.name, changed_at: format_utc(one.changed_at) })?;
        }
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        say(format_args!("no secret is stored"));
        return Ok(Exit::Done);
    }
    let mut rows = vec![["NAME", "SET"].map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(|one| vec![one.name.clone(), format_utc(one.changed_at)]));
    print(&fitted(&[Align::Left; 2], &[1], &rows, width(&context.environment)))?;
    Ok(Exit::Done)
}

fn explain(error: &SecretStoreError) -> Exit {
    say(format_args!("ccfd: {}", with_reasons(error)));
    match error {
        SecretStoreError::Unknown(_) | SecretStoreError::Name(_) => Exit::Usage,
        SecretStoreError::Key(_) | SecretStoreError::WrongKey { .. } => Exit::Operator,
        SecretStoreError::Damaged(_) | SecretStoreError::Seal | SecretStoreError::Database(_) => Exit::Failed,
    }
}

/// The secret, from standard input. On a terminal it is not shown while it is typed.
fn secret() -> anyhow::Result<SecretString> {
    let input = io::stdin();
    if !input.is_terminal() {
        return read_secret(input.lock());
    }
    say(format_args!("the secret, not shown while you type it; end it with Enter and Ctrl-D:"));
    let shown = tcgetattr(&input)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Flush, &hidden)?;
    let text = read_secret(input.lock());
    tcsetattr(&input, OptionalActions::Flush, &shown)?;
    text
}
