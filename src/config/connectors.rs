//! `[connectors]`: what connectors may reach, and how.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use bytesize::ByteSize;
use collectors::TlsVerification;
use config::{Value, ValueKind};
use http::{HeaderName, HeaderValue};
use url::Url;

use super::{
    SecretSource, TargetHost,
    located::Located,
    section::Section,
    tree::{as_table, sorted},
    urls::Proxy,
    values::{HOUR, SECOND, ValueProblem, as_text, one_of, path, text, texts, wanted},
};

/// What holds for all connectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorsSettings {
    /// Requests to other systems.
    pub outgoing: OutgoingSettings,
    /// The sink into which `.index` writes; `None` for the embedded tables.
    pub index_sink: Option<String>,
    /// The most bytes of the embedded tables.
    pub index_size_max: u64,
    /// The sinks that get a row of each run. Each is configured, stores rows, and is named once.
    pub run_sinks: Vec<String>,
}

/// What may be reached, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingSettings {
    /// The hosts that may be reached.
    pub allowed_hosts: AllowedHosts,
    /// The proxy; `None` for none, whatever the environment says.
    pub proxy: Option<Proxy>,
    /// Headers for the proxy.
    pub proxy_headers: BTreeMap<String, ProxyHeader>,
    /// Hosts that are reached without it.
    pub proxy_bypass_hosts: BTreeSet<TargetHost>,
    /// The only hosts that are reached through it; empty for all.
    pub proxy_only_hosts: BTreeSet<TargetHost>,
    /// The most bytes of a response.
    pub response_max: u64,
    /// How long a response may take.
    pub response_timeout: Duration,
    /// Hosts with certificates of their own.
    pub hosts: Vec<HostSettings>,
}

/// The hosts that connectors may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    /// Whether every public host is allowed.
    pub has_public: bool,
    /// Hosts that are allowed wherever they are.
    pub listed: BTreeSet<TargetHost>,
}

/// The value of a header for the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// A text.
    Text(String),
    /// Where a secret is kept.
    Secret(SecretSource),
}

/// A host with certificates of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSettings {
    /// `https` or `smtp`.
    pub scheme: String,
    /// The host.
    pub host: TargetHost,
    /// Its port.
    pub port: u16,
    /// What is verified of its certificate.
    pub verification: TlsVerification,
    /// Certificates (PEM) trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

const ANY: &str = "*";
const HOSTS_FORM: &str = "a list of host names and addresses, without a scheme or port";
const SMTP_PORT: u16 = 25;
const VERIFICATIONS: &[(&str, TlsVerification)] = &[
    ("full", TlsVerification::Full),
    ("certificate", TlsVerification::Certificate),
    ("none", TlsVerification::None),
];

impl ConnectorsSettings {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let allowed_hosts = section.required("allowed_hosts", AllowedHosts::read);
        let proxy = section.optional_place("proxy", Proxy::read);
        let proxy_headers = section.required_place("proxy_headers", proxy_headers);
        let bypass = section.required("proxy_bypass_hosts", hosts);
        let only = section.required("proxy_only_hosts", hosts);
        let response_max = section.size("response_max", ByteSize::kib(1)..=ByteSize::mib(64));
        let response_timeout = section.duration("response_timeout", SECOND / 10..=HOUR);
        let own = section.optional_place("host", host_list);
        let index_sink = section.optional("index_sink", text);
        let index_size_max = section.size("index_size_max", ByteSize::mib(1)..=ByteSize::tib(1));
        let run_sinks = section.optional("runs", texts).unwrap_or_default();
        if let (Some(bypass), Some(only)) = (&bypass, &only)
            && !bypass.is_empty()
            && !only.is_empty()
        {
            let reason = "conflicts with `proxy_bypass_hosts`: every other host bypasses the proxy already";
            section.problem("proxy_only_hosts", reason);
        }
        section.finish();
        let outgoing = OutgoingSettings {
            allowed_hosts: allowed_hosts?,
            proxy,
            proxy_headers: proxy_headers?,
            proxy_bypass_hosts: bypass?,
            proxy_only_hosts: only?,
            response_max,
            response_timeout,
            hosts: own.unwrap_or_default(),
        };
        Some(Self { outgoing, index_sink, index_size_max, run_sinks })
    }
}

impl AllowedHosts {
    /// Only these hosts, wherever they are.
    ///
    /// # Errors
    ///
    /// The text that is no host.
    pub fn only<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let parse = |text: &str| TargetHost::parse(text).ok_or_else(|| text.to_owned());
        let listed = texts.into_iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { has_public: false, listed })
    }

    fn read(value: &Value) -> Result<Self, ValueProblem> {
        let form = || wanted(format!("{HOSTS_FORM}, or \"{ANY}\" for all public ones"));
        let mut allowed = Self::default();
        for text in texts(value).map_err(|_| form())? {
            if text == ANY {
                allowed.has_public = true;
            } else {
                allowed.listed.insert(TargetHost::parse(&text).ok_or_else(form)?);
            }
        }
        Ok(allowed)
    }
}

impl OutgoingSettings {
    /// The files with secrets and certificates.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.hosts.iter().filter_map(|host| host.ca_file.as_deref())
    }

    /// Whether requests to a host go through the proxy.
    pub fn uses_proxy(&self, host: &TargetHost) -> bool {
        let is_chosen = match self.proxy_only_hosts.is_empty() {
            true => !self.proxy_bypass_hosts.contains(host),
            false => self.proxy_only_hosts.contains(host),
        };
        self.proxy.is_some() && is_chosen
    }

    /// The settings of a host.
    pub fn host(&self, url: &Url) -> Option<&HostSettings> {
        let (host, port) = (TargetHost::of(url)?, port_of(url)?);
        self.hosts.iter().find(|own| own.scheme == url.scheme() && own.host == host && own.port == port)
    }
}

impl Default for OutgoingSettings {
    /// Every public host, and no proxy.
    fn default() -> Self {
        Self {
            allowed_hosts: AllowedHosts { has_public: true, listed: BTreeSet::new() },
            proxy: None,
            proxy_headers: BTreeMap::new(),
            proxy_bypass_hosts: BTreeSet::new(),
            proxy_only_hosts: BTreeSet::new(),
            response_max: 1 << 20,
            response_timeout: Duration::from_secs(60),
            hosts: Vec::new(),
        }
    }
}

impl Located for BTreeMap<String, ProxyHeader> {
    fn located(self, base: &Path) -> Self {
        let located = |header| match header {
            ProxyHeader::Secret(place) => ProxyHeader::Secret(place.located(base)),
            ProxyHeader::Text(_) => header,
        };
        self.into_iter().map(|(name, header)| (name, located(header))).collect()
    }
}

impl Located for Vec<HostSettings> {
    fn located(self, base: &Path) -> Self {
        let located = |host: HostSettings| HostSettings {
            ca_file: host.ca_file.map(|file| file.located(base)),
            ..host
        };
        self.into_iter().map(located).collect()
    }
}

fn hosts(value: &Value) -> Result<BTreeSet<TargetHost>, ValueProblem> {
    let form = || wanted(HOSTS_FORM);
    let texts = texts(value).map_err(|_| form())?;
    texts.iter().map(|text| TargetHost::parse(text).ok_or_else(form)).collect()
}

fn proxy_headers(value: &Value) -> Result<BTreeMap<String, ProxyHeader>, ValueProblem> {
    let form = || wanted("a table of headers, such as { Proxy-Authorization = { env = \"NAME\" } }");
    let header = |(name, value): (&str, &Value)| {
        HeaderName::try_from(name).map_err(|_| form())?;
        let header = match as_text(value) {
            Some(_) if name.to_ascii_lowercase().ends_with("authorization") => {
                let reason = format!("{name} is a secret: give its place, such as {{ env = \"NAME\" }}");
                return Err(ValueProblem::Because(reason));
            }
            Some(text) if HeaderValue::try_from(text).is_ok() => ProxyHeader::Text(text.to_owned()),
            Some(_) => return Err(form()),
            None => ProxyHeader::Secret(SecretSource::read(value)?),
        };
        Ok((name.to_owned(), header))
    };
    sorted(as_table(value).ok_or_else(form)?).into_iter().map(header).collect()
}

fn host_list(value: &Value) -> Result<Vec<HostSettings>, ValueProblem> {
    let ValueKind::Array(list) = &value.kind else { return Err(host_form()) };
    let mut hosts: Vec<HostSettings> = Vec::new();
    for value in list {
        let host = one_host(value)?;
        let is_same = |other: &HostSettings| {
            (&other.scheme, &other.host, other.port) == (&host.scheme, &host.host, host.port)
        };
        if hosts.iter().any(is_same) {
            let reason = format!("{}://{}:{} is given twice", host.scheme, host.host, host.port);
            return Err(ValueProblem::Because(reason));
        }
        hosts.push(host);
    }
    Ok(hosts)
}

fn one_host(value: &Value) -> Result<HostSettings, ValueProblem> {
    let table = as_table(value).ok_or_else(host_form)?;
    if let Some(key) = table.keys().find(|key| !["url", "verification", "ca_file"].contains(&key.as_str())) {
        return Err(ValueProblem::Because(format!(
            "a host has the keys `url`, `verification` and `ca_file`, not `{key}`"
        )));
    }
    let url = table.get("url").and_then(as_text).and_then(|text| Url::parse(text).ok());
    let url = url.filter(|url| ["https", "smtp"].contains(&url.scheme())).ok_or_else(host_form)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ValueProblem::Because(
            "the `url` of a host contains no user name or password".to_owned(),
        ));
    }
    let (host, port) = (TargetHost::of(&url).ok_or_else(host_form)?, port_of(&url).ok_or_else(host_form)?);
    let verification = table.get("verification").map(one_of(VERIFICATIONS)).transpose()?;
    let verification = verification.unwrap_or(TlsVerification::Full);
    let ca_file = table.get("ca_file").map(path).transpose()?;
    if verification == TlsVerification::Certificate && ca_file.is_none() {
        let reason = "verification \"certificate\" requires `ca_file`: unless the name is checked, a certificate of any \
                      public authority would be accepted";
        return Err(ValueProblem::Because(reason.to_owned()));
    }
    Ok(HostSettings { scheme: url.scheme().to_owned(), host, port, verification, ca_file })
}

fn host_form() -> ValueProblem {
    wanted("tables [[connectors.host]] with an https or smtp `url`")
}

fn port_of(url: &Url) -> Option<u16> {
    url.port_or_known_default().or_else(|| (url.scheme() == "smtp").then_some(SMTP_PORT))
}
