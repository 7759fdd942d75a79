//! `ccfd collectors`: pauses, resumes or polls a collector.

use clap::{Args, Subcommand};

use super::{
    Context, UsageError, block_on, collector_argument::CollectorArgument, exit::Exit, logging,
    state_access::StateAccess, text::print,
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
    block_on(give(&config, context, order, name.of(order)?))
}

async fn give(config: &Config, context: &Context, order: &str, collector: &str) -> anyhow::Result<Exit> {
    let command = format!("ccfd collectors {order}");
    let said = match StateAccess::find(config, context, &command).await? {
        StateAccess::Daemon(daemon) => {
            let routes = daemon.collectors(order, collector).await?;
            format!("{}: {}\n", done(order), routes.join(", "))
        }
        StateAccess::Own(store) => {
            let said = alone(config, order, collector);
            store.close().await?;
            said?
        }
    };
    print(&said)?;
    Ok(Exit::Done)
}

/// Without a daemon: takes effect at its next start.
fn alone(config: &Config, order: &str, collector: &str) -> anyhow::Result<String> {
    if !config.collectors.contains_key(collector) {
        let names = config.collectors.keys().cloned().collect::<Vec<_>>().join(", ");
        let text = format!("no collector `{collector}` is configured (there are: {names})");
        return Err(UsageError(text).into());
    }
    if order == "poll" {
        return Err(UsageError("no daemon is running here: nothing to poll".to_owned()).into());
    }
    let changed = Pauses::load(&config.state.dir).set(collector, order == "pause")?;
    let how = if changed { "from the next start on" } else { "as before" };
    Ok(format!("{} {how}: {collector}\n", done(order)))
}

fn done(order: &str) -> &'static str {
    match order {
        "pause" => "paused",
        "resume" => "resumed",
        _ => "polling now",
    }
}
