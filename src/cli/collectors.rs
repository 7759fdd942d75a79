//! `ccfd collectors`: pauses, resumes or polls a collector.

use clap::{Args, Subcommand};

use super::{
    Context, UsageError, block_on, collector_argument::CollectorArgument, exit::Exit, logging, state_access,
    text::print,
};
use crate::{config::Config, daemon::Pauses};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stop the routes of a collector until it is resumed, also over restarts. Records in flight are delivered first
    Pause(CollectorArgument),
    /// Resume a paused collector where it stopped
    Resume(CollectorArgument),
    /// Poll now, without waiting for the next poll or the end of a delay; a parked route retries
    Poll(CollectorArgument),
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut config = context.config()?;
    config.log.level = config.log.level.min(tracing::Level::WARN);
    logging::start(&config.log);
    let (order, name) = match &arguments.command {
        Command::Pause(name) => ("pause", name),
        Command::Resume(name) => ("resume", name),
        Command::Poll(name) => ("poll", name),
    };
    block_on(give(&config, context, order, name.of(order, &config)?))
}

async fn give(config: &Config, context: &Context, order: &str, collector: &str) -> anyhow::Result<Exit> {
    let command = format!("ccfd collectors {order}");
    let said = match state_access::daemon(config, context).await {
        Some(daemon) => {
            let routes = daemon.collectors(order, collector).await?;
            format!("{}: {}\n", done(order), routes.join(", "))
        }
        None => {
            ensure_possible(config, order, collector)?;
            let store = state_access::open(config, &command)?;
            let changed = Pauses::load(&config.state.dir).set(collector, order == "pause");
            store.close().await?;
            let how = if changed? { "from the next start on" } else { "as before" };
            format!("{} {how}: {collector}\n", done(order))
        }
    };
    print(&said)?;
    Ok(Exit::Done)
}

/// Whether the order can be given without a daemon, at whose next start it takes effect.
fn ensure_possible(config: &Config, order: &str, collector: &str) -> Result<(), UsageError> {
    if !config.collectors.contains_key(collector) {
        let names = config.collectors.keys().cloned().collect::<Vec<_>>().join(", ");
        let text = format!("no collector `{collector}` is configured (there are: {names})");
        return Err(UsageError(text));
    }
    if order == "poll" {
        return Err(UsageError("no daemon responds here: nothing to poll".to_owned()));
    }
    Ok(())
}

fn done(order: &str) -> &'static str {
    match order {
        "pause" => "paused",
        "resume" => "resumed",
        _ => "polling now",
    }
}
