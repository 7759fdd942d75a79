//! `ccfd connectors list`, `types` and `show`

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{SpaceArgument, refused};
use crate::{
    cli::{
        Context,
        exit::Exit,
        text::{Align, fitted, print, print_json, print_json_line, say, tame, width},
    },
    connectors::{Connector, Registry, gen_ai},
};

#[derive(Debug, Args)]
pub struct ListConnectors {
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    space: SpaceArgument,
}

#[derive(Debug, Args)]
pub struct TypesArguments {
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The connector
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    space: SpaceArgument,
}

/// A connector as it is printed: its secrets are not known here, and one of the system has neither settings nor secrets.
#[derive(Serialize)]
struct ShownConnector<'a> {
    id: &'a str,
    name: &'a str,
    connector_type_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a Map<String, Value>>,
    is_preconfigured: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_missing_secrets: Option<bool>,
    is_system_action: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    referenced_by_count: Option<u64>,
}

#[derive(Serialize)]
struct ShownType {
    id: &'static str,
    name: &'static str,
    enabled: bool,
    is_system_action_type: bool,
}

pub async fn list(
    registry: &Registry,
    context: &Context,
    arguments: &ListConnectors,
) -> anyhow::Result<Exit> {
    let mut all = match registry.list(&arguments.space.space).await {
        Ok(all) => all,
        Err(error) => return Ok(refused(&error)),
    };
    let is_empty = all.is_empty();
    all.extend(registry.system_connectors());
    if arguments.json {
        for one in &all {
            print_json_line(&shown(&one.connector, Some(one.referenced_by)))?;
        }
        return Ok(Exit::Done);
    }
    if is_empty {
        say(format_args!("no connectors: make one with `ccfd connectors create`, or in the settings"));
    }
    let mut rows = vec![["ID", "TYPE", "NAME", "STATE"].map(str::to_owned).to_vec()];
    for one in &all {
        let connector = &one.connector;
        let state = match (connector.is_missing_secrets, connector.is_preconfigured) {
            (true, _) => "misses secrets",
            (false, true) => "in the settings",
            (false, false) if connector.is_of_system() => "of the system",
            (false, false) => "",
        };
        let texts = [connector.id.as_str(), &connector.type_id, &connector.name, state];
        rows.push(texts.map(tame).to_vec());
    }
    print(&fitted(&[Align::Left; 4], &[3, 1], &rows, width(&context.environment)))?;
    Ok(Exit::Done)
}

pub fn types(registry: &Registry, context: &Context, arguments: &TypesArguments) -> anyhow::Result<Exit> {
    let all = registry.types();
    if arguments.json {
        for listed in &all {
            let (info, enabled) = (listed.info, listed.is_enabled);
            let is_system_action_type = info.is_system;
            print_json_line(&ShownType { id: info.id, name: info.name, enabled, is_system_action_type })?;
        }
        return Ok(Exit::Done);
    }
    let mut rows = vec![["TYPE", "NAME", ""].map(str::to_owned).to_vec()];
    for listed in &all {
        let state = match (listed.is_enabled, listed.info.is_system) {
            (true, false) => "",
            (true, true) => "of the system",
            (false, _) => "not in ccfd",
        };
        rows.push([listed.info.id, listed.info.name, state].map(str::to_owned).to_vec());
    }
    print(&fitted(&[Align::Left; 3], &[2], &rows, width(&context.environment)))?;
    Ok(Exit::Done)
}

pub async fn show(registry: &Registry, arguments: &ShowArguments) -> anyhow::Result<Exit> {
    // One of the system: as the internal list of the API has it.
    let of_system = registry.system_connectors();
    if let Some(one) = of_system.iter().find(|one| one.connector.id.as_str() == arguments.id) {
        return printed(&one.connector, Some(one.referenced_by));
    }
    match registry.get(&arguments.space.space, &arguments.id).await {
        Ok(connector) => {
            let exit = printed(&connector, None)?;
            if &*connector.type_id == gen_ai::TYPE_ID {
                say(format_args!("its tokens: `ccfd usage --by connector`"));
            }
            Ok(exit)
        }
        Err(error) => Ok(refused(&error)),
    }
}

/// Prints a connector.
pub(super) fn printed(connector: &Connector, referenced_by: Option<u64>) -> anyhow::Result<Exit> {
    print_json(&shown(connector, referenced_by))?;
    Ok(Exit::Done)
}

fn shown(connector: &Connector, referenced_by_count: Option<u64>) -> ShownConnector<'_> {
    let is_system_action = connector.is_of_system();
    ShownConnector {
        id: connector.id.as_str(),
        name: &connector.name,
        connector_type_id: &connector.type_id,
        config: (!is_system_action).then_some(&connector.config),
        is_preconfigured: connector.is_preconfigured,
        is_missing_secrets: (!is_system_action).then_some(connector.is_missing_secrets),
        is_system_action,
        referenced_by_count,
    }
}
