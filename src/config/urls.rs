//! Addresses: the API's base URL and a proxy's.

use std::fmt;

use config::{Value, ValueKind};
use url::{Host, Url};

use super::values::{Refusal, as_text, wanted};

/// A base URL: https, or http to this machine only, so that a key never travels in the clear. A trailing slash makes
/// no difference and is taken off.
pub(super) fn base_url(value: &Value) -> Result<Url, Refusal> {
    address(value, "an https URL such as \"https://api.openai.com/v1\"")
}

/// As [`base_url`], of another service; `form` says what is wanted.
pub(super) fn address(value: &Value, form: &str) -> Result<Url, Refusal> {
    let url = plain_address(value, form)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        let reason = "http is only allowed to this machine (localhost, 127.0.0.0/8, ::1); use https";
        return Err(Refusal::Because(reason.to_owned()));
    }
    Ok(url)
}

/// A base URL of a service that is sent no secret, so http will do.
pub(super) fn receiver(value: &Value) -> Result<Url, Refusal> {
    plain_address(value, "a URL such as \"http://127.0.0.1:4318\"")
}

fn plain_address(value: &Value, form: &str) -> Result<Url, Refusal> {
    let mut url = http_url(value, form)?;
    let because = |reason: &str| Err(Refusal::Because(reason.to_owned()));
    if !url.username().is_empty() || url.password().is_some() {
        return because("a base URL holds no user name or password; secrets have keys of their own");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return because("a base URL ends with its path, without `?` or `#`");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Base URLs, at least one.
pub(super) fn base_urls(value: &Value) -> Result<Vec<Url>, Refusal> {
    match &value.kind {
        ValueKind::Array(list) if !list.is_empty() => list.iter().map(base_url).collect(),
        _ => Err(wanted("a list of https URLs, such as [\"https://es-1.example.com:9200\"]")),
    }
}

/// A proxy for the API's requests. `Debug` shows neither user name nor password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Url);

impl Proxy {
    /// The whole URL, with user name and password if there are any: for the HTTP client only.
    pub fn url(&self) -> &Url {
        &self.0
    }

    pub(super) fn read(value: &Value) -> Result<Self, Refusal> {
        http_url(value, "a proxy URL such as \"http://proxy.example.com:3128\"").map(Self)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(
            f,
            "Proxy({}://{host}:{})",
            self.0.scheme(),
            self.0.port_or_known_default().unwrap_or_default()
        )
    }
}

fn http_url(value: &Value, form: &str) -> Result<Url, Refusal> {
    let url = as_text(value).and_then(|text| Url::parse(text).ok());
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(|| wanted(form))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
