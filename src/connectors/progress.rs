//! Which parts of a run are done, such as a comment or a recipient. An attempt that fails in between is continued by the next one,
//! and no part is done twice.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use collectors::Clock;

use super::run::{Retry, RunFailure};
use crate::{
    detect_db::{DetectThread, KeyedRun},
    reasons::with_reasons,
    sinks::SinkError,
};

/// The parts of one run.
pub struct RunProgress {
    /// Where they are kept; `None` for a run that is attempted once.
    kept: Option<(Arc<DetectThread>, KeyedRun, Clock)>,
    noted: Mutex<BTreeSet<String>>,
}

impl RunProgress {
    /// Of a run with a key, in the database.
    pub fn kept(database: Arc<DetectThread>, run: KeyedRun, clock: Clock) -> Self {
        Self { kept: Some((database, run, clock)), noted: Mutex::default() }
    }

    /// Of a run that is attempted once.
    pub fn forgotten() -> Self {
        Self { kept: None, noted: Mutex::default() }
    }

    /// The parts that are done, by this attempt and earlier ones.
    ///
    /// # Errors
    ///
    /// If they cannot be read: another attempt may help.
    pub async fn done(&self) -> Result<BTreeSet<String>, RunFailure> {
        let mut done = self.noted().clone();
        if let Some((database, run, _)) = &self.kept {
            let run = run.clone();
            let before = database.run(move |db| db.run_parts(&run)).await;
            done.extend(before.map_err(|error| unreadable(&error))?);
        }
        Ok(done)
    }

    /// Which of these parts other runs have done at the same receiver.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn done_by_others(&self, parts: Vec<String>) -> Result<BTreeSet<String>, RunFailure> {
        let Some((database, run, _)) = &self.kept else { return Ok(BTreeSet::new()) };
        let run = run.clone();
        let found = database.run(move |db| db.parts_of_others(&run, &parts)).await;
        found.map_err(|error| unreadable(&error))
    }

    /// Notes that parts are done.
    pub async fn note(&self, parts: impl IntoIterator<Item = String>) {
        let parts: Vec<String> = parts.into_iter().collect();
        self.noted().extend(parts.iter().cloned());
        let Some((database, run, clock)) = &self.kept else { return };
        let (run, now) = (run.clone(), clock.now());
        if let Err(error) = database.run(move |db| db.note_run_parts(&run, &parts, now)).await {
            // At worst the next attempt repeats them.
            tracing::warn!(error = with_reasons(&error), "what an attempt of a run has done is not kept");
        }
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreadable(error: &SinkError) -> RunFailure {
    tracing::error!(error = with_reasons(error), "what attempts of a run have done cannot be read");
    RunFailure::returned("what earlier attempts have done cannot be read", None, Retry::Yes)
}
