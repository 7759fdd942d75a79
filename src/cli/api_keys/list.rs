//! `ccfd api-keys list`

use chrono::{DateTime, SecondsFormat};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        Context,
        exit::Exit,
        text::{Align, fitted, print, print_json_line, say, tame, width},
    },
    config::Config,
    detect_db::{ApiKey, DetectDb, FILE_NAME, KeyScope},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Also those that are revoked
    #[arg(long)]
    all: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

const HEADS: [&str; 7] = ["NAME", "ID", "SCOPE", "SPACES", "CREATED", "BY", "REVOKED"];
/// Which columns a narrow terminal loses, in this order.
const LEAST: [usize; 4] = [5, 4, 6, 3];

pub fn run(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut keys = match DetectDb::open_existing(&config.state.dir.join(FILE_NAME))? {
        Some(db) => db.api_keys()?,
        None => Vec::new(),
    };
    keys.retain(|key| arguments.all || key.revoked.is_none());
    if arguments.json {
        for key in &keys {
            print_json_line(&shown(key))?;
        }
        return Ok(Exit::Done);
    }
    if keys.is_empty() {
        say(format_args!("no API keys; `ccfd api-keys create` creates one"));
        return Ok(Exit::Done);
    }
    let mut rows = vec![HEADS.map(str::to_owned).to_vec()];
    rows.extend(keys.iter().map(row));
    print(&fitted(&[Align::Left; 7], &LEAST, &rows, width(&context.environment)))?;
    Ok(Exit::Done)
}

fn row(key: &ApiKey) -> Vec<String> {
    let scopes: Vec<&str> = key.scopes.iter().copied().map(KeyScope::word).collect();
    let spaces = key.spaces.as_ref().map_or("all".to_owned(), |spaces| {
        spaces.iter().map(|space| tame(space)).collect::<Vec<_>>().join(", ")
    });
    let revoked =
        key.revoked.as_ref().map_or("-".to_owned(), |(by, when)| format!("{} by {}", time(*when), tame(by)));
    vec![
        tame(&key.name),
        tame(&key.id),
        scopes.join(", "),
        spaces,
        time(key.created_at),
        tame(&key.created_by),
        revoked,
    ]
}

fn shown(key: &ApiKey) -> Value {
    let scopes: Vec<&str> = key.scopes.iter().copied().map(KeyScope::word).collect();
    let (revoked_by, revoked_at) = key.revoked.clone().unzip();
    json!({
        "id": key.id, "name": key.name, "scopes": scopes, "spaces": key.spaces, "created_by": key.created_by,
        "created_at": time(key.created_at), "revoked_by": revoked_by, "revoked_at": revoked_at.map(time),
    })
}

fn time(second: i64) -> String {
    DateTime::from_timestamp(second, 0)
        .map_or_else(|| second.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
