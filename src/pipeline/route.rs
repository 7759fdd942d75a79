//! One collector, one table, one sink, one checkpoint: from the source to the destination, for as long as the process lives.
//!
//! ```text
//! open: load checkpoint, ask whose list it is, compare    -> reader at the committed cursor
//! fetch (task)   -- pages, bounded in bytes -->  deliver: gather, write, keep rejects, commit
//! a failed request waits in fetch; a failed write that passes waits in deliver;
//! anything else ends both, waits, and opens again from what is committed
//! ```

use std::sync::Arc;

use collectors::{Client, Hello, Reader, Source, TenantWalk, Timing};
use state::{CursorStore, Saved};
use tokio::sync::mpsc;

use super::{
    backoff::Delays,
    checkpoint::{Checkpoint, Identity},
    deliver::{Delivery, Gathering},
    fetch::{Fetching, PAGES_MAX, Room, fetch, pause},
    policy::{Action, Failure, judge},
    progress::{Progress, RouteState},
    rejects::Rejects,
    shutdown::Shutdown,
};
use crate::{sinks::Sink, tables::Table};

/// Where a route begins that has no checkpoint yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// So many seconds before the first request.
    LookBack(i64),
    /// At this second.
    At(i64),
}

/// What a route is made of.
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
    /// From where, the first time.
    pub begin: Begin,
    /// With which client; asked for at each start, so that a key may come later.
    pub client: Box<dyn Fn() -> Result<Arc<Client>, Failure> + Send + Sync>,
    /// Base URL and filters, for the checkpoint's identity.
    pub base_url: String,
    /// Digest of source and filters.
    pub filters: String,
    /// The table.
    pub table: &'static Table,
    /// The destination.
    pub sink: Arc<dyn Sink>,
    /// The checkpoint's place.
    pub store: Box<dyn Fn() -> CursorStore<Checkpoint> + Send + Sync>,
    /// Opens the rejects.
    pub rejects: Box<dyn Fn() -> Result<Rejects, Failure> + Send + Sync>,
    /// When to write.
    pub gathering: Gathering,
    /// Bytes between fetching and the commit.
    pub bytes_in_flight: usize,
    /// Where it is shown.
    pub progress: Progress,
    /// Ends when everything that is due is read.
    pub once: bool,
    /// Goes on although the checkpoint was written for something else.
    pub accept_change: bool,
}

/// How a route ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything that was due is delivered.
    ReadAll,
    /// The stop was asked for.
    Stopped,
    /// A person must act first (`--once`), or the process must end.
    Failed(Failure),
}

impl Route {
    /// Runs until the stop is asked for; with `once`, until everything is read.
    pub async fn run(self, mut shutdown: Shutdown) -> Ended {
        let mut delays = Delays::new();
        loop {
            let before = self.progress.status().delivered;
            let failure = match self.attempt(&shutdown).await {
                Ok(ended) => return self.ended(ended),
                Err(failure) => failure,
            };
            if self.progress.status().delivered > before {
                delays.reset();
            }
            let action = judge(&failure).action;
            if shutdown.is_requested() {
                return self.ended(Ended::Stopped);
            }
            match pause(&failure, &mut delays, &self.progress) {
                None => return Ended::Failed(failure),
                Some(_) if self.once && action == Action::Park => return Ended::Failed(failure),
                Some(wait) => {
                    if shutdown.or_sleep(wait).await {
                        return self.ended(Ended::Stopped);
                    }
                }
            }
        }
    }

    fn ended(&self, ended: Ended) -> Ended {
        match &ended {
            Ended::ReadAll | Ended::Stopped => self.progress.update(|status| status.state = RouteState::Stopped),
            Ended::Failed(_) => {}
        }
        ended
    }

    async fn attempt(&self, shutdown: &Shutdown) -> Result<Ended, Failure> {
        let client = (self.client)()?;
        let mut stop = shutdown.clone();
        let hello = tokio::select! {
            () = stop.requested() => return Ok(Ended::Stopped),
            hello = self.source.hello(&client) => hello?,
        };
        let mut store = (self.store)();
        let saved = store.load().await?;
        let (checkpoint, parts) = self.take_up(saved, &hello)?;
        let reader = Reader::new(
            client,
            &self.source,
            self.timing,
            self.tenant_walk,
            checkpoint.walks.clone(),
            &parts,
            checkpoint.start,
        );
        drop(parts);
        self.progress.update(|status| {
            status.state = RouteState::CatchingUp;
            status.error = None;
            status.newest_listed = hello.newest;
            status.delivered = checkpoint.delivered;
            status.last_record = checkpoint.last_record;
        });
        let mut delivery = Delivery {
            connector: Arc::from(self.collector.as_str()),
            table: self.table,
            sink: self.sink.clone(),
            store,
            checkpoint,
            rejects: (self.rejects)()?,
            gathering: self.gathering,
            progress: self.progress.clone(),
        };
        let (sender, receiver) = mpsc::channel(PAGES_MAX);
        let room = Room::new(self.bytes_in_flight);
        let fetching =
            AbortOnDrop(tokio::spawn(fetch(reader, sender, room, self.progress.clone(), shutdown.clone(), self.once)));
        delivery.run(receiver, shutdown.clone()).await?;
        match fetching.join().await {
            Fetching::ReadAll => Ok(Ended::ReadAll),
            Fetching::Stopped => Ok(Ended::Stopped),
            Fetching::Failed(failure) => Err(failure),
        }
    }

    /// The checkpoint to go on from, or a fresh one. Parks when it was written for another source or destination.
    fn take_up(
        &self,
        saved: Option<Saved<Checkpoint>>,
        hello: &Hello,
    ) -> Result<(Checkpoint, Vec<(Vec<u8>, Vec<u8>)>), Failure> {
        let now = Identity {
            base_url: self.base_url.clone(),
            organization: hello.organization.clone(),
            project: hello.project.clone(),
            filters: self.filters.clone(),
            sink: self.sink.identity(),
        };
        if let Some(Saved { cursor: mut checkpoint, parts }) = saved {
            if let Some(changed) = checkpoint.identity.change_to(&now) {
                if !self.accept_change {
                    return Err(Failure::Changed(changed));
                }
                tracing::warn!(change = %changed, "change accepted, going on from the old place");
            }
            checkpoint.identity.learn(now);
            return Ok((checkpoint, parts));
        }
        let start = match self.begin {
            Begin::LookBack(seconds) => (hello.now - seconds).max(0),
            Begin::At(second) => second,
        };
        let walks = vec![self.source.begin(start, None)];
        tracing::info!(start, "no checkpoint yet, starting anew");
        Ok((Checkpoint { identity: now, start, walks, delivered: 0, last_record: None }, Vec::new()))
    }
}

/// A task that does not outlive its route's attempt.
struct AbortOnDrop(tokio::task::JoinHandle<Fetching>);

impl AbortOnDrop {
    async fn join(mut self) -> Fetching {
        match (&mut self.0).await {
            Ok(end) => end,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Fetching::Stopped,
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
