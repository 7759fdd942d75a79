//! `ccfd run`: runs every configured route until shutdown; with `--once`, until everything is read.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use state::Store;
use tokio::time::timeout;

use super::{
    Context,
    admin_task::AdminTask,
    block_on, ensure_threads,
    exit::{Exit, exit_of},
    logging,
    store::{name_orphans, open},
};
use crate::{
    config::{Config, ConfigError, find_file},
    daemon::{
        actions, alerts,
        assembly::Assembly,
        cases,
        connector_runs::{self, record_left_runs},
        control::{Orders, control},
        health::Health,
        notify,
        push::PUSH_END_MAX,
        signals::{Stopper, watch_reload, watch_stop_within},
        supervisor::{Mode, RunOutcome, Supervisor},
        verification::remove_leftovers,
    },
    files,
    pipeline::{
        shutdown::{Shutdown, shutdown},
        status_file::keep_status_file,
    },
    reasons::with_reasons,
    request_trace::RequestTrace,
    telemetry::Telemetry,
};

/// Threads that a daemon needs: the store has nine, each sink one, and short tasks a few.
const THREADS: usize = 16;

/// The longest time for each step of the end. Their sum may exceed a shutdown: each step leaves time for
/// those that follow.
const HEALTH_END_MAX: Duration = Duration::from_secs(6);
/// The time that the last alerts, actions, cases and runs get at least, if the shutdown may take that long.
const ROWS_END_MIN: Duration = Duration::from_secs(5);
/// With --once, the last records are judged and their alerts are still to be delivered.
const ALERTS_ONCE_MAX: Duration = Duration::from_secs(60);
/// What came of runs may wait for a lock of the database that is gone by now.
const RUNS_END_MAX: Duration = Duration::from_secs(2);
const STATUS_END_MAX: Duration = Duration::from_secs(2);
const STORE_END_MAX: Duration = Duration::from_secs(30);
pub const ADMIN_END_MAX: Duration = Duration::from_secs(1);
const TELEMETRY_END_MAX: Duration = Duration::from_secs(3);
/// The time that is left for closing sinks, status and store when all else takes too long.
const CLOSING: Duration = Duration::from_secs(3);
/// The time that is left for the last log lines.
pub const LAST_LINES: Duration = Duration::from_millis(300);

#[derive(Debug, Args)]
pub struct Arguments {
    /// End when each route has read up to now, and has swept if a sweep is due
    #[arg(long)]
    once: bool,
    /// With --once: end after this time at the latest, with exit code 1
    #[arg(long, requires = "once", value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Continue from a checkpoint that was written for another source, filter or sink
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
    ensure_threads(THREADS)?;
    let (sender, stop) = shutdown();
    let stopper =
        watch_stop_within(sender, config.pipeline.stop_timeout).context("cannot watch for signals")?;
    let exit = block_on(serve(config, context, arguments, &telemetry, &stopper, stop));
    telemetry.end(stopper.share(TELEMETRY_END_MAX, LAST_LINES));
    exit
}

async fn serve(
    config: Config,
    context: &Context,
    arguments: &Arguments,
    telemetry: &Telemetry,
    stopper: &Arc<Stopper>,
    stop: Shutdown,
) -> anyhow::Result<Exit> {
    if let Some(timeout) = arguments.timeout {
        stopper.end_within(timeout);
    }
    let command = if arguments.once { "ccfd run --once" } else { "ccfd run" };
    let store = open(&config.state, command)?;
    store.hold_until_exit();
    let _trace = RequestTrace::begin(&config.state.dir, arguments.trace_requests.as_deref())?;
    if let Err(error) = remove_leftovers(&config, &store).await {
        tracing::warn!(error = with_reasons(&error), "leftovers of a killed verification not removed");
    }
    name_orphans(&store, &config)?;
    let mode =
        Mode { once: arguments.once, timeout: arguments.timeout, accept_change: arguments.accept_change };
    let assembly = Assembly::new(config, context.environment.clone());
    assembly.warn_of_connectors();
    assembly.connectors.serve();
    let (control, orders) = control();
    let admin = if arguments.once {
        None
    } else {
        watch_reload(control.clone()).context("cannot watch for signals")?;
        Some(AdminTask::start(&assembly, &store, control, &context.environment)?)
    };
    let (context, allowing) = (context.clone(), stopper.clone());
    let reload = move || {
        // A pipe would work at the start, but at a reload it would block the daemon until somebody writes to
        // it.
        if let Some(file) = find_file(context.file.as_deref(), &context.environment)? {
            let path = file.path().to_owned();
            files::ensure_regular(&path).map_err(|source| ConfigError::Unreadable { path, source })?;
        }
        let config = context.config()?;
        allowing.allow(config.pipeline.stop_timeout);
        Ok(config)
    };
    let supervisor = Supervisor::new(assembly.clone(), store.clone()).reloads_by(Box::new(reload));
    let exit = collect(&assembly, store, supervisor, mode, orders, stop, (telemetry, stopper)).await;
    if let Some(admin) = admin {
        admin.end(stopper.share(ADMIN_END_MAX, LAST_LINES)).await?;
    }
    exit
}

/// Runs the routes to their end, keeps status.json up to date, and closes the store.
pub async fn collect(
    assembly: &Arc<Assembly>,
    store: Store,
    supervisor: Supervisor,
    mode: Mode,
    orders: Orders,
    stop: Shutdown,
    (telemetry, stopper): (&Telemetry, &Stopper),
) -> anyhow::Result<Exit> {
    let metrics = assembly.metrics_reader();
    telemetry.measure(move || metrics.snapshot());
    let (dir, registry) = (&assembly.config.state.dir, &assembly.registry);
    let routes = assembly.wanted(mode.once, mode.accept_change).len();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), routes, state = %dir.display(), "started");
    let (ended, watch) = shutdown();
    let status = tokio::spawn(keep_status_file(dir.clone(), registry.clone(), watch.clone()));
    let notes = tokio::spawn(notify::keep(registry.clone(), watch.clone()));
    let left = tokio::spawn(record_left_runs(assembly.connectors.clone(), watch));
    let health = Health::begin(&supervisor, mode.once, stop.clone());
    let alerts = alerts::begin(&supervisor);
    let actions = actions::begin(&supervisor);
    let cases = cases::begin(&supervisor);
    let runs = connector_runs::begin(&supervisor);
    let mut outcome = supervisor.run(mode, orders, stop.clone()).await;
    if mode.once && !stop.is_requested() {
        let within = stopper.share(ALERTS_ONCE_MAX, CLOSING);
        match timeout(within, alerts.end(true)).await {
            Ok(failures) => outcome.failures.extend(failures),
            Err(_) => outcome.late = true,
        }
        match timeout(stopper.share(ALERTS_ONCE_MAX, CLOSING), actions.end(true)).await {
            Ok(failures) => outcome.failures.extend(failures),
            Err(_) => outcome.late = true,
        }
        match timeout(stopper.share(ALERTS_ONCE_MAX, CLOSING), cases.end(true)).await {
            Ok(failures) => outcome.failures.extend(failures),
            Err(_) => outcome.late = true,
        }
        // Actions run connectors.
        match timeout(stopper.share(ALERTS_ONCE_MAX, CLOSING), runs.end(true)).await {
            Ok(failures) => outcome.failures.extend(failures),
            Err(_) => outcome.late = true,
        }
        stopper.end_within(Duration::ZERO);
    } else {
        stopper.end_within(Duration::ZERO);
        let pushes = assembly.pushes.end(stopper.share(PUSH_END_MAX, CLOSING));
        let rows = async {
            tokio::join!(pushes, alerts.end(true), actions.end(false), cases.end(false), runs.end(true))
        };
        // What is delivered and done is to be kept, and a lock of the database may pass.
        let within = assembly.config.pipeline.stop_timeout.max(ROWS_END_MIN);
        _ = timeout(stopper.share(within, CLOSING), rows).await;
    }
    assembly.warn_of_unkept();
    _ = timeout(stopper.share(HEALTH_END_MAX, CLOSING), health.end()).await;
    _ = timeout(stopper.share(RUNS_END_MAX, CLOSING), assembly.connectors.settle()).await;
    // Taken now, because the sinks' counters disappear with them.
    telemetry.remember();
    let closing = stopper.share(assembly.config.pipeline.stop_timeout, CLOSING / 2);
    _ = timeout(closing, assembly.close_sinks(None, closing)).await;
    ended.request();
    let shown =
        timeout(stopper.share(STATUS_END_MAX, CLOSING / 4), async { tokio::join!(status, notes, left) });
    if shown.await.is_err() {
        tracing::warn!("status.json cannot be written in time");
    }
    timeout(stopper.share(STORE_END_MAX, LAST_LINES), store.close()).await.context(
        "the checkpoint store cannot be closed in time; the next start continues from what is committed",
    )??;
    tracing::info!("stopped");
    Ok(exit_after(&outcome))
}

/// The most important exit code: an operator must act, else failed, else done.
fn exit_after(outcome: &RunOutcome) -> Exit {
    let rank = |exit: &Exit| match exit {
        Exit::Done => 0,
        Exit::Failed => 1,
        Exit::Usage => 2,
        Exit::Operator => 3,
    };
    let of_process = if outcome.faulty || outcome.late { Exit::Failed } else { Exit::Done };
    outcome.failures.iter().map(exit_of).chain([of_process]).max_by_key(rank).unwrap_or(Exit::Done)
}
