//! The HTTP clients: one for each way in which hosts are reached.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use collectors::{SystemNames, TlsTrust, TlsVerification, with_reasons};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Client, ClientBuilder, Proxy, dns::Resolve, redirect};
use secrecy::ExposeSecret;
use url::Url;

use super::{OutgoingError, OutgoingIdentity, Verification, allowed::CheckedNames};
use crate::{
    config::{Environment, HostSettings, OutgoingSettings, ProxyHeader, TargetHost},
    files,
    reasons::with_reasons as reasons_of,
};

/// Redirects of one request.
const REDIRECTS_MAX: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_CONNECTIONS_MAX: usize = 4;
/// OutgoingClients that are kept: a proxy's password that changes makes another one.
const CLIENTS_MAX: usize = 64;
/// The largest file of authorities.
const CA_BYTES_MAX: u64 = 1 << 20;

/// The address of a proxy, and the headers for it.
type ProxyWay = (String, Vec<(String, String)>);

/// In which way a host is reached. The proxy's address and headers are read for each request, because a secret may change.
#[derive(PartialEq, Eq, Hash)]
struct Way {
    proxy: Option<ProxyWay>,
    /// The file of authorities, and what is verified: of hosts with certificates of their own.
    trust: Option<(Option<String>, TlsVerification)>,
    redirects: Redirects,
}

/// Which redirects are followed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Redirects {
    /// All.
    Any,
    /// Those that keep the method: others make a GET of a request, and what it has to say is lost.
    SameMethod,
}

impl Redirects {
    fn of(method: &Method) -> Self {
        if *method == Method::GET || *method == Method::HEAD { Self::Any } else { Self::SameMethod }
    }

    fn follow(self, status: StatusCode) -> bool {
        match self {
            Self::Any => true,
            Self::SameMethod => {
                matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
            }
        }
    }
}

/// The clients.
pub(super) struct OutgoingClients {
    settings: Arc<OutgoingSettings>,
    environment: Environment,
    names: Arc<dyn Resolve>,
    built: Mutex<HashMap<Way, Client>>,
}

impl OutgoingClients {
    pub(super) fn new(
        settings: Arc<OutgoingSettings>,
        environment: Environment,
        names: Arc<dyn Resolve>,
    ) -> Self {
        let names = Arc::new(CheckedNames { allowed: Arc::new(settings.allowed_hosts.clone()), names });
        Self { settings, environment, names, built: Mutex::default() }
    }

    /// The client for a request to this host.
    pub(super) fn client(
        &self,
        method: &Method,
        url: &Url,
        host: &TargetHost,
        identity: Option<&OutgoingIdentity>,
    ) -> Result<Client, OutgoingError> {
        let proxy = if self.settings.uses_proxy(host) { self.proxy()? } else { None };
        let (own, redirects) = (self.settings.host(url), Redirects::of(method));
        if let Some(identity) = identity {
            return self.build(proxy.as_ref(), redirects, |builder| identity.apply(own, builder));
        }
        let ca_file = own.and_then(|own| own.ca_file.as_ref()).map(|file| file.display().to_string());
        let way = Way { proxy, trust: own.map(|own| (ca_file, own.verification)), redirects };
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = built.get(&way) {
            return Ok(client.clone());
        }
        let client = self.build(way.proxy.as_ref(), redirects, |builder| match own {
            None => Ok(builder),
            Some(own) => apply(own, builder),
        })?;
        if built.len() >= CLIENTS_MAX {
            built.clear();
        }
        built.insert(way, client.clone());
        Ok(client)
    }

    fn build(
        &self,
        proxy: Option<&ProxyWay>,
        redirects: Redirects,
        trust: impl FnOnce(ClientBuilder) -> Result<ClientBuilder, String>,
    ) -> Result<Client, OutgoingError> {
        let builder = Client::builder()
            .user_agent(concat!("ccfd/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::custom(move |attempt| followed(attempt, redirects)))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .tcp_nodelay(true)
            // Not even that of the environment: only a proxy that the settings name.
            .no_proxy();
        let builder = match proxy {
            None => builder.dns_resolver(Arc::clone(&self.names)),
            // It looks up the proxy only, which the settings name; the proxy looks up the target.
            Some((url, headers)) => {
                let proxy = Proxy::all(url.as_str())
                    .map_err(|_| OutgoingError::Unreachable("proxy: not a proxy address".to_owned()))?;
                builder.dns_resolver(SystemNames::shared()).proxy(proxy.headers(header_map(headers)?))
            }
        };
        let builder = trust(builder).map_err(OutgoingError::Untrusted)?;
        builder.build().map_err(|error| OutgoingError::Untrusted(with_reasons(&error)))
    }

    fn proxy(&self) -> Result<Option<ProxyWay>, OutgoingError> {
        let Some(proxy) = &self.settings.proxy else { return Ok(None) };
        let unreadable = |error| OutgoingError::Unreachable(format!("`proxy`: {}", reasons_of(&error)));
        let url = proxy.url(&self.environment).map_err(unreadable)?;
        let mut headers = Vec::new();
        for (name, header) in &self.settings.proxy_headers {
            let value = match header {
                ProxyHeader::Text(text) => text.clone(),
                ProxyHeader::Secret(place) => {
                    let unreadable = |error| {
                        OutgoingError::Unreachable(format!("`proxy_headers`: {}", reasons_of(&error)))
                    };
                    place.resolve_password(&self.environment).map_err(unreadable)?.expose_secret().to_owned()
                }
            };
            headers.push((name.clone(), value));
        }
        Ok(Some((url.expose_secret().to_owned(), headers)))
    }
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, OutgoingError> {
    let header = |(name, value): &(String, String)| {
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name).ok()?, value))
    };
    let found: Option<HeaderMap> = headers.iter().map(header).collect();
    let unusable = "`proxy_headers`: a value contains characters that a header cannot have";
    found.ok_or_else(|| OutgoingError::Unreachable(unusable.to_owned()))
}

/// Only to the same place, or from http to https of the same host. The body and its secrets are for that host alone, and
/// a response that is not followed is the type's to judge.
fn followed(attempt: redirect::Attempt<'_>, redirects: Redirects) -> redirect::Action {
    let is_followed = redirects.follow(attempt.status())
        && attempt.previous().last().is_some_and(|before| is_same_place(before, attempt.url()));
    if is_followed && attempt.previous().len() <= REDIRECTS_MAX { attempt.follow() } else { attempt.stop() }
}

fn is_same_place(before: &Url, next: &Url) -> bool {
    let place = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default());
    let is_same = place(before) == place(next);
    let is_secured =
        place(before) == ("http".to_owned(), Some(80)) && place(next) == ("https".to_owned(), Some(443));
    let is_plain = next.username().is_empty() && next.password().is_none();
    TargetHost::of(before) == TargetHost::of(next) && (is_same || is_secured) && is_plain
}

fn apply(own: &HostSettings, builder: ClientBuilder) -> Result<ClientBuilder, String> {
    let authorities = authorities(own)?;
    TlsTrust { authorities: authorities.as_deref(), verification: own.verification, identity: None }
        .apply(builder)
}

/// The authorities of a host, as PEM.
pub(super) fn authorities(own: &HostSettings) -> Result<Option<String>, String> {
    let Some(file) = &own.ca_file else { return Ok(None) };
    let refuse = |why: String| format!("ca_file {}: {why}", file.display());
    let pem = files::read_at_most(file, CA_BYTES_MAX).map_err(|error| refuse(error.to_string()))?;
    String::from_utf8(pem).map(Some).map_err(|_| refuse("not PEM".to_owned()))
}

impl OutgoingIdentity {
    fn apply(&self, own: Option<&HostSettings>, builder: ClientBuilder) -> Result<ClientBuilder, String> {
        let listed = own.map(authorities).transpose()?.flatten();
        let authorities = match (&self.authorities, listed) {
            (Some(own), Some(listed)) => Some(format!("{own}\n{listed}")),
            (Some(own), None) => Some(own.clone()),
            (None, listed) => listed,
        };
        let verification = match self.verification {
            Some(Verification::Full) => TlsVerification::Full,
            Some(Verification::Certificate) => TlsVerification::Certificate,
            Some(Verification::None) => TlsVerification::None,
            None => own.map_or(TlsVerification::Full, |own| own.verification),
        };
        let identity = self.certificate_and_key.as_ref();
        let identity = identity.map(|(chain, key)| (chain.expose_secret(), key.expose_secret()));
        TlsTrust { authorities: authorities.as_deref(), verification, identity }.apply(builder)
    }
}
