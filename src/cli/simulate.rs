//! `ccfd simulate`: an OpenAI with hostile habits, on this machine.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use collectors::Clock;
use tokio::net::TcpListener;

use super::{UsageError, exit::Exit, runtime, text};
use crate::{
    daemon::signals::watch_stop,
    pipeline::shutdown::shutdown,
    simulator::{Habits, Simulator, SimulatorOptions, serve},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Address to listen on; port 0 selects a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Audit events to generate [default: 1000, none with --records]
    #[arg(long, value_name = "N")]
    audit_logs: Option<u64>,
    /// Stored completions to generate [default: 1000, none with --records]
    #[arg(long, value_name = "N")]
    completions: Option<u64>,
    /// Serve the records of this NDJSON file; can be repeated
    #[arg(long, value_name = "FILE.ndjson")]
    records: Vec<PathBuf>,
    /// The same seed gives the same records and faults
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Comma-separated: ties, shuffle, newest|oldest, late, deleted-404|deleted-empty|deleted-ignored, crowded, throttle, errors,
    /// cut, null-edges, pretty, tenant-ignore|tenant-refuse, all, and a few more that an invalid name lists
    #[arg(long, value_name = "LIST", default_value = "ties,shuffle,newest")]
    habits: Habits,
    /// How long each response takes
    #[arg(long, value_name = "D", default_value = "0s", value_parser = humantime::parse_duration)]
    latency: Duration,
    /// New records per second
    #[arg(long, value_name = "N", default_value_t = 0)]
    live: u32,
    /// Sent as openai-organization
    #[arg(long, value_name = "ID", hide = true)]
    organization: Option<String>,
    /// Sent as openai-project
    #[arg(long, value_name = "ID", hide = true)]
    project: Option<String>,
    /// Seconds by which the Date of its responses is wrong
    #[arg(long, value_name = "SECONDS", hide = true, default_value_t = 0, allow_negative_numbers = true)]
    date_offset: i64,
}

/// Records of each list when nothing else is asked for.
const GENERATED: u64 = 1000;

pub fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if !arguments.listen.ip().is_loopback() {
        let text =
            "--listen: the simulator accepts any key, so it listens only on loopback, such as 127.0.0.1:8080";
        return Err(UsageError(text.to_owned()).into());
    }
    let read =
        |path: &PathBuf| std::fs::read(path).map(Bytes::from).with_context(|| path.display().to_string());
    let records = arguments.records.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let generated = if records.is_empty() { GENERATED } else { 0 };
    let defaults = SimulatorOptions::default();
    let options = SimulatorOptions {
        audit_logs: arguments.audit_logs.unwrap_or(generated),
        completions: arguments.completions.unwrap_or(generated),
        records,
        seed: arguments.seed,
        habits: arguments.habits,
        latency: arguments.latency,
        live_per_second: f64::from(arguments.live),
        organization: arguments.organization.clone().unwrap_or(defaults.organization),
        project: arguments.project.clone().unwrap_or(defaults.project),
        spread: defaults.spread,
    };
    let simulator =
        Simulator::new(options, Clock::system()).map_err(|error| UsageError(error.to_string()))?;
    simulator.date_offset(arguments.date_offset);
    runtime()?.block_on(async {
        let (sender, mut stop) = shutdown();
        watch_stop(sender)?;
        let listener =
            TcpListener::bind(arguments.listen).await.with_context(|| arguments.listen.to_string())?;
        text::print(&format!("http://{}/v1\n", listener.local_addr()?))?;
        serve(listener, simulator, async move { stop.requested().await }).await?;
        Ok(Exit::Done)
    })
}
