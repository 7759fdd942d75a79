//! The sink itself: the open database, and the thread that works on it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use collectors::Clock;

use super::{database::Database, log::LogWatch, retain};
use crate::{
    config::SqliteSettings,
    sinks::{
        Batch, Looked, Receipt, Redelivery, Sink, SinkError, WriteFailure,
        age::Age,
        disk,
        sink_thread::{Lull, SinkThread},
        upkeep::{self, Looks, Pace},
    },
    tables::Table,
};

/// A good size of a transaction in bytes of records: large enough that a page of the index of ids gets
/// several rows, small enough for the daemon's memory.
const BATCH_BYTES: usize = 5 << 19;

/// The sink. Opens the database at the first check or write, and again after a failure.
pub struct SqliteSink {
    pub(super) state: Arc<SqliteConnection>,
    thread: SinkThread,
}

pub(super) struct SqliteConnection {
    settings: SqliteSettings,
    clock: Clock,
    open: Mutex<Option<(Database, Looks)>>,
    age: Age,
    pub(super) log: Mutex<LogWatch>,
}

impl SqliteSink {
    /// A sink with these settings; opens nothing yet. The clock decides what is too old.
    pub fn new(settings: SqliteSettings, clock: Clock) -> Self {
        Self::throttle(settings, clock, Pace::USUAL)
    }

    pub(super) fn throttle(settings: SqliteSettings, clock: Clock, pace: Pace) -> Self {
        let keeps_small = settings.retention.is_some() || settings.size_max.is_some();
        let state = Arc::new(SqliteConnection {
            settings,
            clock,
            open: Mutex::new(None),
            age: Age::default(),
            log: Mutex::default(),
        });
        // While nothing comes for a minute the write-ahead log is emptied as well, so that the database alone holds everything.
        let thread = upkeep::thread(&state, pace, keeps_small, SqliteConnection::tidy);
        Self { state, thread }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SqliteConnection, &mut Database, &mut Looks) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, SinkError> {
        let state = Arc::clone(&self.state);
        let done = self.thread.run(move || state.with_database(work)).await;
        done.map_err(|error| disk::failed(&self.state.settings.path, error)).and_then(|done| done)
    }
}

impl SqliteConnection {
    /// Runs `work` on the database, which is opened if necessary. After a failure it is closed: the next use
    /// looks again at what is there, so that a repair takes effect without a restart. The first use after the
    /// file was moved or removed does the same, because what is written to the old one would be lost.
    fn with_database<T>(
        &self,
        work: impl FnOnce(&Self, &mut Database, &mut Looks) -> Result<T, SinkError>,
    ) -> Result<T, SinkError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.take().filter(|(database, _)| database.in_place());
        let (mut database, mut looks) = match held {
            Some(open) => open,
            None => (Database::open(&self.settings)?, Looks::default()),
        };
        let settings = &self.settings;
        if disk::ensure_free(&settings.path, settings.free_min).is_err() {
            // No write will make room later, so it is made now.
            self.clear_up(&database, &mut looks);
            disk::ensure_free(&settings.path, settings.free_min)?;
        }
        let done = work(self, &mut database, &mut looks)?;
        *open = Some((database, looks));
        Ok(done)
    }

    /// What is done between batches.
    fn tidy(&self, lull: Lull) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match (lull, &*open) {
            (Lull::AfterWork, Some((database, _))) => {
                database.copy_log_back();
                self.watch_log(database);
                return;
            }
            (Lull::Pause, Some((database, _))) => {
                database.cut_log();
                database.shrink();
                return;
            }
            (Lull::AfterWork | Lull::Pause, None) => return,
            (Lull::Idle { .. }, _) => {}
        }
        let keeps_small = self.settings.retention.is_some() || self.settings.size_max.is_some();
        if open.is_none() && keeps_small && self.settings.path.exists() {
            // The next write reports a failure.
            *open = Database::open(&self.settings).ok().map(|database| (database, Looks::default()));
        }
        if let Some((database, looks)) = open.as_mut().filter(|(database, _)| database.in_place()) {
            self.clear_up(database, looks);
            // Where few records come, each batch changes the same pages again: copied back once a second, each of them would be
            // written twice as often.
            if let Lull::Idle { again: true } = lull {
                database.empty_log();
            }
            self.watch_log(database);
        }
    }

    fn watch_log(&self, database: &Database) {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .look(&database.path, database.held_log_bytes());
    }

    fn clear_up(&self, database: &Database, looks: &mut Looks) {
        retain::clear_up(looks, database, &self.settings, self.clock.now(), &self.age);
    }
}

#[async_trait]
impl Sink for SqliteSink {
    fn redelivery(&self) -> Redelivery {
        Redelivery::Harmless
    }

    fn batch_bytes(&self) -> usize {
        BATCH_BYTES
    }

    fn identity(&self, table: &Table) -> String {
        self.state.settings.destination(table)
    }

    async fn check(&self, tables: &[Arc<Table>]) -> Result<Looked, SinkError> {
        let tables = tables.to_vec();
        let look = move |_: &SqliteConnection, database: &mut Database, _: &mut Looks| {
            database.cut_log();
            database.look(&tables)
        };
        self.run(look).await.map(Looked::from)
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        let written = self.run(move |state, database, looks| {
            let receipt = database.store(&batch)?;
            state.clear_up(database, looks);
            Ok(receipt)
        });
        Ok(written.await?)
    }

    /// Closed, the database is one file.
    async fn close(&self) -> Result<(), SinkError> {
        let state = Arc::clone(&self.state);
        let close = move || drop(state.open.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.thread.run(close).await.map_err(|error| disk::failed(&self.state.settings.path, error))
    }
}
