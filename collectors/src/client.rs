//! Requests with one API key: the key, the rate, shared pauses, the server's clock, and the errors of an answer.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use governor::{
    RateLimiter,
    clock::Clock as _,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::{
    clock::Clock,
    error::{CollectError, CollectErrorKind, WrongKeyClass},
    page::{ListPage, Malformed},
    refusal,
    tally::{Anomaly, Outcome, Tally},
    transport::{Response, Transport, TransportError},
};

/// Which share of the key's rate a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// All of it.
    Full,
    /// At most half, so that polls never wait for a long sweep.
    Half,
    /// At most half, counted apart: the messages of completions are a request for each, and a sweep is not to wait for them.
    Messages,
}

/// What is shared by everything that uses one API key: the rate and the pause that a throttled request imposes.
#[derive(Debug)]
pub struct KeyBudget {
    full: Limiter,
    half: Limiter,
    messages: Limiter,
    paused_until: Mutex<Option<Instant>>,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Ticks, governor::middleware::NoOpMiddleware<Nanos>>;

/// governor's clock on tokio's, so that a paused test moves both.
#[derive(Debug, Clone)]
struct Ticks(Instant);

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;
    fn now(&self) -> Nanos {
        Nanos::from(self.0.elapsed())
    }
}

impl KeyBudget {
    /// A budget of `qps` requests a second.
    pub fn new(qps: NonZeroU32) -> Self {
        let half = NonZeroU32::new(qps.get() / 2);
        let quota = governor::Quota::per_second;
        // Half of one request a second is one in two seconds.
        let half = half
            .map_or_else(|| governor::Quota::with_period(Duration::from_secs(2)), |half| Some(quota(half)));
        let half = half.unwrap_or_else(|| quota(qps));
        let limiter = |quota| RateLimiter::direct_with_clock(quota, Ticks(Instant::now()));
        Self {
            full: limiter(quota(qps)),
            half: limiter(half),
            messages: limiter(half),
            paused_until: Mutex::new(None),
        }
    }

    async fn admit(&self, lane: Lane) {
        match lane {
            Lane::Full => {}
            Lane::Half => wait_for(&self.half).await,
            Lane::Messages => wait_for(&self.messages).await,
        }
        wait_for(&self.full).await;
        let until = *lock(&self.paused_until);
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut paused = lock(&self.paused_until);
        if paused.is_none_or(|other| other < until) {
            *paused = Some(until);
        }
    }
}

async fn wait_for(limiter: &Limiter) {
    while let Err(early) = limiter.check() {
        tokio::time::sleep(early.wait_time_from(limiter.clock().now())).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where requests go, with which headers.
pub struct Client {
    transport: Arc<dyn Transport>,
    budget: Arc<KeyBudget>,
    base_url: String,
    headers: HeaderMap,
    retry_after_max: Duration,
    clock: Clock,
    date: Mutex<Option<(i64, Instant)>>,
    tally: Mutex<Tally>,
    /// Answers in a row whose `data` is null.
    nulls: AtomicU32,
}

/// So many answers in a row with `null` for their records are an empty list.
const NULLS_BELIEVED: u32 = 3;

/// What a client needs beside its transport.
pub struct ClientSettings {
    /// The API key.
    pub api_key: SecretString,
    /// `https://api.openai.com/v1` or another; without the list's path.
    pub base_url: Url,
    /// Sent as `OpenAI-Organization`.
    pub organization: Option<String>,
    /// Sent as `OpenAI-Project`.
    pub project: Option<String>,
    /// The longest wait that an answer may ask for.
    pub retry_after_max: Duration,
}

/// A good answer of a list.
#[derive(Debug)]
pub struct Answer {
    /// The list.
    pub page: ListPage,
    /// Bytes of the body.
    pub bytes: usize,
    /// `openai-organization`, when the answer names it.
    pub organization: Option<String>,
    /// `openai-project`, when the answer names it.
    pub project: Option<String>,
}

impl Client {
    /// Joins the parts. Fails when the key or a name cannot be sent as a header.
    pub fn new(
        transport: Arc<dyn Transport>,
        budget: Arc<KeyBudget>,
        settings: ClientSettings,
        clock: Clock,
    ) -> Result<Self, CollectErrorKind> {
        let bad = |what: &str| {
            CollectErrorKind::Settings(format!("{what} holds characters that a header cannot carry"))
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
            tally: Mutex::default(),
            nulls: AtomicU32::new(0),
        })
    }

    /// The earlier of the local clock and the server's last `Date`, run on: a clock that is wrong in one place moves nothing ahead.
    pub fn now(&self) -> i64 {
        let local = self.clock.now();
        match *lock(&self.date) {
            Some((date, at)) => local.min(date.saturating_add_unsigned(at.elapsed().as_secs())),
            None => local,
        }
    }

    /// The server's clock less the local one, in seconds; `None` while no answer had a `Date`.
    pub fn clock_difference(&self) -> Option<i64> {
        let (date, at) = (*lock(&self.date))?;
        Some(date.saturating_add_unsigned(at.elapsed().as_secs()) - self.clock.now())
    }

    /// Whether an answer has told the server's time yet.
    pub fn is_dated(&self) -> bool {
        lock(&self.date).is_some()
    }

    /// What was counted since this was last asked.
    pub fn take_tally(&self) -> Tally {
        std::mem::take(&mut *lock(&self.tally))
    }

    /// Asks a list for one page. `path_and_query` begins with `/`; `scope` is the permission that the list needs.
    pub async fn list(&self, path_and_query: &str, scope: &str, lane: Lane) -> Result<Answer, CollectError> {
        let response = self.get(path_and_query, scope, lane, usize::MAX).await?;
        let page =
            ListPage::parse(&response.body).and_then(|page| self.doubt(page)).map_err(|malformed| {
                lock(&self.tally).note(Anomaly::Malformed);
                malformed_in(&response, malformed)
            })?;
        let named =
            |name| response.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer {
            page,
            bytes: response.body.len(),
            organization: named("openai-organization"),
            project: named("openai-project"),
        })
    }

    /// An answer with `null` for its records may stand for an empty list, or for a fault behind the API; taken for empty at once,
    /// it would end a stretch of time unread. It is believed when it is all that comes.
    fn doubt(&self, page: ListPage) -> Result<ListPage, Malformed> {
        let nulls = if page.is_null && page.records.is_empty() {
            self.nulls.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            self.nulls.store(0, Ordering::Relaxed);
            return Ok(page);
        };
        match nulls {
            ..NULLS_BELIEVED => Err(Malformed { offset: 0, reason: "`data` is null" }),
            NULLS_BELIEVED => {
                tracing::warn!("`data` is null again and again: taken for an empty list");
                Ok(page)
            }
            _ => Ok(page),
        }
    }

    /// Sends one request and takes its good answer, of which at most `body_max` bytes are read.
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
        lock(&self.tally).count(Outcome::of(&sent));
        let response = sent.map_err(|error| match error {
            TransportError::Unreachable(reason) => CollectErrorKind::Unreachable(reason),
            TransportError::TooLarge { bytes_max } => CollectErrorKind::TooLarge { bytes_max },
        })?;
        self.observe_date(&response.headers);
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

/// The error of an answer whose body is not what was asked for.
pub(crate) fn malformed_in(response: &Response, malformed: Malformed) -> CollectError {
    let request_id = refusal::request_id(&response.headers);
    CollectError { kind: CollectErrorKind::Malformed(malformed), request_id }
}

/// Shows where requests go; never the key.
impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Tells from its prefix that a key cannot belong to this list. Keys of other shapes (a gateway's own) pass.
pub fn check_key_class(api_key: &SecretString, admin_wanted: bool) -> Result<(), CollectErrorKind> {
    let key = api_key.expose_secret();
    match (key.starts_with("sk-admin-"), key.starts_with("sk-"), admin_wanted) {
        (false, true, true) => Err(CollectErrorKind::WrongKeyClass(WrongKeyClass::ProjectForAdmin)),
        (true, _, false) => Err(CollectErrorKind::WrongKeyClass(WrongKeyClass::AdminForProject)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_backlog_of_messages_leaves_a_poll_and_a_sweep_their_share_of_the_rate() {
        let budget = Arc::new(KeyBudget::new(NonZeroU32::new(4).expect("not zero")));
        let backlog = tokio::spawn({
            let budget = budget.clone();
            async move {
                for _ in 0..1_000 {
                    budget.admit(Lane::Messages).await;
                }
            }
        });
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            for lane in [Lane::Full, Lane::Half] {
                let asked = Instant::now();
                budget.admit(lane).await;
                assert!(
                    asked.elapsed() < Duration::from_millis(600),
                    "{lane:?} waited {:?}",
                    asked.elapsed()
                );
            }
        }
        assert!(!backlog.is_finished(), "two a second: a thousand take more than eight minutes");
        backlog.await.expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn messages_take_at_most_half_of_the_rate() {
        let (budget, begun) = (KeyBudget::new(NonZeroU32::new(10).expect("not zero")), Instant::now());
        for _ in 0..105 {
            budget.admit(Lane::Messages).await;
        }
        let rate = 100.0 / begun.elapsed().as_secs_f64();
        assert!((4.9..=5.1).contains(&rate), "{rate}");
    }
}
