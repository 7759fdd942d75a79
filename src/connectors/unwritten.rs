//! What the database is to know of runs, until it does: another process may lock it for longer than a run waits.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    detect_db::{DetectDb, DetectThread, KeyedRun, RunRecord},
    log_throttle::LogThrottle,
    reasons::with_reasons,
    sinks::SinkError,
};

/// The most runs whose end waits, and the most whose parts do.
const RUNS_MAX: usize = 1_000;
/// The pause between two attempts, if nothing else is written meanwhile.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// The time between two lines of the log.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Ends of runs and parts of runs. Each is written at once, or with the next one that can be.
pub struct UnwrittenRuns {
    database: Arc<DetectThread>,
    waiting: Mutex<WaitingRuns>,
}

struct WaitingRuns {
    /// In their order.
    ends: VecDeque<RunRecord>,
    /// When they were done, and what.
    parts: BTreeMap<KeyedRun, (i64, BTreeSet<String>)>,
    /// Whether a task writes them later.
    is_retried: bool,
    log: LogThrottle<FailedWrites>,
}

/// What is said of them.
#[derive(Debug, Default, PartialEq)]
struct FailedWrites {
    failed: u64,
    dropped: u64,
    error: Option<String>,
}

impl UnwrittenRuns {
    /// Those of this database.
    pub fn new(database: Arc<DetectThread>) -> Arc<Self> {
        let waiting = WaitingRuns {
            ends: VecDeque::new(),
            parts: BTreeMap::new(),
            is_retried: false,
            log: LogThrottle::new(SAID_EVERY),
        };
        Arc::new(Self { database, waiting: Mutex::new(waiting) })
    }

    /// The database.
    pub fn database(&self) -> &DetectThread {
        &self.database
    }

    /// Records the end of a run: now, or later.
    pub async fn record(self: &Arc<Self>, record: RunRecord) {
        {
            let mut waiting = self.waiting();
            waiting.ends.push_back(record);
            if waiting.ends.len() > RUNS_MAX {
                waiting.ends.pop_front();
                waiting.say_failed(|failed| failed.dropped += 1);
            }
        }
        let all = Arc::clone(self);
        // Nothing is lost if it fails, so the runs that begin meanwhile do not wait for each.
        self.written(self.database.run_briefly(move |db| all.write_to(db)).await);
    }

    /// Notes that parts of a run are done: now, or later.
    pub async fn note(self: &Arc<Self>, run: &KeyedRun, parts: Vec<String>, now: i64) {
        if parts.is_empty() {
            return;
        }
        self.waiting().add_parts(run, parts, now);
        let all = Arc::clone(self);
        self.written(self.database.run(move |db| all.write_to(db)).await);
    }

    /// The parts of a run that wait.
    pub fn parts(&self, run: &KeyedRun) -> BTreeSet<String> {
        self.waiting().parts.get(run).map(|(_, parts)| parts.clone()).unwrap_or_default()
    }

    /// Which of these parts other runs have done at the same receiver, as far as that waits.
    pub fn parts_of_others(&self, run: &KeyedRun, parts: &[String]) -> BTreeSet<String> {
        let waiting = self.waiting();
        let others = waiting.parts.iter().filter(|(other, _)| other.doer == run.doer && other.key != run.key);
        others.flat_map(|(_, (_, done))| done).filter(|part| parts.contains(part)).cloned().collect()
    }

    /// Writes all that waits, if it can be written.
    pub async fn write(self: &Arc<Self>) {
        let all = Arc::clone(self);
        self.written(self.database.run(move |db| all.write_to(db)).await);
    }

    /// Does this work on the database after all that waits is written: what it removes does not come back.
    pub async fn run_written<T, E>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut DetectDb) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SinkError> + Send + 'static,
    {
        let all = Arc::clone(self);
        let written = move |db: &mut DetectDb| {
            all.write_to(db)?;
            work(db)
        };
        self.database.run(written).await
    }

    /// Parts of a run that wait, as after a lock.
    #[cfg(test)]
    pub fn wait_with_parts(&self, run: &KeyedRun, parts: &[String]) {
        self.waiting().add_parts(run, parts.to_vec(), 0);
    }

    fn write_to(&self, db: &mut DetectDb) -> Result<(), SinkError> {
        let first =
            || self.waiting().parts.first_key_value().map(|(run, noted)| (run.clone(), noted.clone()));
        while let Some((run, (at, parts))) = first() {
            db.note_run_parts(&run, &parts.iter().cloned().collect::<Vec<_>>(), at)?;
            let mut waiting = self.waiting();
            if let Some((_, left)) = waiting.parts.get_mut(&run) {
                left.retain(|part| !parts.contains(part));
            }
            waiting.parts.retain(|_, (_, left)| !left.is_empty());
        }
        let first = || self.waiting().ends.front().cloned();
        while let Some(end) = first() {
            db.record_run(&end)?;
            let mut waiting = self.waiting();
            if waiting.ends.front() == Some(&end) {
                waiting.ends.pop_front();
            }
        }
        Ok(())
    }

    fn written(self: &Arc<Self>, written: Result<(), SinkError>) {
        let Err(error) = written else { return };
        let mut waiting = self.waiting();
        // It may have been written meanwhile, with another one.
        if waiting.is_empty() {
            return;
        }
        waiting.say_failed(|failed| {
            failed.failed += 1;
            failed.error = Some(with_reasons(&error));
        });
        if !std::mem::replace(&mut waiting.is_retried, true) {
            tokio::spawn(Arc::clone(self).write_later());
        }
    }

    async fn write_later(self: Arc<Self>) {
        loop {
            tokio::time::sleep(RETRY_INTERVAL).await;
            let all = Arc::clone(&self);
            if !self.waiting().is_empty()
                && let Err(error) = self.database.run_briefly(move |db| all.write_to(db)).await
            {
                tracing::debug!(error = with_reasons(&error), "what came of runs is not kept yet");
            }
            let mut waiting = self.waiting();
            waiting.say();
            if waiting.is_empty() && waiting.log.due().is_none() {
                waiting.is_retried = false;
                return;
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingRuns> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitingRuns {
    fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.parts.is_empty()
    }

    fn add_parts(&mut self, run: &KeyedRun, parts: Vec<String>, now: i64) {
        let (at, noted) = self.parts.entry(run.clone()).or_default();
        *at = now;
        noted.extend(parts);
        if self.parts.len() > RUNS_MAX {
            let others = self.parts.iter().filter(|(other, _)| *other != run);
            let oldest = others.min_by_key(|(_, (at, _))| *at).map(|(other, _)| other.clone());
            oldest.and_then(|oldest| self.parts.remove(&oldest));
            self.say_failed(|failed| failed.dropped += 1);
        }
    }

    fn say_failed(&mut self, add: impl FnOnce(&mut FailedWrites)) {
        if let Some(failed) = self.log.add(add) {
            self.log_failed(failed);
        }
    }

    fn say(&mut self) {
        if let Some(failed) = self.log.due_now() {
            self.log_failed(failed);
        }
    }

    fn log_failed(&self, FailedWrites { failed, dropped, error }: FailedWrites) {
        let (runs, in_part) = (self.ends.len(), self.parts.len());
        tracing::warn!(
            failed,
            dropped,
            runs,
            in_part,
            error,
            "what came of runs of connectors cannot be written to detect.db yet"
        );
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::{
        connectors::TokenUsage,
        detect_db::{CallerKind, ConnectorRunOutcome, RunSent},
    };

    /// With a database that another process has locked.
    pub(in crate::connectors) async fn locked() -> (tempfile::TempDir, Arc<UnwrittenRuns>, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("detect.db");
        let database = Arc::new(DetectThread::waiting(path.clone(), Duration::from_millis(50)));
        database.run(|db| db.ensure_writable()).await.unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        (dir, UnwrittenRuns::new(database), other)
    }

    fn ended(number: usize) -> RunRecord {
        RunRecord {
            id: format!("{number:06}"),
            at: 1_770_000_000_000,
            connector: "advice".to_owned(),
            type_id: ".gen-ai".to_owned(),
            space: "default".to_owned(),
            caller_kind: CallerKind::ApiKey,
            caller: "ci".to_owned(),
            usage: TokenUsage::default(),
            sent: RunSent::Yes,
            duration: None,
            outcome: ConnectorRunOutcome::Done,
        }
    }

    fn recorded(other: &Connection) -> Vec<String> {
        let mut query = other.prepare("SELECT uid FROM run ORDER BY id").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn runs_that_end_during_a_lock_are_recorded_after_it_without_another_run() {
        let (_dir, runs, other) = locked().await;
        runs.record(ended(0)).await;
        runs.record(ended(1)).await;
        assert!(recorded(&other).is_empty());
        other.execute_batch("ROLLBACK").unwrap();
        tokio::time::sleep(3 * RETRY_INTERVAL).await;
        assert_eq!(recorded(&other), ["000000", "000001"]);
        assert!(runs.waiting().is_empty());
        tokio::time::sleep(2 * SAID_EVERY).await;
        assert!(!runs.waiting().is_retried && runs.waiting().log.due().is_none(), "all of it is said");
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_the_oldest_are_dropped_and_the_others_are_written_with_the_next() {
        let (_dir, runs, other) = locked().await;
        runs.waiting().ends.extend((0..RUNS_MAX).map(ended));
        runs.record(ended(RUNS_MAX)).await;
        assert_eq!(runs.waiting().ends.len(), RUNS_MAX);
        let keep = RUNS_MAX - 3;
        runs.waiting().ends.drain(..keep);
        other.execute_batch("ROLLBACK").unwrap();
        runs.record(ended(RUNS_MAX + 1)).await;
        assert_eq!(recorded(&other), ["000998", "000999", "001000", "001001"]);
    }

    fn keyed(key: &str) -> KeyedRun {
        KeyedRun { doer: "sn".to_owned(), key: key.to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_runs_the_parts_of_the_oldest_are_dropped_and_never_those_that_were_just_done() {
        let (_dir, runs, _other) = locked().await;
        let part = || vec!["one".to_owned()];
        for number in 1..RUNS_MAX {
            runs.waiting().add_parts(&keyed(&format!("{number:06}")), part(), 2_000);
        }
        runs.waiting().add_parts(&keyed("oldest"), part(), 1_000);
        runs.note(&keyed("000000"), part(), 2_000).await;
        assert_eq!(runs.waiting().parts.len(), RUNS_MAX);
        assert_eq!(runs.parts(&keyed("oldest")), BTreeSet::new());
        assert_eq!(runs.parts(&keyed("000000")).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forgotten_while_it_waits_does_not_come_back() {
        let (_dir, runs, other) = locked().await;
        let run = keyed("a");
        runs.note(&run, vec!["one".to_owned(), "two".to_owned()], 1_000).await;
        let forget = |run: KeyedRun| move |db: &mut DetectDb| db.forget_run_parts(&run, &["one".to_owned()]);
        runs.run_written(forget(run.clone())).await.unwrap_err();
        assert_eq!(runs.parts(&run).len(), 2, "nothing is forgotten before it can be");
        other.execute_batch("ROLLBACK").unwrap();
        runs.run_written(forget(run.clone())).await.unwrap();
        runs.write().await;
        let left = runs.database().run(move |db| db.run_parts(&run)).await.unwrap();
        assert_eq!(left, BTreeSet::from(["two".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn no_parts_do_not_wait() {
        let (_dir, runs, _other) = locked().await;
        runs.note(&keyed("a"), Vec::new(), 1_000).await;
        assert!(runs.waiting().is_empty());
    }
}
