//! The sink itself: the rules, the open database, and the thread that works on both.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use collectors::Clock;
use tokio::sync::watch;

use super::{
    check::look,
    delivery::deliver,
    rule_files::{RuleFiles, RulesInUse},
    sights::SightNotes,
};
use crate::{
    config::DetectSettings,
    detect::{model::Matches, rules::RuleSet},
    detect_db::{AlertLimits, DetectDb},
    reasons::with_reasons,
    sinks::{
        Batch, Looked, Receipt, Redelivery, Sink, SinkError, WriteFailure,
        age::Age,
        disk,
        sink_thread::{Lull, SinkThread},
        upkeep::{self, Looks, Pace},
    },
    tables::Table,
};

/// A good size of a batch in bytes of records: one transaction, however few of them match.
const BATCH_BYTES: usize = 1 << 22;

/// The sink. Opens the database at the first check or write, and again after a failure.
pub struct DetectSink {
    state: Arc<DetectState>,
    thread: SinkThread,
}

struct DetectState {
    settings: DetectSettings,
    clock: Clock,
    age: Age,
    rules: Mutex<RuleFiles>,
    notes: SightNotes,
    changed: watch::Sender<()>,
    open: Mutex<Option<OpenDetect>>,
}

struct OpenDetect {
    db: DetectDb,
    looks: Looks,
    /// The rules that the database has in use.
    adopted: Option<Arc<RuleSet>>,
    /// The memory of the matches of a batch.
    matches: Matches,
}

impl DetectSink {
    /// A sink with these settings; opens nothing yet.
    pub fn new(settings: DetectSettings, clock: Clock) -> Self {
        let (rules, open) = (Mutex::default(), Mutex::new(None));
        let (notes, changed) = (SightNotes::default(), watch::Sender::new(()));
        let state =
            Arc::new(DetectState { settings, clock, age: Age::default(), rules, notes, changed, open });
        let thread = upkeep::thread(&state, Pace::USUAL, true, DetectState::tidy);
        Self { state, thread }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&DetectState) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, SinkError> {
        let state = Arc::clone(&self.state);
        let done = self.thread.run(move || work(&state)).await;
        done.map_err(|error| disk::failed(&self.state.settings.database, error)).and_then(|done| done)
    }
}

impl DetectState {
    /// The time: a local clock that is years ahead would make every alert look new, and remove it too late.
    fn now(&self) -> i64 {
        self.age.now(self.clock.now(), None)
    }

    /// Runs `work` with the current rules and the database, which is opened if necessary, and with them in use. After a failure
    /// it is closed: the next use looks again at what is there.
    fn with_database<T>(
        &self,
        work: impl FnOnce(&RuleSet, &mut OpenDetect) -> Result<T, SinkError>,
    ) -> Result<T, SinkError> {
        self.with_open(|set, open| {
            if !open.adopted.as_ref().is_some_and(|adopted| Arc::ptr_eq(adopted, set)) {
                open.db.adopt(set.rules.clone().into(), self.now())?;
                open.adopted = Some(Arc::clone(set));
            }
            let DetectSettings { database, free_min, .. } = &self.settings;
            if disk::ensure_free(database, *free_min).is_err() {
                // No write will make room later, so it is made now.
                self.clear_up(&mut open.db, &mut open.looks);
                disk::ensure_free(database, *free_min)?;
            }
            work(set, open)
        })
    }

    fn with_open<T>(
        &self,
        work: impl FnOnce(&Arc<RuleSet>, &mut OpenDetect) -> Result<T, SinkError>,
    ) -> Result<T, SinkError> {
        let mut place = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = &self.settings;
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner).current(settings, self.now());
        // Each line of the reason begins with the file.
        let rules = rules.map_err(|reason| SinkError::BrokenRules { reason })?;
        let (RulesInUse::Same(set) | RulesInUse::New(set)) = rules;
        let before = place.take();
        let was_open = before.is_some();
        let mut open = match before.filter(|open| open.db.in_place()) {
            Some(open) => open,
            None => {
                if was_open {
                    let path = settings.database.display();
                    tracing::warn!(%path, "the database of alerts was removed or replaced: ccfd continues with what is there now");
                }
                let mut db = DetectDb::open(&settings.database, settings.free_min)?;
                db.keep_for(settings.retention);
                db.deliver_by(settings.alert_routes.clone());
                db.act(settings.actions.iter().map(|action| action.outbox.clone()).collect());
                OpenDetect { db, looks: Looks::default(), adopted: None, matches: Matches::default() }
            }
        };
        let done = work(&set, &mut open)?;
        *place = Some(open);
        Ok(done)
    }

    /// What is done between batches: rules are read again while no batch comes, and what is too old is removed.
    fn tidy(&self, lull: Lull) {
        let Lull::Idle { .. } = lull else { return };
        if !self.settings.database.exists() {
            return;
        }
        // A failure is that of the next write, too.
        let looked = self.with_database(|set, open| {
            self.notes.keep(set, &mut open.db, self.now());
            Ok(())
        });
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(()), Some(OpenDetect { db, looks, .. })) = (looked, open.as_mut()) {
            self.clear_up(db, looks);
        }
    }

    fn clear_up(&self, db: &mut DetectDb, looks: &mut Looks) {
        let now = self.clock.now();
        if !looks.is_due(now) {
            return;
        }
        let DetectSettings { retention, size_max, .. } = self.settings;
        let newest = db.newest_arrival().ok().flatten();
        match db.clear_up(&AlertLimits { retention, size_max }, self.age.now(now, newest)) {
            Ok(forgotten) => looks.done(now, forgotten.more),
            Err(error) => {
                if looks.failed(now) {
                    let path = self.settings.database.display();
                    tracing::warn!(%path, error = with_reasons(&error), "removing old alerts failed; trying again every minute");
                }
            }
        }
    }
}

#[async_trait]
impl Sink for DetectSink {
    fn redelivery(&self) -> Redelivery {
        Redelivery::Harmless
    }

    fn batch_bytes(&self) -> usize {
        BATCH_BYTES
    }

    fn identity(&self, table: &Table) -> String {
        self.state.settings.destination(table)
    }

    async fn check(&self, _: &[Arc<Table>]) -> Result<Looked, SinkError> {
        self.run(|state| {
            let path = state.settings.database.display().to_string();
            // A daemon beside it takes changed rules into use itself: with two, each would start over what the other knows.
            state.with_open(|set, open| {
                disk::ensure_free(&state.settings.database, state.settings.free_min)?;
                open.db.ensure_writable()?;
                Ok(look(&path, set, open.db.count_alerts()?))
            })
        })
        .await
    }

    fn alert_changes(&self) -> Option<watch::Receiver<()>> {
        Some(self.state.changed.subscribe())
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        let written = self.run(move |state| {
            let (now, notified_max) = (state.now(), state.settings.alerts_per_hour_max);
            let receipt = state.with_database(|set, OpenDetect { db, matches, .. }| {
                let before = db.newest_change()?;
                let (receipt, forgotten) = deliver((db, matches), set, &batch, notified_max, now)?;
                state.notes.note_forgotten(forgotten);
                state.notes.keep(set, db, now);
                if db.newest_change()? != before {
                    state.changed.send_replace(());
                }
                Ok(receipt)
            })?;
            let mut open = state.open.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(OpenDetect { db, looks, .. }) = open.as_mut() {
                state.clear_up(db, looks);
            }
            Ok(receipt)
        });
        Ok(written.await?)
    }

    /// Closed, the database is one file.
    async fn close(&self) -> Result<(), SinkError> {
        self.run(|state| {
            if state.open.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                // A failure loses what the last minute saw of fields, and nothing else.
                _ = state.with_database(|set, open| {
                    state.notes.keep_all(set, &mut open.db, state.now());
                    Ok(())
                });
            }
            drop(state.open.lock().unwrap_or_else(PoisonError::into_inner).take());
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        sync::Arc,
    };

    use super::super::tests::Bench;

    #[test]
    fn a_database_that_was_removed_while_it_was_in_use_is_a_line_of_the_log() {
        let bench = Bench::new();
        let sink = bench.sink();
        let log = bench.settings.database.with_extension("log");
        let written = || fs::read_to_string(&log).unwrap();
        let lines = tracing_subscriber::fmt().with_writer(Arc::new(File::create(&log).unwrap())).finish();
        tracing::subscriber::with_default(lines, || {
            let open = || sink.state.with_database(|_, _| Ok(())).unwrap();
            open();
            open();
            assert!(!written().contains("removed or replaced"), "{}", written());
            fs::remove_file(&bench.settings.database).unwrap();
            open();
            assert!(written().contains("removed or replaced"), "{}", written());
        });
    }
}
