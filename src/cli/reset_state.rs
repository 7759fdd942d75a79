//! `ccfd reset-state`: forgets where a route stands, after showing it.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use serde_json::json;
use state::{StateError, Store};

use super::{
    Context, UsageError,
    exit::Exit,
    logging, runtime,
    store::{self, is_route_name},
    text::{grouped, print},
    time::{Time, shown},
};
use crate::{
    config::{Config, Source, Start},
    pipeline::checkpoint::Checkpoint,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The collector; one that is not configured any more will do
    #[arg(long, value_name = "NAME")]
    collector: String,
    /// Only the route to this sink
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Begin there instead of at the collector's `start`: RFC 3339, a UTC day, a look-back such as 30d, or beginning
    #[arg(long, value_name = "T", value_parser = Time::parse)]
    to: Option<Time>,
    /// Show what would be removed, and end
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = context.config()?;
    if !arguments.dry_run && !arguments.yes && !io::stdin().is_terminal() {
        return Err(UsageError(
            "there is no terminal to ask on: give --yes, or --dry-run to look first".to_owned(),
        )
        .into());
    }
    logging::start(&config.log);
    runtime()?.block_on(reset(&config, arguments))
}

async fn reset(config: &Config, arguments: &Arguments) -> anyhow::Result<Exit> {
    let store = store::open(&config.state, "ccfd reset-state")?;
    let found = checkpoints(&store, arguments).await?;
    if found.is_empty() {
        let known = config.collectors.contains_key(&arguments.collector);
        store.close().await?;
        if !known {
            return Err(UsageError(format!(
                "no checkpoint, and no collector `{}` is configured",
                arguments.collector
            ))
            .into());
        }
        eprintln!("nothing to remove: there is no checkpoint yet");
        return Ok(Exit::Done);
    }
    for (name, checkpoint) in &found {
        let settled = checkpoint.walks.first().map_or(checkpoint.start, |walk| walk.settled);
        eprintln!(
            "{name}: everything before {} is delivered, {} records so far",
            shown(settled),
            grouped(checkpoint.delivered)
        );
    }
    eprintln!("then: {}", outlook(config, arguments));
    let go_on = !arguments.dry_run && (arguments.yes || asked()?);
    if !go_on {
        eprintln!("nothing was changed");
        store.close().await?;
        return Ok(Exit::Done);
    }
    let mut removed = Vec::new();
    for (name, checkpoint) in found {
        let mut cursor = store.cursor::<Checkpoint>(&name);
        cursor.remove().await?;
        if let (Some(to), true) = (&arguments.to, is_route_name(&name)) {
            let fresh = begin_at(config, arguments, &checkpoint, to.second(chrono::Utc::now().timestamp()));
            cursor.load().await?;
            cursor.commit(&fresh, Vec::new()).await?;
        }
        removed.push(json!({ "name": name, "checkpoint": checkpoint }));
    }
    store.close().await?;
    print(&(serde_json::to_string_pretty(&removed)? + "\n"))?;
    Ok(Exit::Done)
}

/// The route's checkpoint, and those of its backfills.
async fn checkpoints(store: &Store, arguments: &Arguments) -> Result<Vec<(String, Checkpoint)>, StateError> {
    let mut found = Vec::new();
    for name in store.names()? {
        let mut parts = name.splitn(3, '/');
        let of_collector = parts.next() == Some(&arguments.collector);
        let sink = parts.next();
        let of_sink = arguments.sink.as_deref().is_none_or(|wanted| sink == Some(wanted));
        if of_collector
            && of_sink
            && let Some(checkpoint) = store::load(store, &name).await?
        {
            found.push((name, checkpoint));
        }
    }
    Ok(found)
}

fn begin_at(config: &Config, arguments: &Arguments, before: &Checkpoint, second: i64) -> Checkpoint {
    let settings = config.collectors.get(&arguments.collector);
    let search = settings.is_some_and(|settings| matches!(settings.source, Source::ChatCompletions { .. }));
    Checkpoint {
        identity: before.identity.clone(),
        start: second,
        walks: vec![collectors::Cursor::begin(second, None, search)],
        delivered: 0,
        last_record: None,
    }
}

fn outlook(config: &Config, arguments: &Arguments) -> String {
    match (&arguments.to, config.collectors.get(&arguments.collector)) {
        (Some(to), _) => {
            format!("the next run begins at {}", shown(to.second(chrono::Utc::now().timestamp())))
        }
        (None, Some(settings)) => {
            format!("the next run begins at the collector's start: {}", start_in_words(&settings.start))
        }
        (None, None) => "no run follows: the collector is not configured".to_owned(),
    }
}

fn start_in_words(start: &Start) -> String {
    match start {
        Start::LookBack(back) => format!("{} before it", humantime::format_duration(*back)),
        Start::All => "the oldest record".to_owned(),
        Start::At(time) => shown(time.timestamp()),
    }
}

fn asked() -> io::Result<bool> {
    eprint!("remove? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
