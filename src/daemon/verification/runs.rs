//! The verifications of a daemon: one at a time, each in a task of its own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use state::Store;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

use super::{Phase, VerifyError, VerifyWanted, new_run, verify};
use crate::{
    daemon::assembly::Assembly,
    pipeline::{
        names::route_name,
        shutdown::{ShutdownSender, shutdown},
    },
    reasons::with_reasons,
    verify::{chain::Link, verdict::Verdict},
};

/// How many ended runs are remembered.
const ENDED_MAX: usize = 100;
/// How many may wait.
const WAITING_MAX: usize = 100;

/// A run that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Its name.
    pub run: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum VerificationEnd {
    /// With a report.
    Reported {
        /// Its verdict.
        verdict: Verdict,
    },
    /// Without one.
    Failed {
        /// Why.
        text: String,
        /// Whether the request was wrong.
        usage: bool,
    },
}

/// A run of this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationStatus {
    /// Its name.
    pub run: String,
    /// What it compares.
    pub wanted: VerifyWanted,
    /// What it is doing.
    pub phase: Phase,
    /// How it ended; `None` while it runs.
    pub ended: Option<VerificationEnd>,
}

struct KnownVerification {
    wanted: VerifyWanted,
    phase: watch::Receiver<Phase>,
    stop: ShutdownSender,
    ended: Option<VerificationEnd>,
}

/// The verifications of this process.
#[derive(Default)]
pub struct Verifications {
    runs: Arc<Mutex<BTreeMap<String, KnownVerification>>>,
    tasks: JoinSet<()>,
    room: Arc<OneAtATime>,
}

struct OneAtATime(Semaphore);

impl Default for OneAtATime {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl Verifications {
    /// Starts a run, which waits for those before it. Fails if too many wait.
    pub fn begin(
        &mut self,
        assembly: Arc<Assembly>,
        store: Store,
        wanted: VerifyWanted,
    ) -> Result<Started, String> {
        while self.tasks.try_join_next().is_some() {}
        if self.tasks.len() >= WAITING_MAX {
            return Err(format!("{WAITING_MAX} verifications are waiting already"));
        }
        let run = new_run();
        let (phase, shown) = watch::channel(Phase::Waiting);
        let (sender, stop) = shutdown();
        self.remember(
            run.clone(),
            KnownVerification { wanted: wanted.clone(), phase: shown, stop: sender, ended: None },
        );
        let (runs, room, name) = (self.runs.clone(), self.room.clone(), run.clone());
        self.tasks.spawn(async move {
            let _guard = EndGuard { runs: runs.clone(), run: name.clone() };
            let mut waiting = stop.clone();
            let place = tokio::select! {
                place = room.0.acquire() => place.ok(),
                () = waiting.requested() => None,
            };
            let done = match place {
                Some(_place) => verify(&assembly, &store, &wanted, &name, &phase, stop).await,
                None => Err(VerifyError::Stopped),
            };
            let ended = match done {
                Ok(report) => {
                    let (verdict, unexplained) = (report.verdict, report.totals.unexplained);
                    log(&name, &wanted, verdict, unexplained);
                    let route = route_name(&wanted.collector, &wanted.sink);
                    assembly.note_verified(&route, Link::of(&report).into());
                    VerificationEnd::Reported { verdict }
                }
                Err(error) => {
                    let text = with_reasons(&error);
                    tracing::warn!(
                        run = name,
                        collector = wanted.collector,
                        error = text,
                        "verification ended without a report"
                    );
                    VerificationEnd::Failed { text, usage: matches!(error, VerifyError::Usage(_)) }
                }
            };
            if let Some(known) = lock(&runs).get_mut(&name) {
                known.ended = Some(ended);
            }
        });
        Ok(Started { run })
    }

    /// Every run, by name, including those that ended.
    pub fn all(&self) -> Vec<VerificationStatus> {
        let shown = |(run, known): (&String, &KnownVerification)| VerificationStatus {
            run: run.clone(),
            wanted: known.wanted.clone(),
            phase: *known.phase.borrow(),
            ended: known.ended.clone(),
        };
        lock(&self.runs).iter().map(shown).collect()
    }

    /// Asks a run to end. False if there is none of this name.
    pub fn stop(&self, run: &str) -> bool {
        lock(&self.runs).get(run).map(|known| known.stop.request()).is_some()
    }

    /// Asks the runs of a collector, or all of them, to end.
    pub fn stop_all(&self, collector: Option<&str>) {
        let runs = lock(&self.runs);
        let meant = runs.values().filter(|known| collector.is_none_or(|name| known.wanted.collector == name));
        meant.for_each(|known| known.stop.request());
    }

    /// Ends all runs, and waits for them for a limited time.
    pub async fn end(&mut self, within: Duration) {
        self.stop_all(None);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within, ended).await.is_err() {
            self.tasks.abort_all();
        }
    }

    fn remember(&self, run: String, known: KnownVerification) {
        let mut runs = lock(&self.runs);
        let oldest = runs.iter().find(|(_, known)| known.ended.is_some()).map(|(name, _)| name.clone());
        if let (true, Some(oldest)) = (runs.len() >= ENDED_MAX, oldest) {
            runs.remove(&oldest);
        }
        runs.insert(run, known);
    }
}

/// Shows an end of a run even if a bug in ccfd is what ends it: otherwise a command would wait for it for ever.
struct EndGuard {
    runs: Arc<Mutex<BTreeMap<String, KnownVerification>>>,
    run: String,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        if let Some(known) = lock(&self.runs).get_mut(&self.run) {
            let text = "cut off by a stop, or by a bug in ccfd".to_owned();
            known.ended.get_or_insert(VerificationEnd::Failed { text, usage: false });
        }
    }
}

fn log(run: &str, wanted: &VerifyWanted, verdict: Verdict, unexplained: u64) {
    let (collector, sink) = (&wanted.collector, &wanted.sink);
    match verdict {
        Verdict::Agrees | Verdict::AgreesWithExplainedDifferences => {
            tracing::info!(run, collector, sink, %verdict, "verified");
        }
        Verdict::NotProvable => tracing::warn!(run, collector, sink, %verdict, "verified"),
        Verdict::Differs => tracing::error!(run, collector, sink, %verdict, unexplained, "verified"),
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
