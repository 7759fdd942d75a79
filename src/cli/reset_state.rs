//! `ccfd reset-state`: removes the checkpoint of a route, after showing it.

use std::io::{self, IsTerminal};

use clap::Args;

use super::{
    Context, UsageError, block_on,
    collector_argument::CollectorArgument,
    exit::Exit,
    logging,
    state_access::StateAccess,
    text::{asked, counted, duration, print_json, say, span},
    time::Time,
};
use crate::{
    config::{Config, Start},
    daemon::checkpoints::{NamedCheckpoint, ResetWanted},
    pipeline::checkpoint::Checkpoint,
    tables::format_utc,
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    collector: CollectorArgument,
    /// Only the route to this sink
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Start there instead of at the collector's `start`: RFC 3339, a UTC day, a look-back such as 30d, or beginning
    #[arg(long, value_name = "T", value_parser = Time::parse)]
    to: Option<Time>,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = context.config()?;
    arguments.collector.of("reset-state", &config)?;
    if !arguments.dry_run && !arguments.yes && !io::stdin().is_terminal() {
        return Err(
            UsageError("no terminal to ask on: use --yes, or --dry-run to look first".to_owned()).into()
        );
    }
    logging::start(&config.log);
    block_on(reset(&config, context, arguments))
}

async fn reset(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let access = StateAccess::find(config, context, "ccfd reset-state").await?;
    let done = reset_with(&access, config, arguments).await;
    access.close().await?;
    done
}

async fn reset_with(access: &StateAccess, config: &Config, arguments: &Arguments) -> anyhow::Result<Exit> {
    let to = arguments.to.as_ref().map(|to| to.second(chrono::Utc::now().timestamp()));
    let named = arguments.collector.of("reset-state", config)?;
    let (collector, sink) = (named.to_owned(), arguments.sink.clone());
    let look = ResetWanted { collector, sink, to, dry_run: true };
    let found = access.reset(config, &look).await?;
    if found.is_empty() {
        if !config.collectors.contains_key(named) {
            let text = format!("no checkpoint, and no collector `{named}` is configured");
            return Err(UsageError(text).into());
        }
        say(format_args!("nothing to remove: there is no checkpoint yet"));
        return Ok(Exit::Done);
    }
    for NamedCheckpoint { name, checkpoint } in &found {
        let records = counted(checkpoint.delivered, "record");
        say(format_args!("{name}: {}, {records} so far", progress(checkpoint)));
    }
    say(format_args!("then: {}", outlook(config, named, to)));
    if arguments.dry_run || !(arguments.yes || asked("remove?")?) {
        say(format_args!("nothing was changed"));
        return Ok(Exit::Done);
    }
    let removed = access.reset(config, &ResetWanted { dry_run: false, ..look }).await?;
    print_json(&removed)?;
    Ok(Exit::Done)
}

/// How far a route has come, or a backfill, whose windows are not read in order.
fn progress(checkpoint: &Checkpoint) -> String {
    match checkpoint.remaining_seconds().filter(|_| !checkpoint.walks.is_empty()) {
        Some(0) => "finished".to_owned(),
        Some(left) => format!("{} of its window still to read", span(left)),
        None => {
            let watermark = checkpoint.watermark().unwrap_or(checkpoint.start);
            format!("everything before {} is delivered", format_utc(watermark))
        }
    }
}

fn outlook(config: &Config, collector: &str, to: Option<i64>) -> String {
    match (to, config.collectors.get(collector)) {
        (Some(to), _) => format!("the next run begins at {}", format_utc(to)),
        (None, Some(settings)) => {
            format!("the next run begins at the collector's start: {}", start_in_words(&settings.start))
        }
        (None, None) => "no run will follow: the collector is not configured".to_owned(),
    }
}

fn start_in_words(start: &Start) -> String {
    match start {
        Start::LookBack(back) => {
            format!("{} before the run", duration(*back))
        }
        Start::All => "the oldest record".to_owned(),
        Start::At(time) => format_utc(time.timestamp()),
    }
}
