//! `ccfd run`: every configured route, until told to stop; with `--once`, until everything is read.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use state::Store;
use tokio::{signal::unix::SignalKind, task::JoinSet};
use tracing::Instrument;

use super::{
    Context,
    assembly::{Assembly, Wanted, begin},
    exit::{Exit, exit_of},
    logging, notify, runtime,
    store::{name_orphans, open, route_name},
};
use crate::{
    config::Config,
    pipeline::{
        plan::Plan,
        progress::Progress,
        route::{Ended, Route},
        shutdown::{Shutdown, ShutdownSender, shutdown},
        status_file::{StatusFile, keep_status_file},
    },
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
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = context.config()?;
    logging::start(&config.log);
    runtime()?.block_on(serve(config, context, arguments))
}

async fn serve(config: Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (sender, stop) = shutdown();
    let signals = watch_signals(sender).context("cannot watch for signals")?;
    let command = if arguments.once { "ccfd run --once" } else { "ccfd run" };
    let store = open(&config.state, command)?;
    name_orphans(&store, &config)?;
    let assembly = Assembly::new(config, context.environment.clone());
    let routes = routes(&assembly, &store, arguments.once, arguments.accept_change);
    collect(&assembly, store, routes, stop, signals, arguments.timeout).await
}

/// Runs the routes to their end, with status.json beside them, and closes the store.
pub async fn collect(
    assembly: &Assembly,
    store: Store,
    routes: Vec<Route>,
    stop: Shutdown,
    stopper: Arc<ShutdownSender>,
    timeout: Option<Duration>,
) -> anyhow::Result<Exit> {
    let dir = &assembly.config.state.dir;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), routes = routes.len(), state = %dir.display(), "started");
    let progress: Vec<Progress> = routes.iter().map(|route| route.progress.clone()).collect();
    let (ended, watch) = shutdown();
    let status = keep_status_file(dir.clone(), progress.clone(), assembly.changed(), watch.clone());
    let status = tokio::spawn(status);
    let notes = tokio::spawn(notify::keep(progress.clone(), watch));
    let exit = drive(routes, stop, stopper, &assembly.config, timeout).await;
    assembly.close_sinks(assembly.config.pipeline.stop_timeout).await;
    ended.request();
    _ = tokio::join!(status, notes);
    StatusFile::of(&progress).write(dir).context("cannot write status.json")?;
    store.close().await?;
    tracing::info!("stopped");
    Ok(exit)
}

/// Every configured route, not yet running.
pub fn routes(assembly: &Arc<Assembly>, store: &Store, once: bool, accept_change: bool) -> Vec<Route> {
    let mut routes = Vec::new();
    for (collector, settings) in &assembly.config.collectors {
        for sink in &settings.sinks {
            let wanted = Wanted {
                collector: collector.clone(),
                sink: sink.clone(),
                checkpoint: route_name(collector, sink),
                plan: Plan::Follow { begin: begin(&settings.start), once },
                accept_change,
            };
            routes.extend(assembly.route(store, wanted));
        }
    }
    routes
}

/// Runs the routes side by side. A stop leaves them a bounded time to end what is in flight.
async fn drive(
    routes: Vec<Route>,
    mut stop: Shutdown,
    stopper: Arc<ShutdownSender>,
    config: &Config,
    timeout: Option<Duration>,
) -> Exit {
    let mut running = JoinSet::new();
    for route in routes {
        let span = tracing::error_span!("route", route = route.name);
        running.spawn(route.run(stop.clone()).instrument(span));
    }
    notify::ready();
    let mut exit = Exit::Done;
    let late = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(late);
    loop {
        tokio::select! {
            ended = running.join_next() => match ended {
                None => return exit,
                Some(ended) => exit = worse(exit, end_of(ended, &stopper)),
            },
            () = &mut late => {
                tracing::warn!("not everything was read in time; the next run goes on");
                stopper.request();
                exit = worse(exit, Exit::Failed);
                break;
            }
            () = stop.requested() => break,
        }
    }
    tracing::info!("stopping");
    notify::stopping();
    let drained = tokio::time::timeout(config.pipeline.stop_timeout, async {
        while let Some(ended) = running.join_next().await {
            exit = worse(exit, end_of(ended, &stopper));
        }
    });
    if drained.await.is_err() {
        tracing::warn!(
            routes = running.len(),
            "still busy, cut off: what was not committed is read again at the next start"
        );
        running.shutdown().await;
    }
    exit
}

fn end_of(ended: Result<Ended, tokio::task::JoinError>, stopper: &ShutdownSender) -> Exit {
    match ended {
        Ok(Ended::ReadAll | Ended::Stopped) => Exit::Done,
        Ok(Ended::Failed(failure)) => {
            let exit = exit_of(&failure);
            if matches!(
                crate::pipeline::policy::judge(&failure).action,
                crate::pipeline::policy::Action::Stop
            ) {
                stopper.request();
            }
            exit
        }
        Err(error) => {
            tracing::error!(%error, "route ended by a fault in ccfd, stopping: please report this");
            stopper.request();
            Exit::Failed
        }
    }
}

/// The exit that says more: an operator must act, or it failed, or it is done.
fn worse(one: Exit, other: Exit) -> Exit {
    let rank = |exit| match exit {
        Exit::Done => 0,
        Exit::Failed => 1,
        Exit::Usage => 2,
        Exit::Operator => 3,
    };
    if rank(one) >= rank(other) { one } else { other }
}

/// SIGTERM and SIGINT ask for the stop; a second one ends the process at once.
pub fn watch_signals(sender: ShutdownSender) -> std::io::Result<Arc<ShutdownSender>> {
    let sender = Arc::new(sender);
    let mut terminate = tokio::signal::unix::signal(SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(SignalKind::interrupt())?;
    let stopper = sender.clone();
    tokio::spawn(async move {
        for times in 0.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if times > 0 {
                std::process::exit(1);
            }
            stopper.request();
        }
    });
    Ok(sender)
}
