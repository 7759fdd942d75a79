//! Requests to other systems, as far as the settings allow them.
//!
//! | file | what it has |
//! | --- | --- |
//! | `request` | a request, its response, and what can go wrong |
//! | `allowed` | which hosts may be reached: by their text, and again by where a name leads |
//! | `address` | which addresses are public |
//! | `clients` | the clients: directly or through the proxy, with which certificates, and which redirects they follow |
//! | `receive` | reads a response: as much and as long as allowed |
//!
//! Behind the proxy the proxy looks names up, so there a name is judged by its text only.

mod address;
mod allowed;
mod clients;
mod receive;
mod request;

use std::{
    net::SocketAddr,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use collectors::{SystemNames, TlsVerification, tls_failure, with_reasons};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::dns::{Name, Resolve};
use tokio::time::{Instant, timeout_at};
use url::Url;

pub use self::request::{
    NotAllowed, OutgoingBody, OutgoingError, OutgoingIdentity, OutgoingRequest, OutgoingResponse,
    Verification,
};
use self::{
    allowed::{CheckedNames, RefusedAddress, is_refused, permits},
    clients::OutgoingClients,
};
use crate::config::{AllowedHosts, Environment, OutgoingSettings, TargetHost};

/// Headers of the connection and of the proxy: no connector sets them.
const OF_CONNECTION: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];

/// Requests to other systems. Knows which hosts are allowed, through which proxy, and with which certificates.
pub struct Outgoing {
    settings: Arc<OutgoingSettings>,
    clients: Arc<OutgoingClients>,
    names: CheckedNames,
    has_sent: SentMark,
}

/// Whether a run has sent something. All clones are one.
#[derive(Clone, Debug, Default)]
pub struct SentMark(Arc<AtomicBool>);

impl SentMark {
    /// Whether it has.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is trusted of a host that has settings of its own, for connections that are not HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTrust {
    /// What is verified of its certificate.
    pub verification: TlsVerification,
    /// Authorities (PEM) besides those of the system.
    pub authorities: Option<String>,
}

impl Outgoing {
    /// Requests with these settings.
    pub fn new(settings: OutgoingSettings, environment: Environment) -> Self {
        Self::with_names(settings, environment, SystemNames::shared())
    }

    /// The same, with names looked up elsewhere: for tests.
    pub fn with_names(settings: OutgoingSettings, environment: Environment, names: Arc<dyn Resolve>) -> Self {
        let settings = Arc::new(settings);
        let allowed = Arc::new(settings.allowed_hosts.clone());
        Self {
            clients: Arc::new(OutgoingClients::new(Arc::clone(&settings), environment, Arc::clone(&names))),
            names: CheckedNames { allowed, names },
            settings,
            has_sent: SentMark::default(),
        }
    }

    /// The same clients, for one run: what the run has sent is known of it alone.
    pub fn for_run(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            clients: Arc::clone(&self.clients),
            names: self.names.clone(),
            has_sent: SentMark::default(),
        }
    }

    /// Whether something was sent: a request that was refused here, or found no connection, was not.
    pub fn has_sent(&self) -> SentMark {
        self.has_sent.clone()
    }

    /// Notes that something was sent by other ways than `send`.
    pub fn note_sent(&self) {
        self.has_sent.0.store(true, Ordering::Relaxed);
    }

    /// Requests to these hosts only, wherever they are: for tests. A text that is no host allows nothing.
    pub fn only_to(hosts: &[&str]) -> Self {
        let allowed_hosts = AllowedHosts::only(hosts.iter().copied()).unwrap_or_default();
        Self::new(OutgoingSettings { allowed_hosts, ..OutgoingSettings::default() }, Environment::default())
    }

    /// Whether an address may be used, before its name is looked up: when a connector is made.
    ///
    /// # Errors
    ///
    /// If the host, or an address that is written out, is not allowed.
    pub fn check(&self, url: &Url) -> Result<(), NotAllowed> {
        allowed::check(&self.settings.allowed_hosts, url).map(drop)
    }

    /// The addresses of a host, for connections that are not HTTP: those that are allowed.
    ///
    /// # Errors
    ///
    /// If the host is not allowed, leads only to addresses that are not, or is unknown.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutgoingError> {
        let refused = || NotAllowed::Host { url: format!("{host}:{port}") };
        let target = TargetHost::parse(host).ok_or_else(refused)?;
        if !permits(&self.settings.allowed_hosts, &target) {
            return Err(refused().into());
        }
        let name = match &target {
            TargetHost::Address(address) => return Ok(vec![SocketAddr::new(*address, port)]),
            TargetHost::Name(name) => name,
        };
        let unknown = |why: String| OutgoingError::Unreachable(format!("{host}: {why}"));
        let name = Name::from_str(name).map_err(|error| unknown(error.to_string()))?;
        let found = self.names.resolve(name).await.map_err(|error| match error.is::<RefusedAddress>() {
            true => refused().into(),
            false => unknown(error.to_string()),
        })?;
        Ok(found.map(|address| SocketAddr::new(address.ip(), port)).collect())
    }

    /// What is trusted of a host that has settings of its own.
    ///
    /// # Errors
    ///
    /// If its file of authorities cannot be read.
    pub fn trust_of(&self, url: &Url) -> Result<Option<HostTrust>, String> {
        let Some(own) = self.settings.host(url) else { return Ok(None) };
        Ok(Some(HostTrust { verification: own.verification, authorities: clients::authorities(own)? }))
    }

    /// How long the other side may take.
    pub fn response_timeout(&self) -> Duration {
        self.settings.response_timeout
    }

    /// Sends a request. `Ok` is any response, whatever its status. The name is looked up and the addresses are checked; a
    /// redirect to another host is not followed.
    ///
    /// # Errors
    ///
    /// If it is not allowed, or no complete response came.
    pub async fn send(&self, request: OutgoingRequest) -> Result<OutgoingResponse, OutgoingError> {
        let (method, started) = (request.method.clone(), Instant::now());
        let host = TargetHost::of(&request.url).map(|host| host.to_string()).unwrap_or_default();
        let sent = self.send_to(&host, request).await;
        match &sent {
            Err(
                OutgoingError::NotAllowed(_) | OutgoingError::Unreachable(_) | OutgoingError::Untrusted(_),
            ) => {}
            Ok(_) | Err(OutgoingError::TimedOut(_) | OutgoingError::TooLarge(_) | OutgoingError::Cut(_)) => {
                self.note_sent();
            }
        }
        let (status, error) = match &sent {
            Ok(response) => (Some(response.status.as_u16()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        // Not the path: that of a webhook is a secret.
        tracing::debug!(%method, host, status, error, took = ?started.elapsed(), "request of a connector");
        sent
    }

    async fn send_to(&self, host: &str, request: OutgoingRequest) -> Result<OutgoingResponse, OutgoingError> {
        let refused = || NotAllowed::Host { url: format!("{}://{host}", request.url.scheme()) };
        let target = match allowed::check(&self.settings.allowed_hosts, &request.url) {
            Ok(target) if matches!(request.url.scheme(), "http" | "https") => target,
            Err(error @ NotAllowed::Credentials { .. }) => return Err(error.into()),
            Ok(_) | Err(NotAllowed::Host { .. }) => return Err(refused().into()),
        };
        let within = request.timeout.unwrap_or(self.settings.response_timeout);
        let deadline = Instant::now() + within;
        let failed = |error: reqwest::Error| {
            if is_refused(&error) { refused().into() } else { failure(host, error, within) }
        };
        let client =
            self.clients.client(&request.method, &request.url, &target, request.identity.as_ref())?;
        let sending = client
            .request(request.method, request.url.clone())
            .headers(own_headers(request.headers))
            .body(request.body)
            .send();
        let late = |_| OutgoingError::TimedOut(within);
        let response = timeout_at(deadline, sending).await.map_err(late)?.map_err(failed)?;
        let response_max = usize::try_from(self.settings.response_max).unwrap_or(usize::MAX);
        if request.is_streamed && response.status().is_success() {
            return Ok(receive::streamed(response, within));
        }
        timeout_at(deadline, receive::whole(response, response_max, request.is_beginning_enough, failed))
            .await
            .map_err(late)?
    }
}

impl Default for Outgoing {
    /// To every public host.
    fn default() -> Self {
        Self::new(OutgoingSettings::default(), Environment::default())
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn own_headers(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// What a failure means. The text names the host, and not the rest of the address.
fn failure(host: &str, error: reqwest::Error, within: Duration) -> OutgoingError {
    let error = error.without_url();
    if let Some(why) = tls_failure(&error) {
        return OutgoingError::Untrusted(format!("{host}: {why}"));
    }
    let why = format!("{host}: {}", with_reasons(&error));
    match () {
        () if error.is_timeout() => OutgoingError::TimedOut(within),
        () if error.is_connect() => OutgoingError::Unreachable(why),
        () => OutgoingError::Cut(why),
    }
}

#[cfg(test)]
mod tests;
