//! `ccfd run`: every configured route, until told to stop; with `--once`, until everything is read.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use state::Store;

use super::{
    Context, UsageError,
    exit::{Exit, exit_of},
    logging, runtime,
    store::{name_orphans, open},
};
use crate::{
    admin::{keep::Admin, pages::Daemon},
    config::Config,
    daemon::{
        assembly::Assembly,
        control::{Orders, control},
        health::Health,
        notify,
        signals::{watch_reload, watch_stop},
        supervisor::{Mode, Outcome, Supervisor},
    },
    pipeline::{
        shutdown::{Shutdown, shutdown},
        status_file::{StatusFile, keep_status_file},
    },
    request_trace::RequestTrace,
    telemetry::Telemetry,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// End when each route has read to now and finished a sweep if one is due
    #[arg(long)]
    once: bool,
    /// With --once: end after this time at the latest, with exit code 1
    #[arg(long, requires = "once", value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Go on from the old place although a checkpoint was written for another source, filter or sink
    #[arg(long)]
    accept_change: bool,
    /// Write a line about every request to FILE, for support: no bodies, no keys; removed after an hour
    #[arg(long, value_name = "FILE")]
    trace_requests: Option<PathBuf>,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let mut telemetry = Telemetry::begin(&config.telemetry);
    logging::start_with(&config.log, telemetry.listener());
    let exit = runtime()?.block_on(serve(config, context, arguments, &telemetry));
    telemetry.end();
    exit
}

async fn serve(
    config: Config,
    context: &Context,
    arguments: &Arguments,
    telemetry: &Telemetry,
) -> anyhow::Result<Exit> {
    let (sender, stop) = shutdown();
    watch_stop(sender).context("cannot watch for signals")?;
    let command = if arguments.once { "ccfd run --once" } else { "ccfd run" };
    let store = open(&config.state, command)?;
    let _trace = RequestTrace::begin(&config.state.dir, arguments.trace_requests.as_deref())?;
    name_orphans(&store, &config)?;
    let mode =
        Mode { once: arguments.once, timeout: arguments.timeout, accept_change: arguments.accept_change };
    let assembly = Assembly::new(config, context.environment.clone());
    let (control, orders) = control();
    let (admin_ends, admin_stop) = shutdown();
    let admin = if arguments.once {
        None
    } else {
        watch_reload(control.clone()).context("cannot watch for signals")?;
        let daemon = Daemon {
            board: assembly.board.clone(),
            store: store.clone(),
            control,
            readings: assembly.readings(),
        };
        let (settings, dir) = (assembly.config.admin.clone(), assembly.config.state.dir.clone());
        let admin = Admin::new(settings, dir, daemon, &context.environment)
            .map_err(|error| UsageError(format!("[admin]: {error}")))?;
        Some(tokio::spawn(admin.keep(admin_stop)))
    };
    let context = context.clone();
    let supervisor =
        Supervisor::new(assembly.clone(), store.clone()).reloads_by(Box::new(move || context.config()));
    let exit = collect(&assembly, store, supervisor, mode, orders, stop, telemetry).await;
    admin_ends.request();
    if let Some(admin) = admin {
        admin.await.context("admin interface")?;
    }
    exit
}

/// Runs the routes to their end, with status.json beside them, and closes the store.
pub async fn collect(
    assembly: &Arc<Assembly>,
    store: Store,
    supervisor: Supervisor,
    mode: Mode,
    orders: Orders,
    stop: Shutdown,
    telemetry: &Telemetry,
) -> anyhow::Result<Exit> {
    let readings = assembly.readings();
    telemetry.measure(move || readings.take());
    let (dir, board) = (&assembly.config.state.dir, &assembly.board);
    let routes = assembly.wanted(mode.once, mode.accept_change).len();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), routes, state = %dir.display(), "started");
    let (ended, watch) = shutdown();
    let status = tokio::spawn(keep_status_file(dir.clone(), board.clone(), watch.clone()));
    let notes = tokio::spawn(notify::keep(board.clone(), watch));
    let health = Health::begin(&supervisor, mode.once, stop.clone());
    let outcome = supervisor.run(mode, orders, stop).await;
    health.end().await;
    // The sinks' own figures go with them.
    telemetry.remember();
    assembly.close_sinks(None, assembly.config.pipeline.stop_timeout).await;
    ended.request();
    _ = tokio::join!(status, notes);
    StatusFile::of(board).write(dir).context("cannot write status.json")?;
    store.close().await?;
    tracing::info!("stopped");
    Ok(exit_after(&outcome))
}

/// The exit that says most: an operator must act, or it failed, or it is done.
fn exit_after(outcome: &Outcome) -> Exit {
    let rank = |exit: &Exit| match exit {
        Exit::Done => 0,
        Exit::Failed => 1,
        Exit::Usage => 2,
        Exit::Operator => 3,
    };
    let of_process = if outcome.faulty || outcome.late { Exit::Failed } else { Exit::Done };
    outcome.failures.iter().map(exit_of).chain([of_process]).max_by_key(rank).unwrap_or(Exit::Done)
}
