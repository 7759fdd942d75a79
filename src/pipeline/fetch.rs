//! The reading stage of a route: reads page after page, ahead of delivery, within a byte budget.

use std::sync::Arc;

use collectors::{CollectError, Page, Reader, ReaderStep, Task};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::{Instrument as _, field::Empty};

use super::{
    byte_budget::ByteBudget,
    crowd_log::CrowdLog,
    messages::Messages,
    poll_now::{PollNow, Waited},
    poll_tick,
    progress::{Progress, RouteState},
    retry::{FetchRetry, Fetching, mended},
    shutdown::Shutdown,
    stage::Stage,
};
use crate::redact::Redaction;

/// The most pages between the two stages, however small they are.
pub const PAGES_MAX: usize = 1024;

/// A page between the stages, with its share of the byte budget.
#[derive(Debug)]
pub struct Fetched {
    /// Boxed, because a channel reserves space for dozens of messages.
    pub page: Box<Page>,
    /// Released when the page is committed.
    pub permit: OwnedSemaphorePermit,
}

/// The only way from the reading stage to the writing stage.
#[derive(Debug, Clone)]
pub struct Outlet {
    /// Applied to every record first; `None` if records are delivered as received.
    pub redaction: Option<Arc<Redaction>>,
    /// The byte budget.
    pub budget: ByteBudget,
    /// The channel to the writing stage.
    pub pages: mpsc::Sender<Fetched>,
}

impl Outlet {
    /// Passes a page on once there is budget for it; some may be taken already. `None` if the writing stage
    /// has ended.
    async fn send(&self, mut page: Box<Page>, taken: Option<OwnedSemaphorePermit>) -> Option<()> {
        if let Some(redaction) = &self.redaction {
            redaction.page(&mut page);
        }
        let permit = match taken {
            Some(mut taken) => {
                self.budget.resize(&mut taken, page.bytes).await?;
                taken
            }
            None => self.budget.admit(page.bytes).await?,
        };
        self.pages.send(Fetched { page, permit }).await.ok()
    }
}

/// Reads until nothing is due (`once`) or without end. A request whose failure passes is repeated from here.
/// With `messages`, each completion is passed on with its messages.
pub async fn fetch(
    mut reader: Reader,
    mut messages: Option<Messages>,
    outlet: Outlet,
    progress: Progress,
    mut poll_now: PollNow,
    mut shutdown: Shutdown,
    once: bool,
) -> Fetching {
    let mut crowds = CrowdLog::default();
    let mut retry = FetchRetry::new(progress.clone(), poll_now.clone(), shutdown.clone());
    loop {
        if retry.take_poll() {
            poll_now.forget();
            reader.poll_now();
        }
        let step = tokio::select! {
            biased;
            () = shutdown.requested() => return Fetching::Stopped,
            step = traced(&mut reader, &progress) => step,
        };
        progress.count(|counters| counters.source.add(reader.take_counters()));
        match step {
            Ok(ReaderStep::Page(mut page)) => {
                retry.succeeded();
                show(&progress, &reader, &page, &mut crowds);
                let mut taken = None;
                if let Some(messages) = messages.as_mut().filter(|_| !page.records.is_empty()) {
                    let asking = tracing::debug_span!(target: "telemetry", "messages", route = progress.status().route);
                    // Nothing of the page is committed yet, so it may be dropped at any time.
                    let filled = tokio::select! {
                        biased;
                        () = shutdown.requested() => return Fetching::Stopped,
                        filled = fill(messages, &mut page, &outlet.budget, &mut retry).instrument(asking) => filled,
                    };
                    match filled {
                        Ok(permit) => taken = Some(permit),
                        Err(end) => return end,
                    }
                }
                if outlet.send(page, taken).await.is_none() {
                    return Fetching::Stopped;
                }
            }
            Ok(ReaderStep::Finished) => {
                crowds.end(&progress);
                return Fetching::ReadAll;
            }
            Ok(ReaderStep::Idle(_)) if once && !reader.is_of_window() => return Fetching::ReadAll,
            Ok(ReaderStep::Idle(at)) => {
                match poll_now.or_sleep(poll_tick::wait_until(at), &mut shutdown).await {
                    Waited::Out => {}
                    Waited::PollNow => reader.poll_now(),
                    Waited::Stop => return Fetching::Stopped,
                }
            }
            Err(error) => {
                if let Err(end) = retry.wait_out(error).await {
                    return end;
                }
            }
        }
    }
}

/// Reserves budget for a page and fills in its messages.
async fn fill(
    messages: &mut Messages,
    page: &mut Page,
    budget: &ByteBudget,
    retry: &mut FetchRetry,
) -> Result<OwnedSemaphorePermit, Fetching> {
    let mut taken = budget.admit(page.bytes).await.ok_or(Fetching::Stopped)?;
    messages.fill(page, budget, &mut taken, retry).await?;
    Ok(taken)
}

/// The next step, which sends one request at most.
async fn traced(reader: &mut Reader, progress: &Progress) -> Result<ReaderStep, CollectError> {
    let span = tracing::debug_span!(
        target: "telemetry",
        "read",
        route = progress.status().route,
        records = Empty,
        bytes = Empty
    );
    let step = reader.next().instrument(span.clone()).await;
    if let Ok(ReaderStep::Page(page)) = &step {
        span.record("records", page.records.len() as i64).record("bytes", page.bytes as i64);
    }
    step
}

fn show(progress: &Progress, reader: &Reader, page: &Page, crowds: &mut CrowdLog) {
    let cursor = &page.change.cursor;
    let read_to = cursor.sweep.as_ref().map(|sweep| sweep.slice.from).or(cursor.swept).or(cursor.newest);
    let state = match page.task {
        Task::Search => RouteState::Searching,
        Task::Tail | Task::Sweep if cursor.swept.is_none() => RouteState::CatchingUp,
        Task::Tail | Task::Sweep => RouteState::Live,
    };
    // The tenant walk's few events may be caught up while the main walk still has history to read.
    let aside = cursor.tenant_only && cursor.until.is_none();
    mended(Stage::Reading, progress);
    progress.count(|counters| counters.page(page));
    let crowd = reader.crowd();
    crowds.log(crowd);
    progress.update(|status| {
        crowds.show(crowd, status);
        if !aside {
            status.state = state;
            status.read_to = read_to;
        }
        status.sweep_late = reader.is_sweep_late();
        status.tenant_walk = reader.tenant_walk();
        status.dedup_ids = page.change.dedup_ids;
        if !page.more {
            status.last_read = Some(chrono::Utc::now().timestamp());
        }
    });
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use collectors::{Change, Cursor, Record, TimeField, Unusable};

    use super::*;
    use crate::{
        redact::{Path, RedactionRule, RuleAction, Rules},
        tables::AUDIT_LOGS,
    };

    fn page(record: Record) -> Page {
        let raw = Bytes::from_static(br#"{"actor":"secret","note":"kept"}"#);
        let unusable = vec![
            Unusable { raw, reason: "no usable id", near: None },
            Unusable { raw: Bytes::from_static(b"\"secret\""), reason: "not an object", near: None },
        ];
        let cursor = Cursor::begin(0, None, false);
        let change = Change { walk: 0, cursor, parts: Vec::new(), dedup_ids: 0 };
        let (records, late) = (vec![record], Vec::new());
        Page { records, late, unusable, bytes: 1000, change, task: Task::Tail, more: false }
    }

    async fn sent(redaction: Option<Arc<Redaction>>, record: &Record) -> Fetched {
        let (pages, mut taken) = mpsc::channel(1);
        let outlet = Outlet { redaction, budget: ByteBudget::new(1 << 20), pages };
        outlet.send(Box::new(page(record.clone())), None).await.unwrap();
        taken.recv().await.unwrap()
    }

    fn record() -> Record {
        Record::read(br#"{"id":"a","effective_at":1,"actor":"secret","x":1}"#, TimeField::EffectiveAt)
            .unwrap()
    }

    #[tokio::test]
    async fn without_redaction_the_bytes_of_the_page_are_passed_on_uncopied() {
        let record = record();
        let page = sent(None, &record).await.page;
        assert_eq!(page.records[0].raw.as_ptr(), record.raw.as_ptr());
        assert_eq!((page.bytes, page.unusable[1].raw.as_ref()), (1000, b"\"secret\"".as_slice()));
    }

    #[tokio::test]
    async fn a_page_is_let_through_redacted_with_what_is_unusable_in_it() {
        let rule = RedactionRule { path: Path::parse("actor").unwrap(), action: RuleAction::Drop };
        let rules = Rules::new(vec![rule], None, &AUDIT_LOGS).unwrap();
        let page = sent(Some(Arc::new(Redaction::new(rules, None))), &record()).await.page;
        let raws = [&page.records[0].raw, &page.unusable[0].raw, &page.unusable[1].raw];
        let wanted =
            [r#"{"id":"a","effective_at":1,"x":1}"#, r#"{"note":"kept"}"#, r#"{"withheld_bytes":8}"#];
        assert_eq!(raws, wanted.each_ref());
        assert_eq!(
            page.bytes,
            wanted.map(str::len).iter().sum::<usize>(),
            "what is redacted takes less room"
        );
        assert_eq!(page.records[0].id_text().as_deref(), Some("a"));
    }
}
