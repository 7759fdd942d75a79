//! The half of a route that reads: page after page, ahead of delivery, within a bound of bytes.

use std::{sync::Arc, time::Duration};

use collectors::{Page, Reader, Step, Task};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, sleep_until},
};

use super::{
    backoff::Delays,
    policy::{Action, Failure, Judgement, judge},
    progress::{Half, Progress, RouteState, ShownError},
    shutdown::Shutdown,
};

/// How long a parked route waits before it tries again.
pub const PARKED_RETRY: Duration = Duration::from_secs(300);
/// What a page costs beside its records: its cursor and the ids that change.
const PAGE_OVERHEAD_BYTES: usize = 4096;
/// The most pages between fetching and delivering, however small they are.
pub const PAGES_MAX: usize = 1024;

/// A page on its way, with the room that it takes.
#[derive(Debug)]
pub struct Fetched {
    /// The page.
    pub page: Page,
    /// Given back when the page is committed.
    pub room: OwnedSemaphorePermit,
}

/// The room for the pages of one route.
#[derive(Debug, Clone)]
pub struct Room {
    bytes: Arc<Semaphore>,
    bytes_max: usize,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.clamp(PAGE_OVERHEAD_BYTES, Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// Waits for room. A page larger than all of it is admitted alone.
    async fn admit(&self, page: &Page) -> Option<OwnedSemaphorePermit> {
        let bytes = (page.bytes + PAGE_OVERHEAD_BYTES).min(self.bytes_max);
        self.bytes.clone().acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX)).await.ok()
    }
}

/// Why reading ended.
#[derive(Debug)]
pub enum Fetching {
    /// Everything that was due is read (`--once`), or a past window is.
    ReadAll,
    /// The stop was asked for, or nobody takes the pages any more.
    Stopped,
    /// A failure that does not pass by waiting alone.
    Failed(Failure),
}

/// Reads until nothing is due (`once`) or for ever. A request whose failure passes is repeated at its own place.
pub async fn fetch(
    mut reader: Reader,
    pages: mpsc::Sender<Fetched>,
    room: Room,
    progress: Progress,
    mut shutdown: Shutdown,
    once: bool,
) -> Fetching {
    let mut delays = Delays::new();
    loop {
        let step = tokio::select! {
            biased;
            () = shutdown.requested() => return Fetching::Stopped,
            step = reader.next() => step,
        };
        match step {
            Ok(Step::Page(page)) => {
                delays.reset();
                show(&progress, &reader, &page);
                let Some(room) = room.admit(&page).await else {
                    return Fetching::Stopped;
                };
                if pages.send(Fetched { page: *page, room }).await.is_err() {
                    return Fetching::Stopped;
                }
            }
            Ok(Step::Finished) => return Fetching::ReadAll,
            Ok(Step::Idle(_)) if once => return Fetching::ReadAll,
            Ok(Step::Idle(at)) => {
                tokio::select! {
                    () = shutdown.requested() => return Fetching::Stopped,
                    () = sleep_until(at.max(Instant::now())) => {}
                }
            }
            Err(error) => {
                let failure = Failure::Collect(error);
                match judge(&failure).action {
                    // What a person mends, a new key most often, is taken up when the route is opened anew.
                    Action::Park | Action::Stop => return Fetching::Failed(failure),
                    Action::Wait(_) | Action::BackOff => {}
                }
                let Some(wait) = pause(&failure, &mut delays, &progress) else {
                    return Fetching::Failed(failure);
                };
                if shutdown.or_sleep(wait).await {
                    return Fetching::Stopped;
                }
            }
        }
    }
}

/// Says what failed, shows it, and answers how long to wait; `None` when there is nothing to wait for.
pub fn pause(failure: &Failure, delays: &mut Delays, progress: &Progress) -> Option<Duration> {
    let Judgement { action, advice } = judge(failure);
    let (state, wait) = match action {
        Action::Wait(asked) => (RouteState::BackingOff, Some(asked)),
        Action::BackOff => (RouteState::BackingOff, Some(delays.after_failure())),
        Action::Park => (RouteState::Parked, Some(PARKED_RETRY)),
        Action::Stop => (RouteState::Stopped, None),
    };
    let error = ShownError {
        at: chrono::Utc::now().timestamp(),
        text: failure.to_string(),
        advice: advice.to_owned(),
    };
    let said = progress.failed(failure.half(), state, error);
    match action {
        Action::Wait(_) | Action::BackOff => {
            let wait_seconds = wait.unwrap_or_default().as_secs_f64();
            tracing::warn!(error = %failure, advice, wait_seconds, "trying again, nothing is lost")
        }
        Action::Park if said => tracing::debug!(error = %failure, advice, "still parked"),
        Action::Park => tracing::error!(error = %failure, advice, "parked"),
        Action::Stop => tracing::error!(error = %failure, advice, "stopping"),
    }
    wait
}

fn show(progress: &Progress, reader: &Reader, page: &Page) {
    let cursor = &page.change.cursor;
    let read_to = cursor.sweep.as_ref().map(|sweep| sweep.slice.from).or(cursor.swept).or(cursor.newest);
    let state = match page.task {
        Task::Search => RouteState::Searching,
        Task::Tail => RouteState::Live,
        Task::Sweep if cursor.swept.is_none() => RouteState::CatchingUp,
        Task::Sweep => RouteState::Live,
    };
    progress.mended(Half::Reading);
    progress.update(|status| {
        status.state = state;
        status.requests = reader.requests();
        status.sweep_late = reader.is_sweep_late();
        status.tenant_walk = reader.tenant_walk();
        status.held = page.change.held;
        status.read_to = read_to;
        if !page.more {
            status.last_read = Some(chrono::Utc::now().timestamp());
        }
    });
}
