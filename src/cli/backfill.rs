//! `ccfd backfill`: a past window, once, under a checkpoint of its own.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    Context, UsageError,
    assembly::{Assembly, Wanted},
    exit::{Exit, exit_of},
    logging,
    run::watch_signals,
    runtime,
    store::{self, backfill_name, route_name},
    text::{grouped, print},
    time::{Time, shown},
};
use crate::{
    config::{Config, Source},
    pipeline::{
        checkpoint::Checkpoint,
        plan::Plan,
        policy::judge,
        progress::{Progress, RouteState, RouteStatus},
        route::Ended,
        shutdown::shutdown,
    },
};

/// The most windows that are read at the same time.
const PARALLEL_MAX: u64 = 64;
/// How often progress is shown.
const SHOW_INTERVAL: Duration = Duration::from_millis(250);
/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub struct Arguments {
    /// The collector
    #[arg(long, value_name = "NAME")]
    collector: String,
    /// The sink, where the collector has several
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// First time: RFC 3339, a UTC day, a look-back such as 30d, or beginning
    #[arg(long, value_name = "T", value_parser = Time::parse)]
    from: Time,
    /// Time before which it ends [default: where the route's own coverage begins, else now]
    #[arg(long, value_name = "T", value_parser = Time::parse)]
    to: Option<Time>,
    /// How many slices are read at the same time (audit logs only; the key's rate still holds)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=PARALLEL_MAX))]
    parallel: u64,
    /// Begin anew, although this backfill was begun or finished before
    #[arg(long)]
    again: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut config = context.config()?;
    let sink = pick_sink(&config, &arguments.collector, arguments.sink.as_deref())?;
    let is_chat = matches!(config.collectors[&arguments.collector].source, Source::ChatCompletions { .. });
    if is_chat && arguments.parallel > 1 {
        let text = "--parallel: stored completions cannot be filtered by time, so there are no slices to read side by side";
        return Err(UsageError(text.to_owned()).into());
    }
    if std::io::stderr().is_terminal() {
        // The bar tells what is delivered.
        config.log.level = config.log.level.min(tracing::Level::WARN);
    }
    logging::start(&config.log);
    runtime()?.block_on(backfill(config, context, arguments, sink))
}

/// The sink that is meant: the named one, or the collector's only one.
pub fn pick_sink(config: &Config, collector: &str, sink: Option<&str>) -> Result<String, UsageError> {
    let names = || config.collectors.keys().cloned().collect::<Vec<_>>().join(", ");
    let settings = config.collectors.get(collector).ok_or_else(|| {
        UsageError(format!("no collector `{collector}` is configured (there are: {})", names()))
    })?;
    match sink {
        Some(sink) if settings.sinks.iter().any(|one| one == sink) => Ok(sink.to_owned()),
        Some(sink) => Err(UsageError(format!("collector `{collector}` has no sink `{sink}`"))),
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
    arguments: &Arguments,
    sink: String,
) -> anyhow::Result<Exit> {
    let (sender, stop) = shutdown();
    watch_signals(sender)?;
    let store = store::open(&config.state, "ccfd backfill")?;
    let route = route_name(&arguments.collector, &sink);
    let now = chrono::Utc::now().timestamp();
    let own = store::load(&store, &route).await?;
    let to_text = arguments.to.as_ref().map_or("", |to| to.text.as_str());
    let name = backfill_name(&route, &arguments.from.text, to_text);
    if arguments.again {
        store.cursor::<Checkpoint>(&name).remove().await?;
    }
    let begun = store::load(&store, &name).await?;
    if let Some(begun) = begun.as_ref().filter(|begun| begun.walks.iter().all(|walk| walk.finished)) {
        let end = begun.walks.last().and_then(|walk| walk.until).unwrap_or(begun.start);
        print(&format!(
            "already finished: {} to {}, {} records; --again reads it once more\n",
            shown(begun.start),
            shown(end + 1),
            grouped(begun.delivered)
        ))?;
        store.close().await?;
        return Ok(Exit::Done);
    }
    let from = begun.as_ref().map_or(arguments.from.second(now), |begun| begun.start);
    let end = match (&begun, &arguments.to, &own) {
        (Some(begun), _, _) => begun.walks.last().and_then(|walk| walk.until).map_or(now, |until| until + 1),
        (None, Some(to), _) => to.second(now),
        (None, None, Some(own)) => own.start,
        (None, None, None) => now,
    };
    if from >= end {
        let text = format!("nothing lies between --from {} and --to {}", shown(from), shown(end));
        let covered = own.filter(|own| arguments.to.is_none() && own.start <= from);
        let hint = covered.map_or("", |_| ": the route itself covers that time; give --to to read it again");
        return Err(UsageError(text + hint).into());
    }
    let plan = Plan::Past { from, to: end - 1, parallel: usize::try_from(arguments.parallel).unwrap_or(1) };
    let wanted =
        Wanted { collector: arguments.collector.clone(), sink, checkpoint: name, plan, accept_change: false };
    let assembly = Assembly::new(config, context.environment.clone());
    let Some(route) = assembly.route(&store, wanted) else {
        return Err(UsageError("the collector's sink is not configured".to_owned()).into());
    };
    let (progress, began) = (route.progress.clone(), Instant::now());
    tracing::info!(from = shown(from), to = shown(end), resumed = begun.is_some(), "backfill started");
    let showing = tokio::spawn(show(progress.clone(), end - from));
    let ended = route.run(stop).await;
    showing.abort();
    _ = showing.await;
    store.close().await?;
    Ok(summary(&ended, &progress.status(), (from, end), began.elapsed())?)
}

fn summary(ended: &Ended, status: &RouteStatus, (from, end): (i64, i64), took: Duration) -> io::Result<Exit> {
    let (exit, how) = match ended {
        Ended::ReadAll => (Exit::Done, "finished"),
        Ended::Stopped => (Exit::Failed, "stopped; the same command goes on from here"),
        Ended::Failed(failure) => (exit_of(failure), "not finished; the same command goes on from here"),
    };
    print(&format!(
        "backfill {how}\n  window     {} to {}\n  records    {} ({} already there, {} rejected)\n  requests   {}\n  time       {:.1} s\n",
        shown(from),
        shown(end),
        grouped(status.delivered),
        grouped(status.already_there),
        grouped(status.rejected),
        grouped(status.requests),
        took.as_secs_f64()
    ))?;
    if let Ended::Failed(failure) = ended {
        eprintln!("ccfd: {failure}\n      {}", judge(failure).advice);
    }
    Ok(exit)
}

/// Shows progress until it is aborted: a bar on a terminal, lines elsewhere.
async fn show(progress: Progress, seconds: i64) {
    let bar = std::io::stderr().is_terminal().then(|| bar(seconds));
    let began = Instant::now();
    let before = progress.status().delivered;
    let mut next_line = Instant::now() + LINE_INTERVAL;
    loop {
        tokio::time::sleep(SHOW_INTERVAL).await;
        let status = progress.status();
        let covered = status.remaining_seconds.map_or(0, |remaining| (seconds - remaining).max(0));
        let rate = (status.delivered.saturating_sub(before)) as f64 / began.elapsed().as_secs_f64();
        match &bar {
            Some(bar) => {
                let doing = if status.state == RouteState::CatchingUp {
                    String::new()
                } else {
                    format!(" ({})", status.state)
                };
                bar.set_position(covered.unsigned_abs());
                bar.set_message(format!("{} records, {rate:.0}/s{doing}", status.delivered));
            }
            None if Instant::now() >= next_line => {
                next_line += LINE_INTERVAL;
                let percent = covered * 100 / seconds.max(1);
                let left = (covered > 0)
                    .then(|| began.elapsed().as_secs_f64() * (seconds - covered) as f64 / covered as f64);
                tracing::info!(
                    records = status.delivered,
                    records_per_second = rate as u64,
                    covered_percent = percent,
                    eta_seconds = left.map(|left| left as u64),
                    "backfill"
                );
            }
            None => {}
        }
    }
}

fn bar(seconds: i64) -> ProgressBar {
    let bar = ProgressBar::new(seconds.unsigned_abs());
    let template = "{wide_bar} {percent:>3}% of the time covered  {msg}  ETA {eta}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
