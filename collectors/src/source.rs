//! Which list is read, and what a first request to it shows.

use std::borrow::Cow;

use crate::{
    LIMIT,
    doubt::REPEATED_AT_ONCE,
    error::{CollectError, CollectErrorKind},
    http::{
        budget::Lane,
        client::{Client, ListAnswer},
    },
    lists::{AcceptedOrders, AuditLogs, ChatCompletions, List},
    walk::{
        cursor::{Cursor, Task},
        page_size::{PageSize, TooMuch},
        refused::{TOO_LARGE, is_about_limit, is_about_order, is_unspecific},
        time_slice::TimeSlice,
    },
};

/// What a collector reads: one list, and for audit logs also the list of tenant-scoped events.
#[derive(Debug, Clone)]
pub struct Source {
    list: List,
    tenant: Option<List>,
}

/// How many records the newest page has when a full one does not arrive.
const FEW: usize = 5;
/// So many refusals of the order may come from a gateway.
const ORDER_BELIEVED_AFTER: u32 = 1;
/// The same of refusals that name nothing, each with an answer to the request without an order.
const ORDER_SUSPECTED_AFTER: u32 = 2;

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

/// What one request shows about a list before anything is read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Header `openai-organization`.
    pub organization: Option<String>,
    /// Header `openai-project`.
    pub project: Option<String>,
    /// The newest second in the list; `None` if the list is empty.
    pub newest: Option<i64>,
    /// The id of a record of that second.
    pub newest_id: Option<String>,
    /// The server's time, or the local time if that is earlier.
    pub now: i64,
}

impl Source {
    /// The list with its filters.
    pub fn list(&self) -> &List {
        &self.list
    }

    /// A new cursor that starts at a second; `until` for a window that is read once.
    pub fn begin(&self, start: i64, until: Option<i64>) -> Cursor {
        Cursor::begin(start, until, !self.list.has_time_filter())
    }

    /// The list of tenant-scoped events; `None` if the list has no such part or the filters exclude all of
    /// it.
    pub(crate) fn tenant_list(&self) -> Option<&List> {
        self.tenant.as_ref()
    }

    /// A digest of the list and its filters. If it changes, a stored cursor belongs to other records.
    pub fn digest(&self) -> String {
        let query = self
            .list
            .request(&TimeSlice::new(0, None), Task::Sweep, None, LIMIT, AcceptedOrders::default())
            .query;
        // Queries used to have an empty first parameter, and existing checkpoints hold digests of that form.
        let query = query.replacen('?', "?&", 1);
        let hash = xxhash_rust::xxh3::xxh3_128(query.as_bytes());
        format!("{hash:032x}")
    }

    /// Requests the newest page, to learn the list's organization, project and time.
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

/// The newest page of a list, with fewer records if a full page is too large, too slow, or seems to be more
/// than the service can answer.
pub(crate) async fn ask(client: &Client, list: &List) -> Result<ListAnswer, CollectError> {
    let (mut size, mut repeats, mut limit) = (PageSize::default(), 0, LIMIT);
    let mut answered_unordered = 0;
    if client.take_throttled(list) {
        limit = FEW;
    }
    loop {
        let orders = client.orders_of(list);
        let request = list.newest(limit, orders);
        let error = match client.list(&request.query, list.scope, list.time, Lane::Full).await {
            Ok(answer) => {
                client.accept(&answer.page, request.span);
                return Ok(answer);
            }
            Err(error) => error,
        };
        repeats += 1;
        let again = match &error.kind {
            CollectErrorKind::TooLarge { .. }
            | CollectErrorKind::TooSlow(_)
            | CollectErrorKind::Refused { status: TOO_LARGE, .. } => {
                let halved = size.failed(TooMuch::Bytes);
                limit = limit.min(size.limit());
                halved
            }
            // In an outage this fails, too. Otherwise a service that answers no full page would never be read.
            CollectErrorKind::Unanswered(_) | CollectErrorKind::Overloaded { retry_after: None, .. } => {
                std::mem::replace(&mut limit, FEW) > FEW
            }
            // The same, but the next look requests few from the start, so that it costs one request.
            CollectErrorKind::Throttled { retry_after: None } => {
                client.was_throttled(list);
                std::mem::replace(&mut limit, FEW) > FEW
            }
            // Nothing is requested before the pause has ended, and then fewer records.
            CollectErrorKind::Overloaded { retry_after: Some(_), .. }
            | CollectErrorKind::Throttled { retry_after: Some(_) } => {
                client.was_throttled(list);
                false
            }
            kind if is_about_order(kind) && !list.has_time_filter() => {
                repeats <= ORDER_BELIEVED_AFTER || client.refused_order(list, orders == AcceptedOrders::Both)
            }
            kind if is_about_limit(kind) => std::mem::replace(&mut limit, FEW) > FEW,
            kind if is_unspecific(kind) => {
                let is_less = std::mem::replace(&mut limit, FEW) > FEW;
                if !is_less && answers_without_order(client, list, orders).await {
                    answered_unordered += 1;
                    answered_unordered <= ORDER_SUSPECTED_AFTER
                        || client.refused_order(list, orders == AcceptedOrders::Both)
                } else {
                    is_less
                }
            }
            // Intermediaries can answer 404 for a moment.
            CollectErrorKind::NotFound => repeats <= REPEATED_AT_ONCE,
            _ => false,
        };
        if !again {
            return Err(error);
        }
    }
}

/// Whether a list that refused a request, without a reason, answers one that names no order.
async fn answers_without_order(client: &Client, list: &List, orders: AcceptedOrders) -> bool {
    if list.has_time_filter() || orders == AcceptedOrders::Unnamed {
        return false;
    }
    let witness = list.newest(FEW, AcceptedOrders::Unnamed);
    match client.list(&witness.query, list.scope, list.time, Lane::Full).await {
        Ok(answer) => {
            client.accept(&answer.page, witness.span);
            true
        }
        Err(_) => false,
    }
}
