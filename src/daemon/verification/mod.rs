//! A verification: what is asked for, and how a run goes through its steps. See `crate::verify` for the method.

mod compared;
mod read;
mod runs;
mod schedule;
mod steps;
mod stuck;

use std::sync::Arc;

use collectors::Client;
pub use runs::{Started, VerificationEnd, VerificationStatus, Verifications};
pub use schedule::Scheduled;
use serde::{Deserialize, Serialize};
use state::{StateError, Store};
use tokio::sync::watch;

use super::{assembly::Assembly, backfill::Moment};
use crate::{
    config::{CollectorSettings, Config, SinkSettings},
    digest::{hash_hex, hex},
    pipeline::{
        checkpoint::Checkpoint,
        names::{is_of_verification, repair_name, route_name, verify_name},
        rejects::work_aside,
        shutdown::Shutdown,
    },
    sinks::comparable::{Question, Span},
    tables::format_utc,
    verify::{
        self, chain,
        report::{ALGORITHM, FORMAT, Report, ReportClock, SinkSide, SourceSide, Totals},
        verdict::Verdict,
    },
};

/// The request for a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyWanted {
    /// The collector.
    pub collector: String,
    /// The sink.
    pub sink: String,
    /// First time.
    pub from: Moment,
    /// The time before which it ends.
    pub to: Moment,
    /// Whether to deliver what is missing.
    #[serde(default)]
    pub repair: bool,
    /// Who asks for it.
    #[serde(default)]
    pub operator: String,
}

/// What a run is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Another run is in progress.
    Waiting,
    /// Reading the source.
    Reading,
    /// Reading the sink.
    Comparing,
    /// Delivering what is missing.
    Repairing,
}

impl Phase {
    /// Its word in a log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Comparing => "comparing",
            Self::Repairing => "repairing",
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The request is wrong.
    #[error("{0}")]
    Usage(String),
    /// It was stopped.
    #[error("stopped; nothing was left behind, run the same command again")]
    Stopped,
    /// The checkpoints.
    #[error(transparent)]
    State(#[from] StateError),
    /// The folder of the reports.
    #[error("{path}")]
    Io {
        /// Which folder.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// A name for a run: its time, and some letters that no other has.
pub fn new_run() -> String {
    let mut random = [0; 4];
    // Without randomness the time alone must do.
    _ = aws_lc_rs::rand::fill(&mut random);
    format!("{}-{}", chrono::Utc::now().format("%Y%m%dT%H%M%SZ"), hex(&random))
}

/// Removes what killed runs have left. No run may be in progress in this state directory.
pub async fn remove_leftovers(config: &Config, store: &Store) -> Result<(), VerifyError> {
    for name in store.names()?.iter().filter(|name| is_of_verification(name)) {
        store.cursor::<Checkpoint>(name).remove().await?;
    }
    let dir = &config.state.dir;
    verify::remove_leftovers(dir)
        .map_err(|source| VerifyError::Io { path: dir.join(verify::DIR).display().to_string(), source })
}

/// What a run works with.
struct VerificationRun<'a> {
    assembly: &'a Arc<Assembly>,
    store: &'a Store,
    wanted: &'a VerifyWanted,
    settings: &'a CollectorSettings,
    id: &'a str,
    phase: &'a watch::Sender<Phase>,
    stop: Shutdown,
    question: Question,
    report: Report,
}

/// Verifies, and stores the report. A window that cannot be proven has a report that says why.
pub async fn verify(
    assembly: &Arc<Assembly>,
    store: &Store,
    wanted: &VerifyWanted,
    id: &str,
    phase: &watch::Sender<Phase>,
    stop: Shutdown,
) -> Result<Report, VerifyError> {
    let (settings, sink) = configured(assembly, wanted)?;
    let window = Span { from: wanted.from.second, to: wanted.to.second };
    if window.from >= window.to {
        let (from, to) = (format_utc(window.from), format_utc(window.to));
        return Err(VerifyError::Usage(format!("there is no time between --from {from} and --to {to}")));
    }
    let question = Question {
        table: Assembly::table(settings),
        connector: wanted.collector.as_str().into(),
        time: settings.source.list.time(),
        window,
        redact: None,
    };
    let report = begin_report(assembly, wanted, id, (settings, sink), &question);
    let mut run = VerificationRun {
        assembly,
        store,
        wanted,
        settings,
        id,
        phase,
        stop: stop.clone(),
        question,
        report,
    };
    let mut stopping = stop;
    let why = tokio::select! {
        why = run.steps(sink) => Some(why?),
        () = stopping.requested() => None,
    };
    let Some(why) = why else {
        let route = route_name(&wanted.collector, &wanted.sink);
        for name in [verify_name(&route, id), repair_name(&route, id)] {
            store.cursor::<Checkpoint>(&name).remove().await?;
        }
        return Err(VerifyError::Stopped);
    };
    let mut report = run.report;
    if !why.is_empty() {
        (report.verdict, report.why) = (Verdict::NotProvable, why);
    }
    report.clock.local = format_utc(chrono::Utc::now().timestamp());
    report.count();
    let dir = assembly.config.state.dir.clone();
    let path = dir.join(verify::DIR).display().to_string();
    let sealed = work_aside(move || chain::append(&dir, &mut report).map(|_| report)).await;
    sealed
        .map_err(std::io::Error::other)
        .and_then(|sealed| sealed)
        .map_err(|source| VerifyError::Io { path, source })
}

fn configured<'a>(
    assembly: &'a Assembly,
    wanted: &VerifyWanted,
) -> Result<(&'a CollectorSettings, &'a SinkSettings), VerifyError> {
    let config = &assembly.config;
    let settings = config.collectors.get(&wanted.collector);
    let settings = settings
        .ok_or_else(|| VerifyError::Usage(format!("no collector `{}` is configured", wanted.collector)))?;
    let sink = config.sinks.get(&wanted.sink).filter(|_| settings.sinks.contains(&wanted.sink));
    let no_sink = || format!("collector `{}` has no sink `{}`", wanted.collector, wanted.sink);
    Ok((settings, sink.ok_or_else(|| VerifyError::Usage(no_sink()))?))
}

fn begin_report(
    assembly: &Assembly,
    wanted: &VerifyWanted,
    id: &str,
    (settings, sink): (&CollectorSettings, &SinkSettings),
    question: &Question,
) -> Report {
    let configuration = format!("{settings:?} {sink:?} {:?}", assembly.config.retries.get(&wanted.sink));
    Report {
        format: FORMAT,
        run: id.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        operator: wanted.operator.clone(),
        configuration: hash_hex(configuration.as_bytes()),
        collector: wanted.collector.clone(),
        list: settings.source.list.name.to_owned(),
        sink: wanted.sink.clone(),
        source: SourceSide { base_url: settings.base_url.to_string(), ..SourceSide::default() },
        destination: SinkSide {
            type_name: sink.type_name().to_owned(),
            table: question.table.name.to_string(),
            ..SinkSide::default()
        },
        from: format_utc(question.window.from),
        to: format_utc(question.window.to),
        clock: ReportClock::default(),
        verdict: Verdict::NotProvable,
        why: Vec::new(),
        totals: Totals::default(),
        algorithm: ALGORITHM.to_owned(),
        hours: Vec::new(),
        differences: Vec::new(),
        repair: None,
        statements: Vec::new(),
        limits: Vec::new(),
        before: None,
        sha256: String::new(),
    }
}

/// The first and the last client of a reading, which may have begun several times.
#[derive(Default)]
struct Clients {
    first: Option<Arc<Client>>,
    last: Option<Arc<Client>>,
}
