//! Reads the messages of one completion, page after page, within a byte limit.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use collectors::{AskMessages, Client, CollectError, CollectErrorKind, MessagesPage};
use tokio::sync::Semaphore;

use super::{
    MessageLimits,
    inline::without_files,
    message_limit::{MessageLimit, may_be_of_size},
    missing::Missing,
};

/// The most bytes of an answer at first, because several requests run concurrently. A prompt of a hundred
/// messages rarely needs a tenth of this, but each may contain images of 8 MB.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// More pages of messages than any model accepts as a prompt.
const PAGES_MAX: usize = 1000;

/// The result for one completion.
pub(super) enum ReadMessages {
    /// All of them, as a JSON array.
    All(Vec<u8>),
    /// None, for this reason.
    Missing(Missing),
}

/// Requests messages.
pub(super) struct MessageRead<'a> {
    pub client: &'a Client,
    pub limits: MessageLimits,
    /// Taken by the one request whose answer may be as large as the collector allows.
    pub large: &'a Semaphore,
    /// How many messages a request asks for.
    pub limit: &'a MessageLimit,
    /// Counts requests.
    pub requests: &'a AtomicU64,
}

impl MessageRead<'_> {
    /// Reads the messages of a completion from the first to the last.
    pub(super) async fn completion(&self, id: &str) -> Result<ReadMessages, CollectError> {
        let mut json = vec![b'['];
        let mut passed: HashSet<String> = HashSet::new();
        let (mut after, mut limit) = (None, self.limit.get());
        for _ in 0..PAGES_MAX {
            let page = match self.page(id, after.as_deref(), &mut limit).await? {
                Some(page) => page,
                // Even a single message is larger than what is read of an answer.
                None => continue,
            };
            for message in &page.messages {
                self.add(message, &mut json);
                if json.len() >= self.limits.bytes_max {
                    return Ok(ReadMessages::Missing(Missing::TooLarge { bytes_max: self.limits.bytes_max }));
                }
            }
            if !page.has_more || page.messages.is_empty() {
                json.push(b']');
                return Ok(ReadMessages::All(json));
            }
            limit = (limit * 2).min(self.limit.get());
            match page.last_id {
                Some(last) if passed.insert(last.clone()) => after = Some(last),
                // The cursor goes back, or is missing.
                Some(_) | None => return Ok(ReadMessages::Missing(Missing::Unending)),
            }
        }
        Ok(ReadMessages::Missing(Missing::Unending))
    }

    /// One page; `None` if it must be requested again with the smaller limit.
    async fn page(
        &self,
        id: &str,
        after: Option<&str>,
        limit: &mut usize,
    ) -> Result<Option<MessagesPage>, CollectError> {
        let ask = AskMessages { completion: id, after, limit: *limit, body_max: ANSWER_BYTES_MAX };
        match self.ask(ask).await {
            Err(error) if matches!(error.kind, CollectErrorKind::TooLarge { .. }) => {}
            Err(error) if may_be_of_size(&error.kind, *limit) => {
                // If fewer are answered, their number was the reason, or the fault is over: either is a page.
                let fewer = self.ask(AskMessages { limit: 1, ..ask }).await.map_err(|_| error)?;
                self.limit.failed(*limit);
                return Ok(Some(fewer));
            }
            answer => {
                if answer.is_ok() {
                    self.limit.answered(*limit);
                }
                return answer.map(Some);
            }
        }
        if *limit > 1 {
            *limit = (*limit / 4).max(1);
            return Ok(None);
        }
        let _alone = self.large.acquire().await;
        self.ask(AskMessages { body_max: usize::MAX, ..ask }).await.map(Some)
    }

    async fn ask(&self, ask: AskMessages<'_>) -> Result<MessagesPage, CollectError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.client.messages(ask).await
    }

    fn add(&self, message: &Bytes, json: &mut Vec<u8>) {
        if json.len() > 1 {
            json.push(b',');
        }
        if self.limits.include_images {
            json.extend_from_slice(message);
        } else {
            without_files(message, json);
        }
    }
}
