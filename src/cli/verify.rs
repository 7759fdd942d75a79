//! `ccfd verify`: compares a past window of the source with a sink; by the daemon if one runs, else by this command.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use state::Store;
use tokio::sync::watch;

use super::{
    Context, UsageError,
    backfill::pick_sink,
    block_on,
    collector_argument::CollectorArgument,
    exit::Exit,
    logging,
    person::person,
    state_access::StateAccess,
    text::{lines, print, print_json, say},
    time::Time,
};
use crate::{
    admin::client::AdminClient,
    config::Config,
    daemon::{
        Pauses,
        assembly::Assembly,
        signals::watch_stop_within,
        verification::{
            Phase, VerificationEnd, VerifyError, VerifyWanted, new_run, remove_leftovers, verify,
        },
    },
    pipeline::shutdown::{Shutdown, shutdown},
    verify::{chain, report::Report, verdict::Verdict},
};

/// How often the daemon is asked for its progress.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

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
    /// End of the window, exclusive. Everything before it must be delivered
    #[arg(long, value_name = "T", value_parser = Time::parse)]
    to: Time,
    /// Deliver what is missing, and compare again
    #[arg(long)]
    repair: bool,
    /// Write the report as JSON to FILE, and as a page of text beside it, to FILE with the extension txt
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Who asks for it, for the report; by default the user of this machine
    #[arg(long = "as", value_name = "NAME")]
    operator: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = context.config()?;
    logging::start(&config.log);
    let collector = arguments.collector.of("verify", &config)?.to_owned();
    let sink = pick_sink(&config, &collector, arguments.sink.as_deref())?;
    let now = chrono::Utc::now().timestamp();
    let (from, to) = (arguments.from.moment(now), arguments.to.moment(now));
    let operator = arguments.operator.clone().unwrap_or_else(|| person(&context.environment));
    let wanted = VerifyWanted { collector, sink, from, to, repair: arguments.repair, operator };
    let report = block_on(report(config, context, &wanted))?;
    if let Some(file) = &arguments.report {
        write(file, &report).with_context(|| file.display().to_string())?;
    }
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&lines(&report.text()))?;
    }
    Ok(match report.verdict {
        Verdict::Agrees | Verdict::AgreesWithExplainedDifferences => Exit::Done,
        Verdict::Differs => Exit::Operator,
        Verdict::NotProvable => Exit::Failed,
    })
}

fn write(file: &Path, report: &Report) -> anyhow::Result<()> {
    std::fs::write(file, serde_json::to_string_pretty(report)? + "\n")?;
    std::fs::write(file.with_extension("txt"), report.text())?;
    Ok(())
}

async fn report(config: Config, context: &Context, wanted: &VerifyWanted) -> anyhow::Result<Report> {
    let (sender, stop) = shutdown();
    let stopper = watch_stop_within(sender, config.pipeline.stop_timeout)?;
    match StateAccess::start(&config, context, "ccfd verify").await? {
        StateAccess::Own(store) => {
            store.hold_until_exit();
            Pauses::load(&config.state.dir).ensure_not_paused(&wanted.collector).map_err(UsageError)?;
            let done = by_itself(config, context, wanted, &store, stop).await;
            stopper.end_within(Duration::ZERO);
            store.close().await?;
            done
        }
        StateAccess::Daemon(daemon) => by_daemon(&config, &daemon, wanted, stop).await,
    }
}

async fn by_itself(
    config: Config,
    context: &Context,
    wanted: &VerifyWanted,
    store: &Store,
    stop: Shutdown,
) -> anyhow::Result<Report> {
    remove_leftovers(&config, store).await?;
    let stop_timeout = config.pipeline.stop_timeout;
    let assembly = Assembly::new(config, context.environment.clone());
    let (phase, _shown) = watch::channel(Phase::Waiting);
    let done = verify(&assembly, store, wanted, &new_run(), &phase, stop).await;
    assembly.close_sinks(None, stop_timeout).await;
    match done {
        Ok(report) => Ok(report),
        Err(VerifyError::Usage(text)) => Err(UsageError(text).into()),
        Err(error) => Err(error.into()),
    }
}

async fn by_daemon(
    config: &Config,
    daemon: &AdminClient,
    wanted: &VerifyWanted,
    mut stop: Shutdown,
) -> anyhow::Result<Report> {
    let run = daemon.verify(wanted).await?.run;
    tracing::info!(run, daemon = daemon.pid, "verification started by the daemon");
    let mut shown = None;
    loop {
        if stop.or_sleep(LOOK_INTERVAL).await {
            daemon.stop_verification(&run).await?;
            return Err(VerifyError::Stopped.into());
        }
        let all = daemon.verifications().await?;
        let Some(verification) = all.into_iter().find(|one| one.run == run) else {
            return Err(anyhow::anyhow!("the daemon was restarted; run the same command again"));
        };
        match verification.ended {
            None if shown != Some(verification.phase) => {
                shown = Some(verification.phase);
                tracing::info!(run, phase = verification.phase.word(), "verification");
            }
            None => {}
            Some(VerificationEnd::Reported { .. }) => {
                let path = chain::path(&config.state.dir, &run);
                let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
                return serde_json::from_slice(&text).with_context(|| path.display().to_string());
            }
            Some(VerificationEnd::Failed { text, usage: true }) => return Err(UsageError(text).into()),
            Some(VerificationEnd::Failed { text, usage: false }) => {
                say(format_args!("ccfd: the daemon could not verify"));
                return Err(anyhow::anyhow!(text));
            }
        }
    }
}
