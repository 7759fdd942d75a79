//! `ccfd tail`: records as they arrive.

mod line;

use std::{io, pin::pin, time::Duration};

use clap::Args;
use line::TailLines;

use super::{
    Context, block_on,
    exit::Exit,
    logging,
    running::{find, has_ended},
    text::{inert_json, print_to_reader, say, stdout_is_read},
};
use crate::{
    admin::client::tail::{TailLine, TailStream},
    config::Config,
    tables::compact,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only these collectors [default: all]
    #[arg(value_name = "COLLECTOR")]
    collectors: Vec<String>,
    /// What this route delivers, as `ccfd status` names it, or a backfill. By default each collector is shown by the route
    /// to the first of its sinks, so that no record is shown twice
    #[arg(long, value_name = "ROUTE", conflicts_with = "collectors")]
    route: Option<String>,
    /// Print each record as one line of JSON, whole; for programs
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut config = context.readable()?.config;
    config.log.level = config.log.level.min(tracing::Level::WARN);
    logging::start(&config.log);
    block_on(tail(&config, context, arguments))
}

async fn tail(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let daemon = find(config, context).await?;
    let mut records = daemon.tail(&arguments.collectors, arguments.route.as_deref()).await?;
    if !arguments.json {
        say(format_args!("records appear here once they are delivered; Ctrl-C ends this"));
    }
    // Ctrl-C has its usual effect, so that it also ends a command whose reader does not read.
    if !show(&mut records, arguments.json).await? {
        return Ok(Exit::Done);
    }
    let pid = daemon.pid;
    if has_ended(config, context, pid).await {
        say(format_args!("the daemon (process {pid}) has stopped"));
        return Ok(Exit::Done);
    }
    say(format_args!(
        "the daemon (process {pid}) has closed the connection, because nothing was read for too long"
    ));
    Ok(Exit::Failed)
}

/// How often to look whether anyone still reads, while nothing comes.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Shows records until the daemon sends no more (true) or nobody reads them any longer (false).
async fn show(records: &mut TailStream, json: bool) -> anyhow::Result<bool> {
    let mut lines = TailLines::new();
    loop {
        let line = {
            let mut next = pin!(records.next());
            loop {
                tokio::select! {
                    line = &mut next => break line?,
                    () = tokio::time::sleep(LOOK_INTERVAL) => {}
                }
                if !stdout_is_read() {
                    return Ok(false);
                }
            }
        };
        let Some(line) = line else { return Ok(true) };
        let is_read = match line {
            TailLine::Record { record, .. } if json => print_to_reader(&as_json(&record))?,
            TailLine::Record { route, table, record } => {
                print_to_reader(&lines.line(&route, &table, &record))?
            }
            TailLine::Lost(lost) => lose(lost, json)?,
            TailLine::Heartbeat => stdout_is_read(),
        };
        if !is_read {
            return Ok(false);
        }
    }
}

/// As the sink received it, on one line, inert for a terminal.
fn as_json(record: &str) -> String {
    inert_json(&compact(record.as_bytes())).into_owned() + "\n"
}

/// Where programs read records, the count goes to standard error.
fn lose(lost: u64, json: bool) -> io::Result<bool> {
    let text = line::lost(lost);
    if json {
        say(format_args!("{text}"));
        return Ok(stdout_is_read());
    }
    print_to_reader(&(text + "\n"))
}
