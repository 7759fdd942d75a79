//! `ccfd connectors create`, `update` and `delete`

use std::io::{self, IsTerminal as _};

use clap::Args;

use super::{SpaceArgument, given, list::printed, refused};
use crate::{
    cli::{
        Context, UsageError,
        exit::Exit,
        text::{asked, say, tame},
    },
    connectors::{ConnectorChange, ConnectorId, NewConnector, Registry},
};

#[derive(Debug, Args)]
pub struct CreateArguments {
    /// What people call it
    #[arg(value_name = "NAME")]
    name: String,
    /// Its type, as `types` lists them
    #[arg(long = "type", value_name = "TYPE")]
    type_id: String,
    /// Its id, 1 to 36 characters [default: a random one]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    what: WhatArguments,
    #[command(flatten)]
    space: SpaceArgument,
}

#[derive(Debug, Args)]
pub struct UpdateArguments {
    /// The connector
    #[arg(value_name = "ID")]
    id: String,
    /// What people call it [default: as before]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    what: WhatArguments,
    #[command(flatten)]
    space: SpaceArgument,
}

/// Settings and secrets.
#[derive(Debug, Args)]
struct WhatArguments {
    /// Its settings, a JSON object: written out, @FILE, or @- for standard input
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
    /// A secret: NAME=@FILE, NAME=@- for standard input, or NAME=env:VARIABLE. Give all that its type requires, also to
    /// `update`
    #[arg(long = "secret", value_name = "NAME=PLACE")]
    secrets: Vec<String>,
}

#[derive(Debug, Args)]
pub struct DeleteArguments {
    /// The connector
    #[arg(value_name = "ID")]
    id: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    space: SpaceArgument,
}

pub async fn create(
    registry: &Registry,
    context: &Context,
    arguments: &CreateArguments,
) -> anyhow::Result<Exit> {
    let id = arguments.id.as_deref().map(ConnectorId::parse).transpose();
    let new = NewConnector {
        id: id.map_err(|error| UsageError(format!("--id: {error}")))?,
        name: arguments.name.clone(),
        type_id: arguments.type_id.clone(),
        config: arguments
            .what
            .settings
            .as_deref()
            .map(|given| given::object("--settings", given))
            .transpose()?
            .unwrap_or_default(),
        secrets: given::secrets(&arguments.what.secrets, context)?,
    };
    match registry.create(&arguments.space.space, new).await {
        Ok(connector) => printed(&connector, None),
        Err(error) => Ok(refused(&error)),
    }
}

pub async fn update(
    registry: &Registry,
    context: &Context,
    arguments: &UpdateArguments,
) -> anyhow::Result<Exit> {
    let space = &arguments.space.space;
    let before = match registry.get(space, &arguments.id).await {
        Ok(before) => before,
        Err(error) => return Ok(refused(&error)),
    };
    let change = ConnectorChange {
        name: arguments.name.clone().unwrap_or(before.name),
        config: match &arguments.what.settings {
            Some(given) => given::object("--settings", given)?,
            None => before.config,
        },
        secrets: given::secrets(&arguments.what.secrets, context)?,
    };
    match registry.update(space, &arguments.id, change).await {
        Ok(connector) => printed(&connector, None),
        Err(error) => Ok(refused(&error)),
    }
}

pub async fn delete(registry: &Registry, arguments: &DeleteArguments) -> anyhow::Result<Exit> {
    let space = &arguments.space.space;
    let connector = match registry.get(space, &arguments.id).await {
        Ok(connector) => connector,
        Err(error) => return Ok(refused(&error)),
    };
    if !arguments.yes {
        if !io::stdin().is_terminal() {
            return Err(UsageError("no terminal to ask on: use --yes".to_owned()).into());
        }
        let question = format!("delete {} ({})?", tame(&connector.name), connector.type_id);
        if !asked(&question)? {
            say(format_args!("nothing was changed"));
            return Ok(Exit::Done);
        }
    }
    match registry.delete(space, &arguments.id).await {
        Ok(()) => {
            say(format_args!("deleted: {}", tame(&arguments.id)));
            Ok(Exit::Done)
        }
        Err(error) => Ok(refused(&error)),
    }
}
