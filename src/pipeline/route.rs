//! One collector, one table, one sink, one checkpoint: from the source to the destination, for as long as the
//! process runs.
//!
//! ```text
//! open: load checkpoint, ask the list for its organization, compare -> reader at the committed cursor
//! fetch (task)   -- pages, limited in bytes -->  deliver: gather, write, save rejects, commit
//! a request or a write whose failure passes is repeated where it failed;
//! any other failure ends both, waits, and opens again from the committed cursor
//! ```

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use collectors::{Client, Hello, Reader, Source, TenantWalk, Timing};
use state::{CursorStore, Part, Saved};
use tokio::{sync::mpsc, task::JoinSet};
use tracing::Instrument;

use super::{
    backoff::{Delays, RetryDelays},
    batcher::{BatchLimits, Batcher},
    byte_budget::ByteBudget,
    checkpoint::{Checkpoint, Identity},
    clocks::Clocks,
    deliver::Delivery,
    delivery_log::DeliveryLog,
    doubt::SinkDoubt,
    fetch::{Outlet, PAGES_MAX, fetch},
    flight::{Flight, Trying},
    messages::{MessageLimits, Messages},
    plan::{Begin, Plan},
    policy::{Action, Failure, judge},
    poll_now::{PollNow, Waited},
    progress::{Progress, RouteState},
    rejects::{Rejects, RejectsError, work_aside},
    retry::{Fetching, lasting, report_and_delay},
    shutdown::Shutdown,
    tap::Tap,
    write::BatchWriter,
};
use crate::{redact::Redaction, sinks::Sink, tables::Table};

/// Everything that a route consists of.
pub struct Route {
    /// `collector/sink`, the name of its checkpoint.
    pub name: String,
    /// The collector's name.
    pub collector: String,
    /// What is read.
    pub source: Source,
    /// How often.
    pub timing: Timing,
    /// Whether tenant-scoped events are read too.
    pub tenant_walk: TenantWalk,
    /// How far to read.
    pub plan: Plan,
    /// Whether completions are delivered with their messages, and how much of them.
    pub messages: Option<MessageLimits>,
    /// Makes the client; called at each start, so that a new key is used.
    pub client: Box<dyn Fn() -> Result<Arc<Client>, Failure> + Send + Sync>,
    /// Makes the redaction that every record passes first; called at each start, because it may need a key.
    pub redaction: Box<dyn Fn() -> Result<Option<Redaction>, Failure> + Send + Sync>,
    /// Base URL and filters, for the checkpoint's identity.
    pub base_url: String,
    /// Digest of source and filters.
    pub filters: String,
    /// The table.
    pub table: Arc<Table>,
    /// The destination.
    pub sink: Arc<dyn Sink>,
    /// How long failures of the destination wait.
    pub retry: RetryDelays,
    /// Opens the checkpoint.
    pub store: Box<dyn Fn() -> CursorStore<Checkpoint> + Send + Sync>,
    /// Opens the rejects.
    pub rejects: Arc<dyn Fn() -> Result<Rejects, Failure> + Send + Sync>,
    /// When a batch is full.
    pub gathering: BatchLimits,
    /// Byte budget between fetch and commit.
    pub bytes_in_flight: usize,
    /// Shows the route's status.
    pub progress: Progress,
    /// Lets an operator cut its waits short.
    pub poll_now: PollNow,
    /// Shows its records to those who watch.
    pub tap: Tap,
    /// Whether to continue although the checkpoint was written for another source or destination.
    pub accept_change: bool,
}

/// Warn after a stop longer than the API keeps records less this margin: records may have expired unseen.
const EXPIRY_MARGIN: Duration = Duration::from_secs(5 * 86_400);

/// How a route ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything due is delivered.
    ReadAll,
    /// Shutdown was requested.
    Stopped,
    /// An operator must act first (`--once`), or the process must end.
    Failed(Failure),
}

impl Route {
    /// Runs until shutdown is requested; with `once`, until everything is read.
    pub async fn run(mut self, mut shutdown: Shutdown) -> Ended {
        let (mut delays, mut of_sink) = (Delays::default(), Delays::new(self.retry));
        // Kept over attempts: each one starts at the committed cursor, and would ask the destination for the
        // same proof again.
        let doubt = SinkDoubt::default();
        loop {
            let before = self.progress.status().delivered;
            let failure = match self.attempt(&shutdown, &doubt).await {
                Ok(ended) => return self.ended(ended),
                Err(failure) => failure,
            };
            // A route that makes progress between failures is not in a loop of them.
            if self.progress.status().delivered > before {
                delays.reset();
                of_sink.reset();
            }
            let failure = lasting(failure, &mut delays);
            let action = judge(&failure).action;
            if shutdown.is_requested() {
                return self.ended(Ended::Stopped);
            }
            let delays = if failure.is_of_sink() { &mut of_sink } else { &mut delays };
            match report_and_delay(&failure, delays, &self.progress) {
                None => return Ended::Failed(failure),
                Some(_) if self.plan.ends() && action == Action::Park => return Ended::Failed(failure),
                Some(wait) => match self.poll_now.or_sleep(wait, &mut shutdown).await {
                    Waited::Out | Waited::PollNow => {}
                    Waited::Stop => return self.ended(Ended::Stopped),
                },
            }
        }
    }

    fn ended(&self, ended: Ended) -> Ended {
        match &ended {
            Ended::ReadAll | Ended::Stopped => {
                self.progress.update(|status| status.state = RouteState::Stopped)
            }
            Ended::Failed(_) => {}
        }
        ended
    }

    async fn attempt(&self, shutdown: &Shutdown, doubt: &SinkDoubt) -> Result<Ended, Failure> {
        // Made again for each attempt, so that a key that was replaced is read.
        let client = (self.client)()?;
        let redaction = (self.redaction)()?.map(Arc::new);
        let mut stop = shutdown.clone();
        let opening = tracing::debug_span!(target: "telemetry", "open", route = self.name);
        let hello = tokio::select! {
            () = stop.requested() => return Ok(Ended::Stopped),
            hello = self.source.hello(&client).instrument(opening) => hello,
        };
        self.progress.count(|counters| counters.source.add(client.take_counters()));
        let hello = hello?;
        // The checkpoint is loaded for each attempt: after a failed commit only the store knows which cursor
        // is valid.
        let mut store = (self.store)();
        let saved = store.load().await?;
        let before = saved.as_ref().map(|saved| saved.cursor.clone());
        let tenant = match (&saved, self.plan) {
            // A backfill must know from the start how much there is to read.
            (None, Plan::Past { .. }) => self.has_tenant_walk(&client).await?,
            (Some(_), _) | (None, Plan::Follow { .. }) => false,
        };
        let clocks = Clocks::of(hello.now, client.clock_difference());
        let (checkpoint, parts) = self.take_up(saved, &hello, clocks, tenant)?;
        if before.as_ref() != Some(&checkpoint) {
            // Committed before the first delivery, so that the start of a route does not move with each
            // restart.
            store.commit(&checkpoint, Vec::new()).await?;
        }
        let readers = self.readers(&client, &checkpoint, &parts);
        drop(parts);
        self.progress.update(|status| {
            status.state = RouteState::CatchingUp;
            status.has_checkpoint = true;
            status.newest_listed = hello.newest;
            status.delivered = checkpoint.delivered;
            status.last_record = checkpoint.last_record;
            status.crowded = None;
            status.remaining_seconds = checkpoint.remaining_seconds();
        });
        let rejects = self.open_rejects().await?;
        let mut delivery = Delivery {
            writer: BatchWriter {
                connector: Arc::from(self.collector.as_str()),
                table: self.table.clone(),
                sink: self.sink.clone(),
                retry: self.retry,
                trying: Trying {
                    progress: self.progress.clone(),
                    poll_now: self.poll_now.clone(),
                    ends: self.plan.ends(),
                },
            },
            store,
            checkpoint,
            log: DeliveryLog::new(rejects.path().to_owned(), rejects.cut_path().to_owned()),
            rejects,
            progress: self.progress.clone(),
            flight: Flight::default(),
            doubt: doubt.clone(),
            tap: self.tap.inlet(&self.collector, &self.name, &self.table.name),
        };
        let (pages, receiver) = mpsc::channel(PAGES_MAX);
        let outlet = Outlet { redaction, budget: self.byte_budget(), pages };
        self.progress.watch(outlet.budget.clone(), delivery.rejects.path().to_owned());
        let mut fetching = self.fetch_all(readers, &client, outlet, shutdown);
        delivery.run(Batcher::new(receiver, self.gathering()), shutdown.clone()).await?;
        while let Some(end) = fetching.join_next().await {
            match end {
                Ok(Fetching::ReadAll) => {}
                Ok(Fetching::Stopped) => return Ok(Ended::Stopped),
                Ok(Fetching::Failed(failure)) => return Err(failure),
                // A panic of a task must not look like an end of the list.
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => return Ok(Ended::Stopped),
            }
        }
        Ok(Ended::ReadAll)
    }

    /// A check that keeps failing does not stop the main list.
    async fn has_tenant_walk(&self, client: &Client) -> Result<bool, Failure> {
        let failure = match self.source.has_tenant_walk(client, self.tenant_walk).await {
            Ok(found) => return Ok(found == Some(true)),
            Err(error) => Failure::from(error),
        };
        match judge(&failure).action {
            Action::Wait(_) | Action::BackOff => Err(failure),
            Action::Park | Action::End | Action::Stop => {
                tracing::warn!(error = %failure, "check for tenant-scoped events failed: this window omits \
                                                  them");
                Ok(false)
            }
        }
    }

    /// How many batches exist at a time: those in flight and one being gathered. More would only fill memory.
    fn batches(&self) -> usize {
        self.sink.writes_in_flight().max(1) + 1
    }

    /// The configured limits, lowered so that these batches fit into the byte budget together.
    fn gathering(&self) -> BatchLimits {
        let fitting = (self.bytes_in_flight / self.batches()).min(self.sink.batch_bytes());
        BatchLimits { batch_bytes_max: self.gathering.batch_bytes_max.min(fitting), ..self.gathering }
    }

    /// The budget for pages between fetch and commit.
    fn byte_budget(&self) -> ByteBudget {
        ByteBudget::new(self.bytes_in_flight.min(self.batches() * self.sink.batch_bytes()))
    }

    /// The readers of this route: one that follows the list, or one per unfinished window.
    fn readers(&self, client: &Arc<Client>, checkpoint: &Checkpoint, parts: &[Part]) -> VecDeque<Reader> {
        match self.plan {
            Plan::Follow { once, .. } => {
                let (walks, start) = (checkpoint.walks.clone(), checkpoint.start);
                let (timing, tenant_walk) = (self.timing, self.tenant_walk);
                let reader =
                    Reader::new(client.clone(), &self.source, timing, tenant_walk, walks, parts, start);
                [if once { reader.once() } else { reader }].into()
            }
            Plan::Past { .. } => (0..=u8::MAX)
                .zip(&checkpoint.walks)
                .filter(|(_, walk)| !walk.finished)
                .map(|(place, walk)| {
                    Reader::window(client.clone(), &self.source, self.timing, place, walk.clone(), parts)
                })
                .collect(),
        }
    }

    /// Starts the reading tasks, which end when the returned set is dropped.
    fn fetch_all(
        &self,
        readers: VecDeque<Reader>,
        client: &Arc<Client>,
        outlet: Outlet,
        shutdown: &Shutdown,
    ) -> JoinSet<Fetching> {
        let tasks = match self.plan {
            Plan::Follow { .. } => 1,
            Plan::Past { parallel, .. } => parallel,
        };
        let readers = Arc::new(Mutex::new(readers));
        let mut fetching = JoinSet::new();
        for _ in 0..tasks {
            let (readers, outlet) = (readers.clone(), outlet.clone());
            let (progress, poll_now) = (self.progress.clone(), self.poll_now.clone());
            let (shutdown, once) = (shutdown.clone(), self.plan.ends());
            let (client, source, limits) = (client.clone(), self.source.clone(), self.messages);
            let span = tracing::Span::current();
            let task = async move {
                while let Some(reader) = next(&readers) {
                    let messages = limits.map(|limits| Messages::new(client.clone(), source.clone(), limits));
                    let (outlet, progress, shutdown) = (outlet.clone(), progress.clone(), shutdown.clone());
                    match fetch(reader, messages, outlet, progress, poll_now.clone(), shutdown, once).await {
                        Fetching::ReadAll => {}
                        end @ (Fetching::Stopped | Fetching::Failed(_)) => return end,
                    }
                }
                Fetching::ReadAll
            };
            fetching.spawn(task.instrument(span));
        }
        fetching
    }

    /// Warns after a stop so long that the API may have deleted records unseen.
    fn warn_of_expired(&self, checkpoint: &Checkpoint, now: i64) {
        let swept = checkpoint.walks.first().and_then(|walk| walk.swept);
        let stopped = swept.map_or(0, |swept| now - swept);
        let stopped = Duration::from_secs(stopped.max(0).unsigned_abs());
        let kept_for = self.source.list().kept_for;
        if kept_for.is_some_and(|kept_for| stopped > kept_for.saturating_sub(EXPIRY_MARGIN)) {
            let days = stopped.as_secs() / 86_400;
            tracing::warn!(
                days,
                "stopped for a long time: completions that OpenAI deleted meanwhile were not collected"
            );
        }
    }

    /// Runs off the async threads, because opening reads the whole file.
    async fn open_rejects(&self) -> Result<Rejects, Failure> {
        let open = self.rejects.clone();
        match work_aside(move || open()).await {
            Ok(opened) => opened,
            Err(source) => {
                Err(RejectsError::Io { path: self.name.clone().into(), source: io::Error::other(source) }
                    .into())
            }
        }
    }

    /// The checkpoint to continue from, or a new one. Fails if it was written for another source or
    /// destination.
    fn take_up(
        &self,
        saved: Option<Saved<Checkpoint>>,
        hello: &Hello,
        clocks: Clocks,
        tenant: bool,
    ) -> Result<(Checkpoint, Vec<Part>), Failure> {
        let now = Identity {
            base_url: self.base_url.clone(),
            organization: hello.organization.clone(),
            project: hello.project.clone(),
            filters: self.filters.clone(),
            sink: self.sink.identity(&self.table),
        };
        if let Some(Saved { cursor: mut checkpoint, parts }) = saved {
            if let Some(changed) = checkpoint.identity.change_to(&now) {
                if !self.accept_change {
                    return Err(Failure::Changed(changed));
                }
                tracing::warn!(change = %changed, "change accepted, continuing from the old checkpoint");
            }
            checkpoint.identity.learn(now);
            self.warn_of_expired(&checkpoint, hello.now);
            return Ok((checkpoint, parts));
        }
        let begins_by_clock = matches!(self.plan, Plan::Follow { begin: Begin::LookBack(_), .. });
        let begun = if begins_by_clock { clocks.now()? } else { hello.now };
        if begun != hello.now {
            tracing::warn!(clocks = %clocks, "one clock is clearly wrong: `start` is computed from the other one");
        }
        let (start, walks) = self.plan.fresh(&self.source, begun, tenant);
        tracing::info!(start, "no checkpoint yet, starting");
        Ok((Checkpoint { identity: now, start, walks, delivered: 0, last_record: None }, Vec::new()))
    }
}

fn next(readers: &Mutex<VecDeque<Reader>>) -> Option<Reader> {
    readers.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}
