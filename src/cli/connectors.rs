//! `ccfd connectors`: makes connectors, changes, tests and runs them. The database is used beside a daemon, which sees each
//! change at once.

mod change;
mod given;
mod list;
mod run;
mod stream_text;

use clap::{Args, Subcommand};
use collectors::Clock;
pub(super) use given::read_secret;

use super::{Context, block_on, exit::Exit, person::person, text::say};
use crate::{
    connectors::{Caller, ConnectorError, Registry},
    reasons::with_reasons,
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the connectors
    List(list::ListConnectors),
    /// List the types of connectors, and which of them ccfd has
    Types(list::TypesArguments),
    /// Make a connector
    Create(change::CreateArguments),
    /// Show one in full, without its secrets
    Show(list::ShowArguments),
    /// Replace name, settings and secrets of one
    Update(change::UpdateArguments),
    /// Delete one with its secrets
    Delete(change::DeleteArguments),
    /// Run one with a test message of its type
    Test(run::TestArguments),
    /// Run one
    Run(run::RunArguments),
}

/// The space of a connector.
#[derive(Debug, Args)]
struct SpaceArgument {
    /// The space
    #[arg(long, value_name = "ID", default_value = "default")]
    space: String,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = match &arguments.command {
        Command::List(_) | Command::Types(_) | Command::Show(_) => context.readable()?.config,
        Command::Create(_) | Command::Update(_) | Command::Delete(_) | Command::Test(_) | Command::Run(_) => {
            context.config()?
        }
    };
    let registry = Registry::of(&config, &context.environment, Clock::system());
    block_on(async {
        match &arguments.command {
            Command::List(arguments) => list::list(&registry, context, arguments).await,
            Command::Types(arguments) => list::types(&registry, context, arguments),
            Command::Create(arguments) => change::create(&registry, context, arguments).await,
            Command::Show(arguments) => list::show(&registry, arguments).await,
            Command::Update(arguments) => change::update(&registry, context, arguments).await,
            Command::Delete(arguments) => change::delete(&registry, arguments).await,
            Command::Test(arguments) => run::test(&registry, &caller(context), arguments).await,
            Command::Run(arguments) => run::run(&registry, &caller(context), arguments).await,
        }
    })
}

fn caller(context: &Context) -> Caller {
    Caller::Operator(person(&context.environment))
}

/// Says why something was not done.
fn refused(error: &ConnectorError) -> Exit {
    say(format_args!("ccfd: {}", with_reasons(error)));
    match error {
        ConnectorError::Database(_) | ConnectorError::SecretStore(_) => Exit::Failed,
        ConnectorError::Malformed(_)
        | ConnectorError::UnknownType(_)
        | ConnectorError::Disabled(_)
        | ConnectorError::NoSpace(_)
        | ConnectorError::Config(_)
        | ConnectorError::Secrets(_)
        | ConnectorError::Pair(_)
        | ConnectorError::NotFound(_)
        | ConnectorError::ReadSystem(_)
        | ConnectorError::Conflict(_)
        | ConnectorError::TakenByPreconfigured(_)
        | ConnectorError::UpdatePreconfigured(_)
        | ConnectorError::DeletePreconfigured(_)
        | ConnectorError::CreateSystem(_)
        | ConnectorError::UpdateSystem(_)
        | ConnectorError::DeleteSystem(_)
        | ConnectorError::RunSystem => Exit::Usage,
    }
}
