//! One query, and what its answer means.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use collectors::{Clock, Http, Response, TransportError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::query::ROWS_MAX;
use crate::{
    config::{Environment, LogsIngestionSettings, QuerySettings},
    sinks::{
        counters::SinkCounter,
        logs_ingestion::{
            auth::{Token, Tokens},
            client::REQUEST_ID,
            sink::{credential, http_settings},
        },
        patience::Patience,
        remote::{RemoteError, RemoteErrorKind, Service, plain},
    },
    units::size,
};

/// More than the rows of an answer can have: an id has about 40 bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// The longest time that the service allows for a query, and a little more for its answer.
const WAIT_SECONDS: &str = "wait=600";
const TIMEOUT: Duration = Duration::from_secs(660);

/// What came of a query.
pub(super) enum QueryOutcome<T> {
    /// Every row.
    Rows(Vec<T>),
    /// Too much for one answer; a shorter span may be answered.
    Incomplete(RemoteError),
}

/// A workspace, and who asks it.
pub(super) struct QueryApi {
    settings: LogsIngestionSettings,
    query: QuerySettings,
    environment: Environment,
    clock: Clock,
    connection: Mutex<Option<QueryConnection>>,
}

#[derive(Clone)]
struct QueryConnection {
    http: Arc<Http>,
    tokens: Arc<Tokens>,
}

#[derive(Deserialize)]
struct QueryAnswer<T> {
    #[serde(default)]
    error: Option<QueryFailure>,
    #[serde(default = "Vec::new")]
    tables: Vec<AnswerTable<T>>,
}

#[derive(Deserialize)]
struct AnswerTable<T> {
    name: String,
    rows: Vec<T>,
}

#[derive(Default, Deserialize)]
struct QueryFailure {
    #[serde(default)]
    code: String,
    #[serde(default)]
    innererror: Option<Box<QueryFailure>>,
}

impl QueryFailure {
    /// Its code, and those of its causes.
    fn codes(&self) -> String {
        let own = plain(&self.code);
        self.innererror.as_ref().map_or(own.clone(), |inner| format!("{own}: {}", inner.codes()))
    }

    fn of(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Refusal {
            error: QueryFailure,
        }
        serde_json::from_slice::<Refusal>(body).map_or_else(|_| Self::default(), |refusal| refusal.error)
    }
}

impl QueryApi {
    pub(super) fn new(
        settings: LogsIngestionSettings,
        query: QuerySettings,
        environment: Environment,
        clock: Clock,
    ) -> Self {
        Self { settings, query, environment, clock, connection: Mutex::default() }
    }

    /// Where queries go.
    pub(super) fn url(&self) -> String {
        self.query.url(self.settings.cloud)
    }

    /// Asks, and asks again while the service has too much to do.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        query: &str,
        timespan: &str,
    ) -> Result<QueryOutcome<T>, RemoteError> {
        let body = Bytes::from(json!({ "query": query, "timespan": timespan }).to_string());
        let mut patience = Patience::new();
        loop {
            let failed = match self.ask_once(&body).await {
                Ok(response) => match self.read(&response) {
                    Ok(asked) => return Ok(asked),
                    Err(failed) => failed,
                },
                Err(failed) => failed,
            };
            patience.bear(failed).await?;
        }
    }

    /// One request, with another token if the first is refused.
    async fn ask_once(&self, body: &Bytes) -> Result<Response, RemoteError> {
        let connection = self.connection()?;
        let token = connection.tokens.get().await?;
        let response = self.send(&connection, &token, body.clone()).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let token = connection.tokens.renew(&token).await?;
        self.send(&connection, &token, body.clone()).await
    }

    async fn send(
        &self,
        connection: &QueryConnection,
        token: &Token,
        body: Bytes,
    ) -> Result<Response, RemoteError> {
        let failed = |kind: RemoteErrorKind| kind.of(Service::LogAnalytics);
        let bearer = HeaderValue::from_str(&format!("Bearer {}", token.text.expose_secret()));
        let mut bearer = bearer.map_err(|_| {
            failed(RemoteErrorKind::NotUnderstood("a token with unprintable characters".to_owned()))
        })?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, bearer),
            // Without it the answer is empty.
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            // Answers are kept for two minutes otherwise.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (HeaderName::from_static("prefer"), HeaderValue::from_static(WAIT_SECONDS)),
        ]);
        connection.http.send(Method::POST, &self.url(), headers, body).await.map_err(|error| match error {
            TransportError::Unreachable(why)
            | TransportError::Unanswered(why)
            | TransportError::TooSlow(why) => failed(RemoteErrorKind::Unreachable(why)),
            TransportError::Untrusted(why) => failed(RemoteErrorKind::Untrusted(why)),
            TransportError::TooLarge { bytes_max, .. } => {
                failed(RemoteErrorKind::NotUnderstood(format!("larger than {}", size(bytes_max as u64))))
            }
        })
    }

    /// The rows of an answer. Whatever may have left something out is not taken for an answer.
    fn read<T: DeserializeOwned>(&self, response: &Response) -> Result<QueryOutcome<T>, RemoteError> {
        let failed = |kind| self.error(kind, response);
        match response.status {
            StatusCode::OK if response.body.is_empty() => {
                Err(failed(RemoteErrorKind::NotUnderstood("an empty answer".to_owned())))
            }
            StatusCode::OK => {
                let mut answer: QueryAnswer<T> = serde_json::from_slice(&response.body).map_err(|error| {
                    // The parser's own message could quote content.
                    let (line, column) = (error.line(), error.column());
                    let why = format!("not the answer to a query (line {line}, column {column})");
                    failed(RemoteErrorKind::NotUnderstood(why))
                })?;
                if let Some(error) = &answer.error {
                    let code = error.codes();
                    return Ok(QueryOutcome::Incomplete(failed(RemoteErrorKind::RunFailed { code })));
                }
                let place = answer.tables.iter().position(|table| table.name == "PrimaryResult");
                let place = place.ok_or_else(|| {
                    failed(RemoteErrorKind::NotUnderstood("an answer without its table".to_owned()))
                })?;
                let rows = answer.tables.swap_remove(place).rows;
                if rows.len() > ROWS_MAX {
                    let code = format!("more than {ROWS_MAX} rows");
                    return Ok(QueryOutcome::Incomplete(failed(RemoteErrorKind::RunFailed { code })));
                }
                Ok(QueryOutcome::Rows(rows))
            }
            StatusCode::NO_CONTENT => Err(failed(RemoteErrorKind::Settings(
                "the workspace is empty: check `workspace_id`".to_owned(),
            ))),
            _ => Err(self.refusal(response)),
        }
    }

    fn refusal(&self, response: &Response) -> RemoteError {
        let code = QueryFailure::of(&response.body).codes();
        let status = response.status.as_u16();
        let retry_after = || {
            let longest = self.settings.connection.retry_after_max;
            collectors::retry_after(&response.headers, std::time::SystemTime::now(), longest)
        };
        let kind = match status {
            401 => RemoteErrorKind::Unauthorized { code },
            403 => RemoteErrorKind::Forbidden {
                code: format!(
                    "{code}; to compare, give the identity the role Log Analytics Reader on the workspace, and an \
                     application also the permission Data.Read of the Log Analytics API; this takes up to 60 minutes"
                ),
            },
            404 => RemoteErrorKind::NotFound { what: "the workspace of `workspace_id`".to_owned() },
            429 => RemoteErrorKind::Throttled { retry_after: retry_after() },
            408 | 500.. => RemoteErrorKind::Overloaded { status, retry_after: retry_after() },
            _ => RemoteErrorKind::Refused { status, code },
        };
        self.error(kind, response)
    }

    fn error(&self, kind: RemoteErrorKind, response: &Response) -> RemoteError {
        let request_id = response.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(plain);
        RemoteError { request_id, ..kind.of(Service::LogAnalytics) }
    }

    /// Built when first needed.
    fn connection(&self) -> Result<QueryConnection, RemoteError> {
        let mut held = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*held {
            return Ok(connection.clone());
        }
        let unusable = |kind: RemoteErrorKind| kind.of(Service::LogAnalytics);
        let settings =
            http_settings(&self.settings, ANSWER_BYTES_MAX, &self.environment).map_err(unusable)?;
        let settings = collectors::HttpSettings { timeout: TIMEOUT.max(settings.timeout), ..settings };
        let http = Http::new(&settings).map(Arc::new).map_err(RemoteErrorKind::Settings).map_err(unusable)?;
        let scope = self.query.scope(self.settings.cloud);
        let credential =
            credential(&self.settings, scope, (&http, settings), &self.environment).map_err(unusable)?;
        let meter = Arc::new(SinkCounter::with_tokens());
        let tokens = Arc::new(Tokens::new(credential, self.clock.clone(), meter));
        Ok(held.insert(QueryConnection { http, tokens }).clone())
    }
}
