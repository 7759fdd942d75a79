//! Requests to one service, for the sinks that use HTTP. The connection is made when needed and the secret is
//! read for each request, so that a repair by the operator takes effect without a restart.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use collectors::{Http, HttpSettings, Response, TransportError};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::ExposeSecret;

use super::{
    counters::{SinkCounter, SinkCounters},
    remote::{RemoteError, RemoteErrorKind, Service, plain},
};
use crate::{
    config::{Environment, HttpAuth, SecretError, SettingError},
    connectors::said::Hidden,
    units::size,
};

/// Headers in which services name a request.
const REQUEST_ID: [&str; 2] = ["x-request-id", "x-cloud-request-id"];

/// Whether a refusal asks for credentials in HTTP's own header, as some services do without an error in their
/// own form.
pub fn asks_for_credentials(response: &Response) -> bool {
    response.status == StatusCode::UNAUTHORIZED && response.headers.contains_key(header::WWW_AUTHENTICATE)
}

/// What the rejects say of a record that a proxy or gateway refused.
pub fn intercepted(status: StatusCode) -> String {
    format!("status {}, from a proxy or firewall instead of the service", status.as_u16())
}

/// How a service is reached. Built at the first request, because it may need files.
pub type Reach = dyn Fn(&Environment) -> Result<HttpSettings, SettingError> + Send + Sync;

/// One service, and who sends to it.
pub struct Remote {
    service: Service,
    reach: Box<Reach>,
    auth: Option<HttpAuth>,
    environment: Environment,
    retry_after_max: Duration,
    http: Mutex<Option<Arc<Http>>>,
    meter: SinkCounter,
}

impl Remote {
    /// Keeps what is needed; opens nothing yet.
    pub fn new(
        service: Service,
        reach: Box<Reach>,
        auth: Option<HttpAuth>,
        environment: Environment,
        retry_after_max: Duration,
    ) -> Self {
        let (http, meter) = (Mutex::default(), SinkCounter::default());
        Self { service, reach, auth, environment, retry_after_max, http, meter }
    }

    /// Sends a request. `Ok` is any complete response, whatever its status.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, RemoteError> {
        let sent = self.sent(method, url, headers, body).await?;
        sent.map_err(|error| self.failed(error))
    }

    /// The same; an inner error is the status of a response that is larger than is read.
    pub async fn send_unless_large(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Result<Response, StatusCode>, RemoteError> {
        match self.sent(method, url, headers, body).await? {
            Ok(response) => Ok(Ok(response)),
            Err(TransportError::TooLarge { status, .. }) => Ok(Err(status)),
            Err(error) => Err(self.failed(error)),
        }
    }

    async fn sent(
        &self,
        method: Method,
        url: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Result<Response, TransportError>, RemoteError> {
        let http = self.http()?;
        if let Some(authorization) = self.authorization()? {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        let sent = http.send(method, url, headers, body).await;
        self.meter.request(&sent);
        Ok(sent)
    }

    fn failed(&self, error: TransportError) -> RemoteError {
        let kind = match error {
            TransportError::Unreachable(reason)
            | TransportError::Unanswered(reason)
            | TransportError::TooSlow(reason) => RemoteErrorKind::Unreachable(reason),
            TransportError::Untrusted(reason) => RemoteErrorKind::Untrusted(reason),
            TransportError::TooLarge { bytes_max, .. } => {
                RemoteErrorKind::NotUnderstood(format!("larger than {}", size(bytes_max as u64)))
            }
        };
        kind.of(self.service)
    }

    /// What was counted so far.
    pub fn counters(&self) -> SinkCounters {
        self.meter.read()
    }

    /// How long a response asks to wait, bounded.
    pub fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        collectors::retry_after(headers, SystemTime::now(), self.retry_after_max)
    }

    /// An error with the service's name for the request.
    pub fn error(&self, kind: RemoteErrorKind, headers: &HeaderMap) -> RemoteError {
        let named = REQUEST_ID.iter().find_map(|name| headers.get(*name)?.to_str().ok());
        RemoteError { service: self.service, kind, request_id: named.map(plain) }
    }

    /// What the service may repeat of our credentials, and nobody may see.
    pub fn hidden(&self) -> Hidden {
        match &self.auth {
            None => Hidden::one(None),
            Some(HttpAuth::ApiKey(source)) => {
                let key = source.resolve(&self.environment).ok();
                // The key is `id:secret` in Base64.
                let decoded = key.as_ref().and_then(|key| STANDARD.decode(key.expose_secret()).ok());
                let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
                let secret = decoded.as_deref().and_then(|both| Some(both.split_once(':')?.1.to_owned()));
                let hidden = Hidden::one(key.as_ref());
                secret.into_iter().filter(|secret| !secret.is_empty()).fold(hidden, Hidden::and)
            }
            Some(HttpAuth::Basic { user, password }) => {
                let password = password.resolve_password(&self.environment).ok();
                let both = password.as_ref().map(|password| format!("{user}:{}", password.expose_secret()));
                let hidden = Hidden::one(password.as_ref());
                both.iter().map(|both| STANDARD.encode(both)).fold(hidden, Hidden::and)
            }
        }
    }

    fn http(&self) -> Result<Arc<Http>, RemoteError> {
        let mut held = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(http) = &*held {
            return Ok(http.clone());
        }
        let secret = |error: SettingError| RemoteErrorKind::Secret((&error).into()).of(self.service);
        let settings = (self.reach)(&self.environment).map_err(secret)?;
        let http = Http::new(&settings).map_err(|why| RemoteErrorKind::Settings(why).of(self.service))?;
        Ok(held.insert(Arc::new(http)).clone())
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, RemoteError> {
        let secret = |error| {
            let error = SecretError::of("auth")(error);
            RemoteErrorKind::Secret((&error).into()).of(self.service)
        };
        let text = match &self.auth {
            None => return Ok(None),
            Some(HttpAuth::ApiKey(source)) => {
                format!("ApiKey {}", source.resolve(&self.environment).map_err(secret)?.expose_secret())
            }
            Some(HttpAuth::Basic { user, password }) => {
                let password = password.resolve_password(&self.environment).map_err(secret)?;
                format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose_secret())))
            }
        };
        let unsendable = |_| {
            let why = "auth contains characters that a header cannot carry".to_owned();
            RemoteErrorKind::Settings(why).of(self.service)
        };
        let mut value = HeaderValue::try_from(text).map_err(unsendable)?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}
