//! One route: from rows of the database to one sink.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use collectors::Record;
use tokio::{sync::watch, task::JoinError, time::sleep};
use tracing::Span;

use super::{
    RowFeed,
    uncommitted::{DeliveredBatch, UncommittedDelivery},
};
use crate::{
    daemon::assembly::Assembly,
    detect_db::{DeliveryCheckpoint, DetectDb, FILE_NAME},
    pipeline::{
        acknowledgement::{Acknowledged, Acknowledgement},
        backoff::Delays,
        counters::BatchCounts,
        doubt::SinkDoubt,
        flight::{Flight, Trying},
        names::route_name,
        policy::Failure,
        poll_now::PollNow,
        progress::{Progress, RouteState, RouteStatus},
        rejects::Rejects,
        retry::{mended, report_and_delay},
        shutdown::Shutdown,
        stage::Stage,
        write::BatchWriter,
    },
    sinks::{Sink, SinkError, disk::Inode},
};

/// The longest time until a change is noticed that another process has made. Those of this one are noticed at once where the
/// feed follows them.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// The pause between two attempts to commit at the end. Each waits for a lock by itself.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// How long what is delivered delays the end, if it cannot be committed.
const COMMIT_MAX: Duration = Duration::from_secs(30);

/// The route to one sink.
pub(super) struct RowRoute<F> {
    assembly: Arc<Assembly>,
    sink: String,
    name: String,
    feed: F,
    progress: Progress,
    /// What was delivered and is still to be committed.
    uncommitted: UncommittedDelivery,
    doubt: SinkDoubt,
    delays: Delays,
    rejects: Option<Rejects>,
    /// Follows the changes that this process makes.
    changes: Option<watch::Receiver<()>>,
    database: PathBuf,
    open: Option<DetectDb>,
}

/// What is to be delivered next.
struct DuePage<R> {
    /// What was delivered before, if it was committed now.
    committed: Option<DeliveredBatch>,
    /// Which database they are in.
    database: Inode,
    checkpoint: DeliveryCheckpoint,
    rows: Vec<R>,
    waiting: u64,
}

impl<F: RowFeed> RowRoute<F> {
    /// Shows the route. `None` if there is no such sink.
    pub(super) fn new(assembly: &Arc<Assembly>, sink: &str) -> Option<Self> {
        let settings = assembly.config.sinks.get(sink)?;
        let name = route_name(F::ROUTES, sink);
        let progress = assembly.registry.put(RouteStatus {
            route: name.clone(),
            collector: F::ROUTES.to_owned(),
            source: F::ROUTES.to_owned(),
            sink: sink.to_owned(),
            sink_type: settings.type_name().to_owned(),
            table: F::table().name.to_string(),
            ..RouteStatus::default()
        });
        Some(Self {
            feed: F::of(settings),
            delays: Delays::new(assembly.retry(sink)),
            database: assembly.config.state.dir.join(FILE_NAME),
            assembly: assembly.clone(),
            sink: sink.to_owned(),
            uncommitted: assembly.uncommitted(&name),
            name,
            progress,
            doubt: SinkDoubt::default(),
            rejects: None,
            changes: None,
            open: None,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Delivers rows until the stop; with `drains` until nothing is left then. Returns what kept it from that.
    pub(super) async fn run(mut self, mut stop: Shutdown, drains: Arc<AtomicBool>) -> Option<Failure> {
        let mut uncommitted_since = None;
        let last = loop {
            // Before it looks, so that nothing changes unnoticed in between.
            self.follow();
            let stops = stop.is_requested();
            if stops && !drains.load(Ordering::Relaxed) {
                break None;
            }
            let wait = match self.pass(&stop).await {
                Ok(true) => continue,
                Ok(false) if stops => break None,
                Ok(false) => {
                    self.wait_for_change(&mut stop).await;
                    continue;
                }
                Err(_) if stops && self.still_commits(&mut uncommitted_since) => COMMIT_INTERVAL,
                Err(failure) if stops => {
                    F::log_left(&failure);
                    break Some(failure);
                }
                Err(failure) => {
                    let parked = self.delays.wanted().parked;
                    report_and_delay(&failure, &mut self.delays, &self.progress).unwrap_or(parked)
                }
            };
            if stops {
                sleep(wait).await;
            } else {
                stop.or_sleep(wait).await;
            }
        };
        self.progress.update(|status| status.state = RouteState::Stopped);
        last
    }

    /// Whether the end still waits for what was delivered to be committed.
    fn still_commits(&self, since: &mut Option<Instant>) -> bool {
        if !self.uncommitted.is_there() {
            return false;
        }
        let since = *since.get_or_insert_with(|| {
            let table = &*F::table().name;
            tracing::warn!(
                table,
                "detect.db cannot be written, and does not know yet that rows are delivered: waiting for it; if it stays so, the next start delivers them again"
            );
            Instant::now()
        });
        since.elapsed() < COMMIT_MAX
    }

    /// Follows the changes. A change of the configuration may have built again what makes them.
    fn follow(&mut self) {
        if self.changes.as_ref().is_some_and(|changes| changes.has_changed().is_ok()) {
            return;
        }
        self.changes = F::changes(&self.assembly);
    }

    async fn wait_for_change(&mut self, stop: &mut Shutdown) {
        let changes = &mut self.changes;
        let changed = async {
            let is_changed = match changes {
                Some(changes) => changes.changed().await.is_ok(),
                None => false,
            };
            if !is_changed {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = stop.or_sleep(LOOK_INTERVAL) => {}
            () = changed => {}
        }
    }

    /// Delivers and commits one batch. False if nothing is left.
    async fn pass(&mut self, stop: &Shutdown) -> Result<bool, Failure> {
        let Some(sink) = self.assembly.sink(&self.sink) else { return Ok(false) };
        let destination = sink.identity(&F::table());
        let Some(page) = self.due(&destination).await? else {
            self.show_delivered();
            return Ok(false);
        };
        let DuePage { committed, database, checkpoint, rows, waiting } = page;
        self.note_committed(committed);
        self.progress.update(|status| {
            status.has_checkpoint = checkpoint.is_known;
            status.delivered = checkpoint.delivered;
            status.waiting = waiting;
        });
        if rows.is_empty() {
            self.show_delivered();
            return Ok(false);
        }
        let now = self.assembly.clock.now();
        let written = self.write(sink, &rows, now, stop).await?;
        let (route, count, refused) = (self.name.clone(), rows.len() as u64, written.refused.clone());
        let commit =
            Box::new(move |db: &mut DetectDb| F::commit(db, (&route, &destination), &rows, &refused, now));
        self.uncommitted.put(DeliveredBatch { database, commit, rows: count, written });
        let (uncommitted, begun) = (self.uncommitted.clone(), Instant::now());
        let committed = self.with_database(move |db| uncommitted.commit(db)).await?;
        self.note_committed(committed.flatten());
        self.progress.count(|counters| counters.commit(begun.elapsed()));
        Ok(true)
    }

    /// Notes that what was delivered is committed, if there was something.
    fn note_committed(&mut self, committed: Option<DeliveredBatch>) {
        let Some(DeliveredBatch { rows, written, .. }) = committed else { return };
        self.delays.reset();
        mended(Stage::Writing, &self.progress);
        self.show_committed(written, rows);
    }

    /// `None` if there is no database yet.
    async fn due(&mut self, destination: &str) -> Result<Option<DuePage<F::Row>>, Failure> {
        let (route, destination) = (self.name.clone(), destination.to_owned());
        let uncommitted = self.uncommitted.clone();
        self.with_database(move |db| {
            // Before its rows are read again.
            let committed = uncommitted.commit(db)?;
            let checkpoint = db.delivery_checkpoint(&route, &destination)?;
            let rows = F::due(db, &route, &checkpoint)?;
            let waiting = if rows.is_empty() { 0 } else { F::count_due(db, &checkpoint.place)? };
            Ok(DuePage { committed, database: db.inode(), checkpoint, rows, waiting })
        })
        .await
    }

    /// Writes rows as the batch of a route is written: with its retries, and with rejects for what the sink refuses.
    async fn write(
        &mut self,
        sink: Arc<dyn Sink>,
        rows: &[F::Row],
        now: i64,
        stop: &Shutdown,
    ) -> Result<Acknowledged, Failure> {
        let encoded: serde_json::Result<Vec<Record>> =
            rows.iter().map(|row| self.feed.record(row, now)).collect();
        let records: Arc<[Record]> = encoded.map_err(|error| self.broken(io::Error::other(error)))?.into();
        let bytes = records.iter().map(|record| record.raw.len()).sum();
        let acknowledgement = Acknowledgement {
            writer: BatchWriter {
                connector: env!("CARGO_PKG_NAME").into(),
                table: F::table(),
                sink,
                retry: self.assembly.retry(&self.sink),
                trying: Trying { progress: self.progress.clone(), poll_now: PollNow::default(), ends: false },
            },
            rejects: self.rejects().await?,
            doubt: self.doubt.clone(),
            tap: self.assembly.tap.inlet(F::ROUTES, &self.name, &F::table().name),
            shutdown: stop.clone(),
        };
        acknowledgement
            .run(records, Vec::new(), bytes, &mut Flight::default().begin(), &Span::current())
            .await
    }

    async fn rejects(&mut self) -> Result<Rejects, Failure> {
        if let Some(rejects) = &self.rejects {
            return Ok(rejects.clone());
        }
        let (dir, name) = (self.assembly.config.state.dir.clone(), self.name.clone());
        let (bounds, clock) = (self.assembly.rejects_bounds(), self.assembly.clock.clone());
        let opened = tokio::task::spawn_blocking(move || Rejects::open(&dir, &name, bounds, clock));
        let rejects = opened.await.map_err(|error| self.broken(error))??;
        Ok(self.rejects.insert(rejects).clone())
    }

    /// Runs `work` on the database. `None` if there is none: the first row creates it. After a failure it is
    /// closed, and the next use looks again at what is there.
    async fn with_database<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut DetectDb) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<Option<T>, Failure> {
        let (held, path) = (self.open.take(), self.database.clone());
        let done = tokio::task::spawn_blocking(move || {
            let open = match held.filter(DetectDb::in_place) {
                Some(db) => Some(db),
                None => DetectDb::open_existing(&path)?,
            };
            let Some(mut db) = open else { return Ok(None) };
            let value = work(&mut db)?;
            Ok::<_, SinkError>(Some((db, value)))
        });
        let done = done.await.map_err(|error: JoinError| self.broken(error))??;
        Ok(done.map(|(db, value)| {
            self.open = Some(db);
            value
        }))
    }

    fn broken(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        let path = self.database.display().to_string();
        Failure::Sink(SinkError::Io { path, source: io::Error::other(error) })
    }

    /// Shows that everything is delivered.
    fn show_delivered(&self) {
        mended(Stage::Reading, &self.progress);
        mended(Stage::Writing, &self.progress);
        let now = self.assembly.clock.now();
        self.progress.update(|status| {
            status.state = RouteState::Live;
            status.waiting = 0;
            status.last_read = Some(now);
        });
    }

    fn show_committed(&self, written: Acknowledged, rows: u64) {
        let Acknowledged { last, counts, .. } = written;
        let BatchCounts { refused, .. } = counts;
        self.progress.update(|status| {
            status.state = RouteState::Live;
            status.has_checkpoint = true;
            status.delivered += rows;
            status.waiting = status.waiting.saturating_sub(rows);
            status.last_record = status.last_record.max(last);
        });
        self.progress.count(|counters| {
            counters.fetched += rows;
            counters.batch(counts);
        });
        if refused > 0 {
            F::log_refused(refused);
        }
        F::log_delivered(rows);
    }
}
