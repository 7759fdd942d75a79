//! `ccfd backfill`: a past window, once, with its own checkpoint; read by the daemon if one runs, else by
//! this command.

mod show;

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use show::BackfillDisplay;
use state::Store;

use super::{
    Context, UsageError, block_on,
    collector_argument::CollectorArgument,
    exit::{Exit, exit_of},
    logging,
    state_access::StateAccess,
    text::{counted, grouped, print, say},
    time::Time,
};
use crate::{
    admin::client::AdminClient,
    config::Config,
    daemon::{
        Pauses,
        assembly::Assembly,
        backfill::{BackfillWanted, HowEnded, PlanError, Window, no_such_sink, plan},
        signals::watch_stop_within,
    },
    pipeline::{
        progress::RouteStatus,
        route::Ended,
        shutdown::{Shutdown, shutdown},
    },
    request_trace::RequestTrace,
    tables::format_utc,
    telemetry::Telemetry,
};

/// The most windows that are read at the same time.
const PARALLEL_MAX: u64 = 64;
/// How long the end waits for telemetry that is not sent yet.
const TELEMETRY_END_MAX: Duration = Duration::from_secs(3);
/// How often progress is shown.
const SHOW_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    collector: CollectorArgument,
    /// The sink, where the collector has several
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Start of the window: RFC 3339, a UTC day, a look-back such as 30d, or beginning
    #[arg(long, value_name = "T", value_parser = Time::parse)]
    from: Time,
    /// End of the window, exclusive [default: where the route's own coverage begins, else now]
    #[arg(long, value_name = "T", value_parser = Time::parse)]
    to: Option<Time>,
    /// Number of slices to read in parallel (audit logs only; the key's rate still applies)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=PARALLEL_MAX))]
    parallel: u64,
    /// Start over, even if this backfill was already started or finished
    #[arg(long)]
    again: bool,
    /// Write a line about every request to FILE, for support: no bodies, no keys; removed after an hour
    #[arg(long, value_name = "FILE")]
    trace_requests: Option<PathBuf>,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut config = context.config()?;
    let collector = arguments.collector.of("backfill", &config)?;
    let sink = pick_sink(&config, collector, arguments.sink.as_deref())?;
    let list = config.collectors[collector].source.list;
    if !list.has_time_filter() && arguments.parallel > 1 {
        let records = list.records;
        return Err(UsageError(format!(
            "--parallel: {records} cannot be filtered by time, so they cannot be read in parallel"
        ))
        .into());
    }
    if std::io::stderr().is_terminal() {
        // The progress bar shows what is delivered.
        config.log.level = config.log.level.min(tracing::Level::WARN);
    }
    let mut telemetry = Telemetry::begin(&config.telemetry);
    logging::start_with(&config.log, telemetry.listener());
    let now = chrono::Utc::now().timestamp();
    let wanted = BackfillWanted {
        collector: collector.to_owned(),
        sink,
        from: arguments.from.moment(now),
        to: arguments.to.as_ref().map(|to| to.moment(now)),
        parallel: usize::try_from(arguments.parallel).unwrap_or(1),
        again: arguments.again,
    };
    let watching = Watching { trace: arguments.trace_requests.as_deref(), telemetry: &telemetry };
    let exit = block_on(backfill(config, context, &wanted, watching));
    telemetry.end(TELEMETRY_END_MAX);
    exit
}

/// What runs next to the reading.
struct Watching<'a> {
    trace: Option<&'a Path>,
    telemetry: &'a Telemetry,
}

/// The sink: the named one, or the collector's only one.
pub fn pick_sink(config: &Config, collector: &str, sink: Option<&str>) -> Result<String, UsageError> {
    let names = || config.collectors.keys().cloned().collect::<Vec<_>>().join(", ");
    let settings = config.collectors.get(collector).ok_or_else(|| {
        UsageError(format!("no collector `{collector}` is configured (there are: {})", names()))
    })?;
    match sink {
        Some(sink) if settings.sinks.iter().any(|one| one == sink) => Ok(sink.to_owned()),
        Some(sink) => Err(UsageError(no_such_sink(collector, sink, &settings.sinks))),
        None if settings.sinks.len() == 1 => Ok(settings.sinks[0].clone()),
        None => Err(UsageError(format!(
            "collector `{collector}` has several sinks, name one: --sink {}",
            settings.sinks.join("|")
        ))),
    }
}

async fn backfill(
    config: Config,
    context: &Context,
    wanted: &BackfillWanted,
    watching: Watching<'_>,
) -> anyhow::Result<Exit> {
    let (sender, stop) = shutdown();
    let stopper = watch_stop_within(sender, config.pipeline.stop_timeout)?;
    match StateAccess::start(&config, context, "ccfd backfill").await? {
        StateAccess::Own(store) => {
            store.hold_until_exit();
            Pauses::load(&config.state.dir).ensure_not_paused(&wanted.collector).map_err(UsageError)?;
            let _trace = RequestTrace::begin(&config.state.dir, watching.trace)?;
            let done = read(config, context, wanted, watching.telemetry, &store, stop).await;
            stopper.end_within(Duration::ZERO);
            store.close().await?;
            done
        }
        StateAccess::Daemon(_) if watching.trace.is_some() => {
            let text = "--trace-requests: the daemon sends the requests; start it with `ccfd run --trace-requests FILE`";
            Err(UsageError(text.to_owned()).into())
        }
        StateAccess::Daemon(daemon) => follow(&daemon, wanted, stop).await,
    }
}

/// Reads the window in this process.
async fn read(
    config: Config,
    context: &Context,
    wanted: &BackfillWanted,
    telemetry: &Telemetry,
    store: &Store,
    stop: Shutdown,
) -> anyhow::Result<Exit> {
    let window = match plan(store, wanted, chrono::Utc::now().timestamp()).await {
        Ok(window) => window,
        Err(PlanError::Empty(text)) => return Err(UsageError(text).into()),
        Err(PlanError::State(error)) => return Err(error.into()),
    };
    warn_cut_short(&window, wanted);
    if window.finished {
        return Ok(print_finished(&window)?);
    }
    let assembly = Assembly::new(config, context.environment.clone());
    let Some(route) = assembly.route(store, window.wanted(wanted)) else {
        return Err(UsageError("the collector's sink is not configured".to_owned()).into());
    };
    let (from, to) = (format_utc(window.from), format_utc(window.end));
    tracing::info!(from, to, resumed = window.resumed, "backfill started");
    let progress = route.progress.clone();
    let metrics = assembly.metrics_reader();
    telemetry.measure(move || metrics.snapshot());
    let mut display = BackfillDisplay::new(window.end - window.from, window.delivered);
    let running = route.run(stop);
    tokio::pin!(running);
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            () = tokio::time::sleep(SHOW_INTERVAL) => display.show(&progress.status()),
        }
    };
    let exit = match &ended {
        Ended::ReadAll => Exit::Done,
        Ended::Stopped => Exit::Failed,
        Ended::Failed(failure) => exit_of(failure),
    };
    display.end(&progress.status());
    summary(&HowEnded::from(&ended), &progress.status(), &window, display.elapsed())?;
    Ok(exit)
}

/// Lets the daemon read the window, and shows its progress. On a signal it stops the daemon's backfill too.
async fn follow(daemon: &AdminClient, wanted: &BackfillWanted, mut stop: Shutdown) -> anyhow::Result<Exit> {
    let window = daemon.backfill(wanted).await?;
    warn_cut_short(&window, wanted);
    if window.finished {
        return Ok(print_finished(&window)?);
    }
    let (from, to) = (format_utc(window.from), format_utc(window.end));
    tracing::info!(from, to, resumed = window.resumed, daemon = daemon.pid, "backfill started by the daemon");
    let mut display = BackfillDisplay::new(window.end - window.from, window.delivered);
    loop {
        if stop.or_sleep(SHOW_INTERVAL).await {
            daemon.stop_backfill(&window.name).await?;
        }
        let reports = daemon.backfills().await?;
        let Some(report) = reports.into_iter().find(|report| report.window.name == window.name) else {
            return Err(anyhow::anyhow!("the daemon was restarted; run the same command to continue"));
        };
        display.show(&report.status);
        if let Some(ended) = report.ended {
            display.end(&report.status);
            summary(&ended, &report.status, &window, display.elapsed())?;
            return Ok(match ended {
                HowEnded::Finished => Exit::Done,
                HowEnded::Failed { operator: true, .. } => Exit::Operator,
                HowEnded::Stopped | HowEnded::Failed { operator: false, .. } => Exit::Failed,
            });
        }
    }
}

fn warn_cut_short(window: &Window, wanted: &BackfillWanted) {
    if let Some(text) = window.cut_short(wanted) {
        tracing::warn!("{text}");
    }
}

fn print_finished(window: &Window) -> io::Result<Exit> {
    print(&format!(
        "already finished: {} to {}, {}; --again reads it once more\n",
        format_utc(window.from),
        format_utc(window.end),
        counted(window.delivered, "record")
    ))?;
    Ok(Exit::Done)
}

fn summary(ended: &HowEnded, status: &RouteStatus, window: &Window, took: Duration) -> io::Result<()> {
    let how = match ended {
        HowEnded::Finished => "finished",
        HowEnded::Stopped => "stopped; run the same command to continue",
        HowEnded::Failed { .. } => "not finished; run the same command to continue",
    };
    print(&format!(
        "backfill {how}\n  window     {} to {}\n  records    {} ({} already there, {} rejected)\n  requests   {}\n  time       {:.1} s\n",
        format_utc(window.from),
        format_utc(window.end),
        grouped(status.delivered),
        grouped(status.already_there),
        grouped(status.rejected),
        grouped(status.requests),
        took.as_secs_f64()
    ))?;
    if let HowEnded::Failed { text, advice, .. } = ended {
        say(format_args!("ccfd: {text}\n      {advice}"));
    }
    Ok(())
}
