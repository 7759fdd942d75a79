//! `ccfd connectors test` and `run`

use std::io::{self, Write as _};

use clap::Args;
use futures::StreamExt as _;
use serde_json::Value;

use super::{SpaceArgument, given, refused};
use crate::{
    cli::{
        exit::Exit,
        text::{print_json, say, tame},
    },
    connectors::{Caller, ConnectorError, Registry, RunFailure, RunOutput},
};

#[derive(Debug, Args)]
pub struct TestArguments {
    /// The connector
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    space: SpaceArgument,
}

#[derive(Debug, Args)]
pub struct RunArguments {
    /// The connector
    #[arg(value_name = "ID")]
    id: String,
    /// The parameters, a JSON object: written out, @FILE, or @- for standard input
    #[arg(long, value_name = "JSON")]
    params: String,
    #[command(flatten)]
    space: SpaceArgument,
}

pub async fn test(registry: &Registry, caller: &Caller, arguments: &TestArguments) -> anyhow::Result<Exit> {
    ended(registry.test(&arguments.space.space, &arguments.id, caller.clone()).await).await
}

pub async fn run(registry: &Registry, caller: &Caller, arguments: &RunArguments) -> anyhow::Result<Exit> {
    let params = given::object("--params", &arguments.params)?;
    let space = &arguments.space.space;
    ended(registry.run(space, &arguments.id, params, caller.clone(), None).await).await
}

/// What a run that has ended prints: what it returned, or why it failed.
async fn ended(run: Result<Result<RunOutput, RunFailure>, ConnectorError>) -> anyhow::Result<Exit> {
    let output = match run {
        Ok(Ok(output)) => output,
        Ok(Err(failure)) => {
            say(format_args!("ccfd: {}", tame(&failure.to_string())));
            return Ok(Exit::Failed);
        }
        Err(error) => return Ok(refused(&error)),
    };
    match output {
        RunOutput::Nothing | RunOutput::Data { data: Value::Null, .. } => say(format_args!("done")),
        RunOutput::Data { data, .. } => print_json(&data)?,
        RunOutput::Stream { mut bytes, .. } => {
            // For programs, as it comes.
            while let Some(chunk) = bytes.next().await {
                let mut out = io::stdout().lock();
                out.write_all(&chunk?)?;
                out.flush()?;
            }
        }
    }
    Ok(Exit::Done)
}
