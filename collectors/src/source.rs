//! Which list is read, and what one question to it shows.

use std::borrow::Cow;

use crate::{
    LIMIT,
    doubt::REPEATED_AT_ONCE,
    error::{CollectError, CollectErrorKind},
    http::budget::Lane,
    http::client::{Client, ListAnswer},
    lists::{AuditLogs, ChatCompletions, List},
    walk::cursor::{Cursor, Task},
    walk::page_size::PageSize,
    walk::time_slice::TimeSlice,
};

/// What a collector reads: one list, and for audit logs the list of tenant-scoped events beside it.
#[derive(Debug, Clone)]
pub struct Source {
    list: List,
    tenant: Option<List>,
}

impl From<List> for Source {
    fn from(list: List) -> Self {
        Self { list, tenant: None }
    }
}

impl From<AuditLogs> for Source {
    fn from(filters: AuditLogs) -> Self {
        Self { list: filters.list(), tenant: filters.tenant_list() }
    }
}

impl From<ChatCompletions> for Source {
    fn from(filters: ChatCompletions) -> Self {
        filters.list().into()
    }
}

/// What one question to a list shows before anything is read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// `openai-organization` of the answer.
    pub organization: Option<String>,
    /// `openai-project` of the answer.
    pub project: Option<String>,
    /// The newest second that is listed; `None` when the list is empty.
    pub newest: Option<i64>,
    /// The id of a record of that second.
    pub newest_id: Option<String>,
    /// The server's time, or the local one if that is earlier.
    pub now: i64,
}

impl Source {
    /// The list with its filters.
    pub fn list(&self) -> &List {
        &self.list
    }

    /// A fresh cursor that starts at a second; `until` for a window that is read once.
    pub fn begin(&self, start: i64, until: Option<i64>) -> Cursor {
        Cursor::begin(start, until, !self.list.has_time_filter())
    }

    /// The list of tenant-scoped events beside this one, if there is one and the filters leave something of it.
    pub(crate) fn tenant_list(&self) -> Option<&List> {
        self.tenant.as_ref()
    }

    /// A digest of the list and its filters: another one means that a cursor speaks of other records.
    pub fn digest(&self) -> String {
        let query = self.list.request(&TimeSlice::new(0, None), Task::Sweep, None, LIMIT).query;
        // Queries had an empty first parameter once, and checkpoints keep digests of that form.
        let query = query.replacen('?', "?&", 1);
        let hash = xxhash_rust::xxh3::xxh3_128(query.as_bytes());
        format!("{hash:032x}")
    }

    /// Asks for the newest page, to learn whose list it is and what time it is there.
    pub async fn hello(&self, client: &Client) -> Result<Hello, CollectError> {
        let answer = ask(client, &self.list).await?;
        let newest = answer.page.records.iter().max_by_key(|record| record.second);
        Ok(Hello {
            organization: answer.organization,
            project: answer.project,
            newest: newest.map(|record| record.second),
            newest_id: newest.and_then(|record| record.id_text()).map(Cow::into_owned),
            now: client.now(),
        })
    }
}

/// The newest page of a list; of fewer records where a full one is larger than a body may be, or too slow.
pub(crate) async fn ask(client: &Client, list: &List) -> Result<ListAnswer, CollectError> {
    let (mut size, mut repeats) = (PageSize::default(), 0);
    loop {
        let request = list.newest(size.limit());
        let error = match client.list(&request.query, list.scope, list.time, Lane::Full).await {
            Ok(answer) => {
                client.accept(&answer.page, request.span);
                return Ok(answer);
            }
            Err(error) => error,
        };
        repeats += 1;
        let again = match error.kind {
            CollectErrorKind::TooLarge { .. } | CollectErrorKind::TooSlow(_) => size.halve(),
            // What stands between may answer like this for a moment.
            CollectErrorKind::NotFound => repeats <= REPEATED_AT_ONCE,
            _ => false,
        };
        if !again {
            return Err(error);
        }
    }
}
