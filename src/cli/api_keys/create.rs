//! `ccfd api-keys create`

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use collectors::Clock;
use secrecy::ExposeSecret as _;

use super::refused;
use crate::{
    cli::{
        Context,
        exit::Exit,
        person::person,
        text::{print, say, tame},
    },
    config::Config,
    detect_db::{DetectDb, FILE_NAME, FREE_MIN, KeyScope, NewApiKey},
};

/// The most characters of a name.
const NAME_CHARS_MAX: usize = 128;

#[derive(Debug, Args)]
pub struct Arguments {
    /// What the key is for; no other valid key has this name
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// What it allows; `manage` includes the others; can be repeated
    #[arg(long, value_enum, required = true, value_name = "SCOPE")]
    scope: Vec<ScopeWord>,
    /// Only in this space [repeatable; default: in all spaces]
    #[arg(long, value_name = "ID")]
    space: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeWord {
    /// See connectors, their types, their usage, and cases
    Read,
    /// Run connectors
    Run,
    /// Everything
    Manage,
}

pub fn run(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let scopes: BTreeSet<KeyScope> = arguments
        .scope
        .iter()
        .map(|word| match word {
            ScopeWord::Read => KeyScope::Read,
            ScopeWord::Run => KeyScope::Run,
            ScopeWord::Manage => KeyScope::Manage,
        })
        .collect();
    let spaces: BTreeSet<String> = arguments.space.iter().cloned().collect();
    let by = person(&context.environment);
    let new = NewApiKey {
        name: &arguments.name,
        scopes: &scopes,
        spaces: (!spaces.is_empty()).then_some(&spaces),
        by: &by,
    };
    let mut db = DetectDb::open(&config.state.dir.join(FILE_NAME), FREE_MIN)?;
    let credential = db.create_api_key(&new, Clock::system().now()).map_err(refused)?;
    // All that goes to standard output, so that a script can keep it.
    print(&format!("{}\n", credential.expose_secret()))?;
    say(format_args!(
        "created {}: send it as `Authorization: ApiKey …`; it is not shown again",
        tame(&arguments.name)
    ));
    Ok(Exit::Done)
}

fn name(text: &str) -> Result<String, String> {
    let is_name = !text.trim().is_empty()
        && text.chars().count() <= NAME_CHARS_MAX
        && !text.chars().any(char::is_control);
    if is_name {
        Ok(text.to_owned())
    } else {
        Err(format!("expected 1 to {NAME_CHARS_MAX} characters on one line"))
    }
}
