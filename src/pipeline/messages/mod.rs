//! The messages of completions, which are added to each record before anything else sees it.
//!
//! The list shows answers only; the messages of a completion need a request of their own. A page is passed on
//! once every completion in it has its messages, or the reason why it has none. Passing failures are waited
//! out here; others become a reason and never delay the list.

mod inline;
mod message_limit;
mod missing;
mod read;
mod record;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use collectors::{Client, CollectError, Page, Source};
use futures::future::join_all;
use message_limit::MessageLimit;
pub use missing::Missing;
use read::{MessageRead, ReadMessages};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    byte_budget::ByteBudget,
    policy::{self, Meaning},
    retry::{FetchRetry, Fetching},
};

/// How many completions are requested concurrently, so that the key's rate is the limit and not the latency.
const AT_ONCE: usize = 8;
/// How often in a row the messages of one completion may fail while the list answers: about ten minutes with
/// the delays in between.
const TRIES_MAX: u32 = 20;
/// A completion may be listed a few seconds before it can be read. So if one this young, in seconds since its
/// request began,
const YOUNG_SECONDS: i64 = 3600;
/// is unknown to the API, it is requested once more after this delay.
const YOUNG_WAIT: Duration = Duration::from_secs(5);

/// How much of one completion's messages is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// The most bytes of all of them, as JSON.
    pub bytes_max: usize,
    /// Whether images, audio and documents in them are kept.
    pub include_images: bool,
}

/// Adds messages to the records of one reader's pages.
pub struct Messages {
    client: Arc<Client>,
    source: Source,
    limits: MessageLimits,
    large: Semaphore,
    limit: MessageLimit,
    requests: AtomicU64,
    /// Reasons that were logged, so that each is logged once.
    said: BTreeSet<&'static str>,
}

/// A completion of a page whose messages are still missing.
struct PendingCompletion {
    place: usize,
    id: String,
    tries: u32,
    /// Whether the API did not know it, which is checked once more.
    unknown: bool,
}

/// A page that is being filled.
struct Filling<'a> {
    page: &'a mut Page,
    open: VecDeque<PendingCompletion>,
    /// Requested once more when the others are done.
    unknown: Vec<PendingCompletion>,
    /// Whether the list was seen to answer although messages are refused.
    list_answers: bool,
    /// Why no more messages are requested.
    refused: Option<Missing>,
    missing: BTreeMap<&'static str, (Missing, u64)>,
    /// Number and bytes of the records that were rebuilt.
    made: (usize, usize),
}

impl Messages {
    /// Requests messages with this client, for the completions that this source lists.
    pub fn new(client: Arc<Client>, source: Source, limits: MessageLimits) -> Self {
        let (large, requests) = (Semaphore::new(1), AtomicU64::new(0));
        let limit = MessageLimit::default();
        Self { client, source, limits, large, limit, requests, said: BTreeSet::new() }
    }

    /// Fills in the messages of every completion of a page, and reserves budget for them as they arrive.
    /// Fails with what ends the reading; the page must then be dropped.
    pub async fn fill(
        &mut self,
        page: &mut Page,
        budget: &ByteBudget,
        taken: &mut OwnedSemaphorePermit,
        retry: &mut FetchRetry,
    ) -> Result<(), Fetching> {
        let came = page.bytes;
        let mut filling = Filling::of(page);
        while let Some(round) = filling.next_round().await {
            let reads = self.read(&round, filling.refused).await;
            let mut failure = None;
            for (one, read) in round.into_iter().zip(reads) {
                if let Err(error) = self.take(&mut filling, one, read).await {
                    failure.get_or_insert(error);
                }
            }
            budget.resize(taken, came + filling.made.1).await.ok_or(Fetching::Stopped)?;
            match failure {
                Some(error) => retry.wait_out(error).await?,
                None => retry.succeeded(),
            }
        }
        let missing = std::mem::take(&mut filling.missing);
        filling.count_bytes(came);
        self.log_missing(missing, retry);
        Ok(())
    }

    async fn read(
        &self,
        round: &[PendingCompletion],
        refused: Option<Missing>,
    ) -> Vec<Result<ReadMessages, CollectError>> {
        if let Some(missing) = refused {
            return round.iter().map(|_| Ok(ReadMessages::Missing(missing))).collect();
        }
        let Self { client, limits, large, limit, requests, .. } = self;
        let reading = MessageRead { client, limits: *limits, large, limit, requests };
        join_all(round.iter().map(|one| reading.completion(&one.id))).await
    }

    /// Handles the result for one completion. Fails with an error that must be waited out before it is
    /// requested again.
    async fn take(
        &self,
        filling: &mut Filling<'_>,
        mut one: PendingCompletion,
        read: Result<ReadMessages, CollectError>,
    ) -> Result<(), CollectError> {
        let error = match read {
            Ok(ReadMessages::All(json)) => {
                filling.put(&one, &json);
                return Ok(());
            }
            Ok(ReadMessages::Missing(missing)) => {
                filling.leave(&one, missing);
                return Ok(());
            }
            Err(error) => error,
        };
        let failure = match policy::meaning(&error.kind) {
            Meaning::OfTheRoute => error,
            Meaning::Passing if one.tries + 1 < TRIES_MAX => {
                one.tries += 1;
                error
            }
            // The list shows whether only this completion fails, or everything.
            Meaning::Passing => match self.source.hello(&self.client).await {
                Ok(_) => {
                    filling.leave(&one, Missing::Unavailable);
                    return Ok(());
                }
                Err(error) => error,
            },
            Meaning::OfTheCompletion(Missing::Deleted) if filling.doubts(&one, self.client.now()) => {
                filling.unknown.push(PendingCompletion { unknown: true, ..one });
                return Ok(());
            }
            Meaning::OfTheCompletion(missing) => {
                filling.leave(&one, missing);
                return Ok(());
            }
            Meaning::IfListed { missing, all } => match filling.see_list(&self.source, &self.client).await {
                Ok(()) => {
                    filling.refused = filling.refused.or(all.then_some(missing));
                    filling.leave(&one, missing);
                    return Ok(());
                }
                Err(error) => error,
            },
        };
        filling.open.push_back(one);
        Err(failure)
    }

    /// Counts what is missing, and logs each reason once.
    fn log_missing(&mut self, missing: BTreeMap<&'static str, (Missing, u64)>, retry: &FetchRetry) {
        let requests = self.requests.swap(0, Ordering::Relaxed);
        retry.progress.update(|status| {
            status.messages_requests += requests;
            for (reason, (_, completions)) in &missing {
                *status.messages_missing.entry((*reason).to_owned()).or_default() += completions;
            }
        });
        for (reason, (missing, completions)) in missing {
            let advice = policy::advice(&missing);
            if self.said.insert(reason) {
                tracing::warn!(completions, reason, advice, "completions delivered without their messages");
            } else {
                tracing::debug!(completions, reason, "completions delivered without their messages");
            }
        }
    }
}

impl<'a> Filling<'a> {
    fn of(page: &'a mut Page) -> Self {
        let records = page.records.iter().enumerate().filter(|(_, record)| !record::has_own(&record.raw));
        let open = records.filter_map(|(place, record)| {
            let id = record.id_text()?.into_owned();
            Some(PendingCompletion { place, id, tries: 0, unknown: false })
        });
        Self {
            open: open.collect(),
            page,
            unknown: Vec::new(),
            list_answers: false,
            refused: None,
            missing: BTreeMap::new(),
            made: (0, 0),
        }
    }

    /// The completions to request next; `None` if there are none left.
    async fn next_round(&mut self) -> Option<Vec<PendingCompletion>> {
        if self.open.is_empty() && !self.unknown.is_empty() {
            tokio::time::sleep(YOUNG_WAIT).await;
            self.open.extend(self.unknown.drain(..));
        }
        let round: Vec<PendingCompletion> = self.open.drain(..self.open.len().min(AT_ONCE)).collect();
        (!round.is_empty()).then_some(round)
    }

    fn doubts(&self, one: &PendingCompletion, now: i64) -> bool {
        let second = self.page.records.get(one.place).map_or(0, |record| record.second);
        !one.unknown && second > now - YOUNG_SECONDS
    }

    /// Checks once per page whether the list still answers to this key.
    async fn see_list(&mut self, source: &Source, client: &Client) -> Result<(), CollectError> {
        if !self.list_answers {
            source.hello(client).await?;
            self.list_answers = true;
        }
        Ok(())
    }

    fn leave(&mut self, one: &PendingCompletion, missing: Missing) {
        self.missing.entry(missing.name()).or_insert((missing, 0)).1 += 1;
        self.put(one, missing.json().as_bytes());
    }

    fn put(&mut self, one: &PendingCompletion, json: &[u8]) {
        let Some(record) = self.page.records.get_mut(one.place) else { return };
        if let Some(raw) = record::with_messages(&record.raw, json) {
            self.made = (self.made.0 + 1, self.made.1 + raw.len());
            *record = record.clone().with_raw(raw);
        }
    }

    /// Counts the memory that the page keeps: including its body, if a part of it was passed on unchanged.
    fn count_bytes(self, came: usize) {
        let (records, bytes) = self.made;
        let as_it_came = records < self.page.records.len() || !self.page.unusable.is_empty();
        self.page.bytes = bytes + if as_it_came { came } else { 0 };
    }
}
