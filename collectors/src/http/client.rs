//! Requests with one API key: the key, the server's clock, and the errors of an answer.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::{
    doubt::repeated_page::PageSpan,
    error::{CollectError, CollectErrorKind},
    http::{
        budget::{KeyBudget, Lane},
        clock::Clock,
        refusal,
        transport::{Response, Transport, TransportError},
    },
    lists::{AcceptedOrders, List},
    page::{
        ListPage, Malformed,
        again::{Again, KnownDamage},
        head::TimeField,
    },
    source_counters::{Anomaly, RequestOutcome, SourceCounters},
    walk::cursor::Direction,
};

/// Base URL and headers of all requests of one key.
pub struct Client {
    transport: Arc<dyn Transport>,
    budget: Arc<KeyBudget>,
    base_url: String,
    headers: HeaderMap,
    retry_after_max: Duration,
    clock: Clock,
    date: Mutex<Option<(i64, Instant)>>,
    counters: Mutex<SourceCounters>,
    damage: Mutex<KnownDamage>,
    directions: Mutex<BTreeMap<String, Direction>>,
    logged_directions: Mutex<BTreeMap<&'static str, Direction>>,
    /// What each list accepts as order, by its path, if less than it should; and until when this holds.
    orders: Mutex<BTreeMap<&'static str, (AcceptedOrders, Instant)>>,
    request_ids: Mutex<RequestIds>,
}

/// The `x-request-id` of the first and of the last answer that had one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestIds {
    /// Of the first.
    pub first: Option<String>,
    /// Of the last.
    pub last: Option<String>,
}

/// How long a refused order is not asked for again.
const ORDER_LOOK_INTERVAL: Duration = Duration::from_secs(86_400);

/// The longest accepted name of an organization or project, because it is stored in a checkpoint.
const NAME_BYTES_MAX: usize = 256;

/// What a client needs besides its transport.
pub struct ClientSettings {
    /// The API key.
    pub api_key: SecretString,
    /// `https://api.openai.com/v1` or another; without the list's path.
    pub base_url: Url,
    /// Sent as `OpenAI-Organization`.
    pub organization: Option<String>,
    /// Sent as `OpenAI-Project`.
    pub project: Option<String>,
    /// The longest delay that an answer may ask for.
    pub retry_after_max: Duration,
}

/// A successful answer of a list.
#[derive(Debug)]
pub struct ListAnswer {
    /// The list.
    pub page: ListPage,
    /// Bytes of the body.
    pub bytes: usize,
    /// Header `openai-organization`, if the answer has it.
    pub organization: Option<String>,
    /// Header `openai-project`, if the answer has it.
    pub project: Option<String>,
}

impl Client {
    /// Fails if the key or a name cannot be sent in a header.
    pub fn new(
        transport: Arc<dyn Transport>,
        budget: Arc<KeyBudget>,
        settings: ClientSettings,
        clock: Clock,
    ) -> Result<Self, CollectErrorKind> {
        let bad = |what: &str| {
            CollectErrorKind::Settings(format!("{what} contains characters that a header cannot carry"))
        };
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", settings.api_key.expose_secret());
        let mut bearer = HeaderValue::try_from(bearer).map_err(|_| bad("api_key"))?;
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in
            [("openai-organization", &settings.organization), ("openai-project", &settings.project)]
        {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::try_from(value.as_str()).map_err(|_| bad(name))?);
            }
        }
        Ok(Self {
            transport,
            budget,
            base_url: settings.base_url.as_str().trim_end_matches('/').to_owned(),
            headers,
            retry_after_max: settings.retry_after_max,
            clock,
            date: Mutex::new(None),
            counters: Mutex::default(),
            damage: Mutex::default(),
            directions: Mutex::default(),
            logged_directions: Mutex::default(),
            orders: Mutex::default(),
            request_ids: Mutex::default(),
        })
    }

    /// The earlier of the local clock and the server's last `Date` plus the time since: a single wrong clock
    /// cannot move anything ahead.
    pub fn now(&self) -> i64 {
        let local = self.clock.now();
        match *lock(&self.date) {
            Some((date, at)) => local.min(date.saturating_add_unsigned(at.elapsed().as_secs())),
            None => local,
        }
    }

    /// The server's clock minus the local one, in seconds; `None` before the first answer with a `Date`.
    pub fn clock_difference(&self) -> Option<i64> {
        let (date, at) = (*lock(&self.date))?;
        Some(date.saturating_add_unsigned(at.elapsed().as_secs()) - self.clock.now())
    }

    /// Whether an answer had a `Date` yet.
    pub fn is_dated(&self) -> bool {
        lock(&self.date).is_some()
    }

    /// The ids by which OpenAI's support finds the first and the last request.
    pub fn request_ids(&self) -> RequestIds {
        lock(&self.request_ids).clone()
    }

    /// Counts since the last call.
    pub fn take_counters(&self) -> SourceCounters {
        std::mem::take(&mut *lock(&self.counters))
    }

    /// Requests one page of a list. `path_and_query` begins with `/`; `scope` is the one that the list needs,
    /// `time` the field that dates its records. After an answer that cannot be parsed the request is repeated
    /// at once, a few times.
    pub async fn list(
        &self,
        path_and_query: &str,
        scope: &str,
        time: TimeField,
        lane: Lane,
    ) -> Result<ListAnswer, CollectError> {
        let mut again = Again::default();
        let (response, page) = loop {
            let response = self.get(path_and_query, scope, lane, usize::MAX).await?;
            match again.read(&response.body, time, &mut lock(&self.damage)) {
                Ok(page) => break (response, page),
                Err(malformed) => {
                    lock(&self.counters).note(Anomaly::Malformed);
                    if again.is_over() {
                        return Err(malformed_in(&response, malformed));
                    }
                }
            }
        };
        let named = |name| {
            let name = response.headers.get(name).and_then(|value| value.to_str().ok());
            name.filter(|name| name.len() <= NAME_BYTES_MAX).map(str::to_owned)
        };
        Ok(ListAnswer {
            page,
            bytes: response.body.len(),
            organization: named("openai-organization"),
            project: named("openai-project"),
        })
    }

    /// Whether this page is known only as the answer to requests that covered less.
    pub(crate) fn answers_another(&self, page: &ListPage, span: &PageSpan) -> bool {
        self.budget.recent_pages().answers_another(page, span)
    }

    /// Remembers a page as the answer to a request.
    pub(crate) fn accept(&self, page: &ListPage, span: PageSpan) {
        self.budget.recent_pages().accept(page, span);
    }

    /// The direction of this list, as last found by any of its walks.
    pub(crate) fn direction_of(&self, list: &str) -> Option<Direction> {
        lock(&self.directions).get(list).copied()
    }

    /// Remembers the direction of a list for its other walks.
    pub(crate) fn found_direction(&self, list: String, direction: Direction) {
        lock(&self.directions).insert(list, direction);
    }

    /// Whether no walk of this list has reported this direction yet.
    pub(crate) fn is_news(&self, list: &'static str, direction: Direction) -> bool {
        lock(&self.logged_directions).insert(list, direction) != Some(direction)
    }

    /// Remembers that a first look at this list was asked to wait, for the next client with this key.
    pub(crate) fn was_throttled(&self, list: &List) {
        self.budget.throttled().insert(list.path);
    }

    /// Whether the last first look at this list was asked to wait.
    pub(crate) fn take_throttled(&self, list: &List) -> bool {
        self.budget.throttled().remove(list.path)
    }

    /// What this list accepts as order.
    pub(crate) fn orders_of(&self, list: &List) -> AcceptedOrders {
        let known = lock(&self.orders).get(list.path).copied();
        known
            .filter(|(_, until)| Instant::now() < *until)
            .map_or(AcceptedOrders::default(), |(orders, _)| orders)
    }

    /// Remembers for a day that a list refuses to be asked newest first, or for any order. False if it was
    /// asked for none.
    pub(crate) fn refused_order(&self, list: &List, newest_first: bool) -> bool {
        let accepted = match self.orders_of(list) {
            AcceptedOrders::Both if newest_first => AcceptedOrders::OldestFirst,
            AcceptedOrders::Both | AcceptedOrders::OldestFirst => AcceptedOrders::Unnamed,
            AcceptedOrders::Unnamed => return false,
        };
        let known = lock(&self.orders).insert(list.path, (accepted, Instant::now() + ORDER_LOOK_INTERVAL));
        if known.is_none_or(|(known, _)| known < accepted) {
            let refused = if newest_first { "desc" } else { "asc" };
            tracing::warn!(
                list = list.name,
                refused,
                "the API refuses the parameter `order`: reading without what needs it, and trying again in a \
                 day"
            );
        }
        true
    }

    /// Sends one request and returns its answer if successful; a body of more than `body_max` bytes is an
    /// error.
    pub(crate) async fn get(
        &self,
        path_and_query: &str,
        scope: &str,
        lane: Lane,
        body_max: usize,
    ) -> Result<Response, CollectError> {
        self.budget.admit(lane).await;
        let url = format!("{}{path_and_query}", self.base_url);
        let sent = self.transport.get(&url, self.headers.clone(), body_max).await;
        lock(&self.counters).count(RequestOutcome::of(&sent));
        let response = sent.map_err(|error| match error {
            TransportError::Unreachable(reason) => CollectErrorKind::Unreachable(reason),
            TransportError::Unanswered(reason) => CollectErrorKind::Unanswered(reason),
            TransportError::Untrusted(reason) => CollectErrorKind::Untrusted(reason),
            TransportError::TooSlow(reason) => CollectErrorKind::TooSlow(reason),
            TransportError::TooLarge { bytes_max, .. } => CollectErrorKind::TooLarge { bytes_max },
        })?;
        self.observe_date(&response.headers);
        if let Some(id) = refusal::request_id(&response.headers) {
            let mut ids = lock(&self.request_ids);
            ids.first.get_or_insert_with(|| id.clone());
            ids.last = Some(id);
        }
        if !response.status.is_success() {
            let (headers, body) = (&response.headers, &response.body);
            let error = refusal::refusal(response.status, headers, body, scope, self.retry_after_max);
            if let CollectErrorKind::Throttled { retry_after: Some(wait) } = error.kind {
                self.budget.pause(wait);
            }
            return Err(error);
        }
        Ok(response)
    }

    fn observe_date(&self, headers: &HeaderMap) {
        let date = headers.get(header::DATE).and_then(|value| value.to_str().ok());
        let date = date.and_then(|text| httpdate::parse_http_date(text).ok());
        let since = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        if let Some(second) = since.and_then(|since| i64::try_from(since.as_secs()).ok()) {
            *lock(&self.date) = Some((second, Instant::now()));
        }
    }
}

/// The error of an answer whose body cannot be parsed.
pub(crate) fn malformed_in(response: &Response, malformed: Malformed) -> CollectError {
    let request_id = refusal::request_id(&response.headers);
    CollectError { kind: CollectErrorKind::Malformed(malformed), request_id }
}

/// Shows the base URL, never the key.
impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
