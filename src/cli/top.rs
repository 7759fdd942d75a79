//! `ccfd top`: the routes of the running daemon, as a table that stays up to date.

mod frame;
mod process;
mod screen;

use std::time::{Duration, Instant};

use clap::Args;
use console::Term;
use frame::Frame;
use process::DaemonProcess;
use screen::Screen;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    Context, block_on,
    exit::Exit,
    logging,
    running::{find, has_ended},
    text::{print, say, width},
};
use crate::{
    admin::client::{AdminClient, AdminError},
    config::Config,
    pipeline::status_file::StatusFile,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Time between two frames, and what the rates are measured over
    #[arg(long, value_name = "D", default_value = "2s", value_parser = interval)]
    interval: Duration,
    /// Print one frame, after one interval, and end; so does output that is no terminal
    #[arg(long)]
    once: bool,
}

/// Less would measure nothing, and more would look dead.
const INTERVALS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(3600)];

fn interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let [shortest, longest] = INTERVALS;
    let is_fitting = (shortest..=longest).contains(&interval);
    is_fitting.then_some(interval).ok_or_else(|| "expected a time from 200ms to 1h".to_owned())
}

/// What the daemon showed at one moment.
struct Sample {
    at: Instant,
    status: StatusFile,
}

impl Sample {
    async fn of(daemon: &AdminClient) -> Result<Self, AdminError> {
        let status = daemon.status().await?;
        Ok(Self { at: Instant::now(), status })
    }
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut config = context.readable()?.config;
    // A log line would tear the table.
    config.log.level = tracing::Level::ERROR;
    logging::start(&config.log);
    block_on(top(&config, context, arguments))
}

async fn top(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let daemon = find(config, context).await?;
    let before = Sample::of(&daemon).await?;
    let term = Term::buffered_stdout();
    if arguments.once || !term.is_term() {
        tokio::time::sleep(arguments.interval).await;
        let now = Sample::of(&daemon).await?;
        let frame = Frame { before: &before, now: &now, process: DaemonProcess::of(daemon.pid) };
        print(&frame.text(width(&context.environment)))?;
        return Ok(Exit::Done);
    }
    let screen = Screen::open(term)?;
    let watched = watch(&daemon, before, arguments.interval, &screen).await;
    screen.close()?;
    match watched {
        Ok(()) => Ok(Exit::Done),
        Err(TopEnded::Daemon(_)) if has_ended(config, context, daemon.pid).await => {
            say(format_args!("the daemon (process {}) has stopped", daemon.pid));
            Ok(Exit::Done)
        }
        Err(TopEnded::Daemon(error)) => Err(error.into()),
        Err(TopEnded::Terminal(error)) => Err(error.into()),
    }
}

/// Why the table cannot be kept up to date.
enum TopEnded {
    Daemon(AdminError),
    Terminal(std::io::Error),
}

/// Shows frames until a signal asks for the end.
async fn watch(
    daemon: &AdminClient,
    first: Sample,
    interval: Duration,
    screen: &Screen,
) -> Result<(), TopEnded> {
    let mut signals = Signals::watch().map_err(TopEnded::Terminal)?;
    let mut before = first;
    // RouteRates need two samples; the first frame has none, and appears at once.
    let frame = |before: &Sample, now: &Sample| {
        let frame = Frame { before, now, process: DaemonProcess::of(daemon.pid) };
        screen.show(|width| frame.text(width)).map_err(TopEnded::Terminal)
    };
    frame(&before, &before)?;
    loop {
        tokio::select! {
            () = signals.any() => return Ok(()),
            () = tokio::time::sleep(interval) => {}
        }
        let now = tokio::select! {
            () = signals.any() => return Ok(()),
            now = Sample::of(daemon) => now.map_err(TopEnded::Daemon)?,
        };
        frame(&before, &now)?;
        before = now;
    }
}

/// The signals that end the table, after which the cursor is shown again.
struct Signals([Signal; 3]);

impl Signals {
    fn watch() -> std::io::Result<Self> {
        let [interrupt, terminate, hang_up] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([interrupt?, terminate?, hang_up?]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}
