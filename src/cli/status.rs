//! `ccfd status`: what each route is doing, or did last.

mod gather;
mod show;

pub use show::{ROUTE_HEADS, route_cells};

use std::collections::BTreeMap;

use chrono::Utc;
use clap::Args;
use serde::Serialize;

use super::{
    Context,
    disk_usage::{Destination, DiskUsage},
    exit::Exit,
    logging, runtime, text,
};
use crate::{
    config::Readable,
    pipeline::progress::{RouteState, RouteStatus},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON object. Times are Unix seconds; `routes` is as in status.json, plus `lag_seconds`, `never_run` and
    /// `configured`; `daemon` is the process that wrote it, and its `running` whether that is alive; `held_by` names another
    /// command that uses the state directory
    #[arg(long)]
    json: bool,
    /// Only test whether a daemon runs and wrote its status in the last 15 seconds: exit code 0 if so, else 1. For health checks
    /// that restart it: parked routes do not fail this test
    #[arg(long, conflicts_with = "json")]
    running: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Readable { mut config, is_whole, .. } = context.readable()?;
    config.log.level = config.log.level.min(tracing::Level::WARN);
    logging::start(&config.log);
    if arguments.running {
        let found = gather::daemon(gather::file(&config.state.dir).as_ref(), Utc::now().timestamp());
        return running(found);
    }
    let report = runtime()?.block_on(gather::gather(
        (&config, is_whole),
        &context.environment,
        Utc::now().timestamp(),
    ))?;
    if arguments.json {
        text::print_json(&report)?;
    } else {
        text::print(&show::text(&report, text::width(&context.environment)))?;
    }
    let parked = |line: &RouteLine| line.configured && line.status.state == RouteState::Parked;
    Ok(if report.routes.iter().any(parked) { Exit::Operator } else { Exit::Done })
}

fn running(found: Option<DaemonStatus>) -> anyhow::Result<Exit> {
    let (said, exit) = match found {
        Some(DaemonStatus { pid, running: true, .. }) => (format!("running as process {pid}"), Exit::Done),
        Some(_) => ("the last daemon no longer writes its status".to_owned(), Exit::Failed),
        None => ("no daemon has run here yet".to_owned(), Exit::Failed),
    };
    text::print(&(said + "\n"))?;
    Ok(exit)
}

/// The whole report. Times are Unix seconds.
#[derive(Debug, Serialize)]
struct StatusReport {
    now: i64,
    /// Who wrote status.json last.
    daemon: Option<DaemonStatus>,
    /// Another command that uses the state directory.
    held_by: Option<String>,
    routes: Vec<RouteLine>,
    /// Started backfills; known only while no other process uses the state directory.
    backfills: Vec<BackfillLine>,
    state: DiskUsage,
    /// Bytes of records that no sink takes, over all routes.
    rejects_bytes: u64,
    sinks: Vec<SinkLine>,
    /// How many actions of alerts wait or failed, by the names of actions that are no longer configured.
    actions_left: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct DaemonStatus {
    pid: u32,
    written: i64,
    running: bool,
}

#[derive(Debug, Serialize)]
struct RouteLine {
    #[serde(flatten)]
    status: RouteStatus,
    /// How many seconds the reading is behind now; `None` if nothing is read.
    lag_seconds: Option<i64>,
    never_run: bool,
    configured: bool,
}

#[derive(Debug, Serialize)]
struct BackfillLine {
    /// The checkpoint's name: the route, and the times as given.
    name: String,
    delivered: u64,
    /// Unread seconds of its window; `None` until it has begun.
    remaining_seconds: Option<i64>,
}

#[derive(Debug, Serialize)]
struct SinkLine {
    name: String,
    #[serde(rename = "type")]
    type_name: &'static str,
    #[serde(flatten)]
    destination: Destination,
}
