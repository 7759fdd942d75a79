//! Which parts of a run are done, such as a comment or a recipient. An attempt that fails in between is continued by the next one,
//! and no part is done twice. And whether an attempt has asked for something that may still be created.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use collectors::Clock;
use tokio::time::Instant;

use super::{
    run::{Retry, RunFailure},
    unwritten::UnwrittenRuns,
};
use crate::{detect_db::KeyedRun, reasons::with_reasons, sinks::SinkError};

/// The parts of one run.
pub struct RunProgress {
    /// Where they are kept; `None` for a run that is attempted once.
    kept: Option<(Arc<UnwrittenRuns>, KeyedRun, Clock)>,
    noted: Mutex<BTreeSet<String>>,
    creation: CreationMark,
}

/// Whether something that was asked for may still be created, because no answer says what came of it. All clones are one.
#[derive(Clone, Debug, Default)]
pub struct CreationMark(Arc<Mutex<Option<Instant>>>);

impl CreationMark {
    /// Something is asked for.
    pub fn asked(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// It is there, or was refused.
    pub fn answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// When it was asked for, if it may still be created.
    pub fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunProgress {
    /// Of a run with a key, in the database.
    pub(super) fn kept(unwritten: Arc<UnwrittenRuns>, run: KeyedRun, clock: Clock) -> Self {
        Self {
            kept: Some((unwritten, run, clock)),
            noted: Mutex::default(),
            creation: CreationMark::default(),
        }
    }

    /// Of a run that is attempted once.
    pub fn forgotten() -> Self {
        Self { kept: None, noted: Mutex::default(), creation: CreationMark::default() }
    }

    /// The same, of which somebody else wants to know whether something may still be created.
    pub(super) fn with_creation(self, creation: CreationMark) -> Self {
        Self { creation, ..self }
    }

    /// Whether this attempt has asked for something that may still be created.
    pub fn creation(&self) -> &CreationMark {
        &self.creation
    }

    /// The parts that are done, by this attempt and earlier ones.
    ///
    /// # Errors
    ///
    /// If they cannot be read: another attempt may help.
    pub async fn done(&self) -> Result<BTreeSet<String>, RunFailure> {
        let mut done = self.noted().clone();
        if let Some((unwritten, run, _)) = &self.kept {
            // First: what is written meanwhile is in the database.
            done.extend(unwritten.parts(run));
            let run = run.clone();
            let before = unwritten.database().run(move |db| db.run_parts(&run)).await;
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
        let Some((unwritten, run, _)) = &self.kept else { return Ok(BTreeSet::new()) };
        let mut done = unwritten.parts_of_others(run, &parts);
        let run = run.clone();
        let found = unwritten.database().run(move |db| db.parts_of_others(&run, &parts)).await;
        done.extend(found.map_err(|error| unreadable(&error))?);
        Ok(done)
    }

    /// Notes that a part begins, before anything is sent for it.
    ///
    /// # Errors
    ///
    /// If that cannot be kept: another attempt may help.
    pub async fn note_begun(&self, part: &str) -> Result<(), RunFailure> {
        if let Some((unwritten, run, clock)) = &self.kept {
            let (run, parts, now) = (run.clone(), [part.to_owned()], clock.now());
            let kept = unwritten.database().run(move |db| db.note_run_parts(&run, &parts, now)).await;
            kept.map_err(|error| {
                tracing::warn!(error = with_reasons(&error), "that a part of a run begins is not kept");
                let why = "that it begins cannot be kept, so nothing was sent";
                RunFailure::returned(why, None, Retry::Yes)
            })?;
        }
        self.noted().insert(part.to_owned());
        Ok(())
    }

    /// Takes back that a part has begun: it was refused.
    pub async fn note_refused(&self, part: &str) {
        self.noted().remove(part);
        let Some((unwritten, run, _)) = &self.kept else { return };
        let (run, parts) = (run.clone(), [part.to_owned()]);
        let forgotten = unwritten.database().run(move |db| db.forget_run_parts(&run, &parts)).await;
        if let Err(error) = forgotten {
            tracing::warn!(error = with_reasons(&error), "that a part of a run was refused is not kept");
        }
    }

    /// Notes that parts are done. What cannot be written is known to the next attempt all the same, and written later.
    pub async fn note(&self, parts: impl IntoIterator<Item = String>) {
        let parts: Vec<String> = parts.into_iter().collect();
        self.noted().extend(parts.iter().cloned());
        let Some((unwritten, run, clock)) = &self.kept else { return };
        unwritten.note(run, parts, clock.now()).await;
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreadable(error: &SinkError) -> RunFailure {
    tracing::error!(error = with_reasons(error), "what attempts of a run have done cannot be read");
    RunFailure::returned("what earlier attempts have done cannot be read", None, Retry::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::unwritten::tests::locked;

    fn texts(parts: &[&str]) -> BTreeSet<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_done_during_a_lock_is_done_for_the_next_attempt_and_written_later() {
        let (_dir, unwritten, other) = locked().await;
        let run = |key: &str| KeyedRun { doer: "sn".to_owned(), key: key.to_owned() };
        let attempt = |key| RunProgress::kept(Arc::clone(&unwritten), run(key), Clock::from_fn(|| 1_000));
        attempt("a").note(["one".to_owned()]).await;
        assert_eq!(attempt("a").done().await.unwrap(), texts(&["one"]));
        assert_eq!(attempt("b").done().await.unwrap(), texts(&[]));
        let both = || vec!["one".to_owned(), "two".to_owned()];
        assert_eq!(attempt("b").done_by_others(both()).await.unwrap(), texts(&["one"]));
        assert_eq!(attempt("a").done_by_others(both()).await.unwrap(), texts(&[]));
        let begun = attempt("a").note_begun("two").await.unwrap_err();
        assert_eq!(begun.retry, Retry::Yes);
        assert_eq!(attempt("a").done().await.unwrap(), texts(&["one"]), "it has not begun");
        other.execute_batch("ROLLBACK").unwrap();
        attempt("b").note(["three".to_owned()]).await;
        let written = unwritten.database().run(move |db| db.run_parts(&run("a"))).await.unwrap();
        assert_eq!((written, unwritten.parts(&run("b"))), (texts(&["one"]), texts(&[])));
        attempt("a").note_begun("two").await.unwrap();
        assert_eq!(attempt("a").done().await.unwrap(), texts(&["one", "two"]));
        attempt("a").note_refused("two").await;
        assert_eq!(attempt("a").done().await.unwrap(), texts(&["one"]));
    }
}
