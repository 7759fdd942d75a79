//! Addresses: the API's base URL and that of a proxy.

use std::fmt;

use config::{Value, ValueKind};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::{
    Environment, SecretError, SecretSource,
    tree::as_table,
    values::{ValueProblem, as_text, wanted},
};

const PROXY_PASSWORD: &str = "a password must not be in the settings: keep the whole URL elsewhere and give \
                              its place, as with a key: { env = \"NAME\" }, { file = \"/path\" } or { \
                              credential = \"name\" }";

/// A base URL: https, or http only to this machine, so that a key is never sent unencrypted. A trailing slash
/// is removed.
pub(super) fn base_url(value: &Value) -> Result<Url, ValueProblem> {
    address(value, "an https URL such as \"https://api.openai.com/v1\"")
}

/// As [`base_url`], for another service; `form` says what is expected.
pub(super) fn address(value: &Value, form: &str) -> Result<Url, ValueProblem> {
    let url = plain_address(value, form)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        let reason = "http is only allowed to this machine (localhost, 127.0.0.0/8, ::1); use https";
        return Err(ValueProblem::Because(reason.to_owned()));
    }
    Ok(url)
}

/// A base URL of a service that gets no secret, so http is allowed.
pub(super) fn receiver(value: &Value) -> Result<Url, ValueProblem> {
    plain_address(value, "a URL such as \"http://127.0.0.1:4318\"")
}

fn plain_address(value: &Value, form: &str) -> Result<Url, ValueProblem> {
    let mut url = http_url(value, form)?;
    let because = |reason: &str| Err(ValueProblem::Because(reason.to_owned()));
    if !url.username().is_empty() || url.password().is_some() {
        return because("a base URL contains no user name or password; secrets have their own keys");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return because("a base URL ends with its path, without `?` or `#`");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Base URLs, at least one.
pub(super) fn base_urls(value: &Value) -> Result<Vec<Url>, ValueProblem> {
    match &value.kind {
        ValueKind::Array(list) if !list.is_empty() => list.iter().map(base_url).collect(),
        _ => Err(wanted("a list of https URLs, such as [\"https://es-1.example.com:9200\"]")),
    }
}

/// A proxy for requests. `Debug` shows no user name.
#[derive(Clone, PartialEq, Eq)]
pub enum Proxy {
    /// Its URL, without a password.
    Url(Url),
    /// Where its URL is kept if it contains a password.
    Secret(SecretSource),
}

impl Proxy {
    /// The whole URL, with user name and password if there are any: only for the HTTP client.
    ///
    /// # Errors
    ///
    /// If it is kept as a secret that cannot be read, or is not a URL.
    pub fn url(&self, environment: &Environment) -> Result<SecretString, SecretError> {
        match self {
            Self::Url(url) => Ok(SecretString::from(url.as_str())),
            Self::Secret(place) => {
                let kept = place.resolve(environment)?;
                let url =
                    parsed(kept.expose_secret()).ok_or_else(|| SecretError::NotAProxy(place.clone()))?;
                Ok(SecretString::from(url.as_str()))
            }
        }
    }

    pub(super) fn read(value: &Value) -> Result<Self, ValueProblem> {
        if as_table(value).is_some() {
            return SecretSource::read(value).map(Self::Secret);
        }
        let url = http_url(value, "a proxy URL such as \"http://proxy.example.com:3128\"")?;
        match url.password() {
            None => Ok(Self::Url(url)),
            Some(_) => Err(ValueProblem::Because(PROXY_PASSWORD.to_owned())),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => {
                let host = url.host_str().unwrap_or_default();
                write!(
                    f,
                    "Proxy({}://{host}:{})",
                    url.scheme(),
                    url.port_or_known_default().unwrap_or_default()
                )
            }
            Self::Secret(place) => write!(f, "Proxy({place})"),
        }
    }
}

fn http_url(value: &Value, form: &str) -> Result<Url, ValueProblem> {
    as_text(value).and_then(parsed).ok_or_else(|| wanted(form))
}

fn parsed(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
