//! Bytes over HTTP: the interface that a simulation implements in place of the network.

use std::{fmt, path::PathBuf, sync::OnceLock, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::{ClientBuilder, Identity, Proxy, redirect};
use url::Url;

use crate::{
    http::{
        decoded::{Undecodable, decoded},
        names::SystemNames,
        newest_date,
        observed::Watched,
        proxied::{environment_has_proxy, exposes_key, is_excepted, is_local},
        tls,
    },
    reasons::with_reasons,
};

/// Idle connections that are kept per host. Each holds buffers as large as the largest answer it has seen,
/// and a thousand collectors that share a pool rarely send at the same moment.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// The most headers of an answer. Each gateway adds its own; the usual limit of a hundred is reached in
/// practice.
const HEADERS_MAX: usize = 512;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// No connection. The text names the host, but not the rest of the URL: the query may contain e-mail
    /// addresses.
    Unreachable(String),
    /// A connection, but no answer, or only a part of one: a smaller answer might have been complete. The text
    /// names the host.
    Unanswered(String),
    /// No trusted authority signed the server's certificate. The text names the host.
    Untrusted(String),
    /// The timeout ended while the body was arriving: a shorter body might have been complete. The text names
    /// the host.
    TooSlow(String),
    /// The body exceeded the limit.
    TooLarge {
        /// The HTTP status.
        status: StatusCode,
        /// The limit.
        bytes_max: usize,
    },
}

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The complete body.
    pub body: Bytes,
}

impl Response {
    /// The answer with its body decompressed, whether compression was requested or not. Fails above
    /// `body_max` bytes.
    pub fn decoded(mut self, body_max: usize) -> Result<Self, TransportError> {
        let status = self.status;
        self.body = decoded(&mut self.headers, self.body, body_max).map_err(|why| match why {
            Undecodable::TooLarge => TransportError::TooLarge { status, bytes_max: body_max },
            Undecodable::Broken(why) => TransportError::Unreachable(format!("the response is {why}")),
        })?;
        Ok(self)
    }
}

/// Sends GET requests.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Fetches `url`. A body of more than `body_max` bytes is an error; so is one above the transport's own
    /// limit, if that is lower. `Ok` is any complete answer, whatever its status.
    async fn get(&self, url: &str, headers: HeaderMap, body_max: usize) -> Result<Response, TransportError>;
}

/// Settings of the connections to one host. `Debug` omits the proxy: its URL may contain a password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpSettings {
    /// Limit for connecting, including TLS.
    pub connect_timeout: Duration,
    /// Limit for a whole request, including the body.
    pub timeout: Duration,
    /// Limit for a body, in bytes.
    pub body_max: usize,
    /// PEM file with certificate authorities that are trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Proxy for every request that leaves this machine; if unset, `HTTPS_PROXY` and `NO_PROXY` apply.
    pub proxy: Option<String>,
    /// Bypasses every proxy, including those of the environment: for services on this machine.
    pub direct: bool,
    /// What is verified of the server's certificate.
    pub verification: TlsVerification,
    /// The client certificate, for servers that ask for one.
    pub identity: Option<ClientIdentity>,
}

/// What is verified of a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsVerification {
    /// Issuer and host name.
    Full,
    /// The issuer only, which must be an authority of `ca_file`: without the name, a certificate of a public
    /// authority would prove nothing.
    Certificate,
    /// Nothing.
    None,
}

/// A client certificate, each part in a PEM file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientIdentity {
    /// The certificate, followed by any intermediate certificates.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// The real network.
#[derive(Debug)]
pub struct Http {
    client: reqwest::Client,
    /// Bypasses every proxy; built when first needed.
    direct: OnceLock<reqwest::Client>,
    /// Read once, as for `client`: the environment may have ten thousand variables, and each lookup scans
    /// them all.
    uses_proxy: bool,
    settings: HttpSettings,
}

impl fmt::Debug for HttpSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connect_timeout, timeout, body_max, ca_file, proxy, direct, verification, identity } =
            self;
        out.debug_struct("HttpSettings")
            .field("connect_timeout", connect_timeout)
            .field("timeout", timeout)
            .field("body_max", body_max)
            .field("ca_file", ca_file)
            .field("has_proxy", &proxy.is_some())
            .field("direct", direct)
            .field("verification", verification)
            .field("identity", identity)
            .finish()
    }
}

impl HttpSettings {
    /// Builds a client with these settings, without network access. The error names the setting that is
    /// wrong.
    fn client(&self) -> Result<reqwest::Client, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ccfd/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout)
            // A redirect would send the key to a host that is not configured.
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_headers(HEADERS_MAX)
            .dns_resolver(SystemNames::shared())
            .tcp_nodelay(true);
        builder = self.verifying(builder)?;
        if self.direct {
            builder = builder.no_proxy();
        } else if let Some(address) = &self.proxy {
            let proxy = Proxy::all(address.as_str()).map_err(|_| "proxy: not a proxy address".to_owned())?;
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(|error| format!("HTTP client: {}", with_reasons(&error)))
    }

    fn verifying(&self, builder: ClientBuilder) -> Result<ClientBuilder, String> {
        let identity = self.identity.as_ref();
        let builder = match (self.verification, &self.ca_file) {
            (TlsVerification::Full | TlsVerification::Certificate, Some(ca_file)) => {
                let tls = tls::trusting(ca_file, self.verification, identity)?;
                return Ok(builder.tls_backend_preconfigured(tls));
            }
            (TlsVerification::Full, None) => builder,
            (TlsVerification::Certificate, None) => return Err("verification: needs ca_file".to_owned()),
            (TlsVerification::None, _) => builder.tls_danger_accept_invalid_certs(true),
        };
        let Some(identity) = identity else { return Ok(builder) };
        let files = [("client_cert_file", &identity.cert_file), ("client_key_file", &identity.key_file)];
        let [cert, key] = files.map(|(setting, file)| tls::read(setting, file));
        let pem = [cert?, key?].join(&b'\n');
        Ok(builder.identity(Identity::from_pem(&pem).map_err(|_| identity.unusable())?))
    }

    fn uses_proxy(&self) -> bool {
        !self.direct && (self.proxy.is_some() || environment_has_proxy())
    }
}

impl Http {
    /// Builds the connection pool, without network access. The error names the setting that is wrong.
    pub fn new(settings: &HttpSettings) -> Result<Self, String> {
        let (client, uses_proxy) = (settings.client()?, settings.uses_proxy());
        Ok(Self { client, direct: OnceLock::new(), uses_proxy, settings: settings.clone() })
    }

    /// The client for a request: requests to this machine bypass every proxy, and requests to hosts that the
    /// environment excludes bypass the proxies of the environment.
    fn client(&self, url: &Url) -> Result<&reqwest::Client, String> {
        let is_direct = || is_local(url) || (self.settings.proxy.is_none() && is_excepted(url));
        if !self.uses_proxy || !is_direct() {
            return Ok(&self.client);
        }
        if let Some(direct) = self.direct.get() {
            return Ok(direct);
        }
        let direct = HttpSettings { direct: true, ..self.settings.clone() }.client()?;
        Ok(self.direct.get_or_init(|| direct))
    }

    /// Sends a request. `Ok` is any complete answer, whatever its status. After an error the server may still
    /// have executed the request.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, TransportError> {
        self.attempt(method, url, headers, body, self.settings.body_max).await.map_err(|failed| failed.error)
    }

    async fn attempt(
        &self,
        method: Method,
        url: &str,
        mut headers: HeaderMap,
        body: Bytes,
        body_max: usize,
    ) -> Result<Response, FailedAttempt> {
        let parsed = Url::parse(url).ok();
        let host = authority(parsed.as_ref());
        let unreachable = |why: &str| TransportError::Unreachable(format!("{host}: {why}"));
        let parsed = parsed.ok_or_else(|| unreachable("not a URL"))?;
        if exposes_key(&parsed, &headers) {
            return Err(unreachable("no key is sent over plain http beyond this machine; use https").into());
        }
        let client = self.client(&parsed).map_err(|why| unreachable(&why))?;
        // Explicit, because without the header a proxy may choose; and an uncompressed body needs no
        // decompression.
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        let mut watched = Watched::begin(&method, url, &headers, body.len());
        let failed = |watched: &mut Watched, error: reqwest::Error| {
            watched.failed(&error);
            let error = error.without_url();
            let why = || format!("{host}: {}", with_reasons(&error));
            match () {
                () if tls::is_untrusted(&error) => {
                    TransportError::Untrusted(format!("{host}: {}", tls::UNTRUSTED))
                }
                () if error.is_connect() => TransportError::Unreachable(why()),
                () => TransportError::Unanswered(why()),
            }
        };
        let request = client.request(method, parsed).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| {
            let hung_up = !error.is_timeout() && !error.is_connect();
            FailedAttempt { error: failed(&mut watched, error), hung_up }
        })?;
        watched.answered(response.status(), response.headers());
        newest_date::observe(response.headers());
        let too_large = TransportError::TooLarge { status: response.status(), bytes_max: body_max };
        let announced =
            response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if announced > body_max {
            watched.outgrew();
            return Err(too_large.into());
        }
        let mut body = BytesMut::with_capacity(announced);
        while let Some(chunk) = response.chunk().await.map_err(|error| {
            let is_slow = error.is_timeout() && !body.is_empty();
            match failed(&mut watched, error) {
                TransportError::Unanswered(why) if is_slow => TransportError::TooSlow(why),
                other => other,
            }
        })? {
            watched.received(chunk.len());
            if body.len() + chunk.len() > body_max {
                watched.outgrew();
                return Err(too_large.into());
            }
            body.extend_from_slice(&chunk);
        }
        watched.done(body.len());
        let headers = std::mem::take(response.headers_mut());
        let response = Response { status: response.status(), headers, body: fitted(body) };
        Ok(response.decoded(body_max).map_err(|error| match error {
            TransportError::Unreachable(why) => unreachable(&why),
            TransportError::Unanswered(_)
            | TransportError::Untrusted(_)
            | TransportError::TooSlow(_)
            | TransportError::TooLarge { .. } => error,
        })?)
    }
}

/// Why an attempt failed.
struct FailedAttempt {
    error: TransportError,
    /// Whether the connection ended before any byte of the answer: usually an idle connection that the server
    /// was just closing.
    hung_up: bool,
}

impl From<TransportError> for FailedAttempt {
    fn from(error: TransportError) -> Self {
        Self { error, hung_up: false }
    }
}

#[async_trait]
impl Transport for Http {
    async fn get(&self, url: &str, headers: HeaderMap, body_max: usize) -> Result<Response, TransportError> {
        let body_max = body_max.min(self.settings.body_max);
        let ask = |headers| self.attempt(Method::GET, url, headers, Bytes::new(), body_max);
        match ask(headers.clone()).await {
            // A GET changes nothing on the server, so it may be repeated.
            Err(FailedAttempt { hung_up: true, .. }) => ask(headers).await,
            asked => asked,
        }
        .map_err(|failed| failed.error)
    }
}

/// The body without spare capacity: one without `Content-Length` grew by doubling, and while it waits for
/// delivery half of its memory would not be counted.
fn fitted(body: BytesMut) -> Bytes {
    let spare = body.capacity() - body.len();
    if spare > body.len() / 8 { Bytes::copy_from_slice(&body) } else { body.freeze() }
}

/// The host of a URL, with its port if it has one.
fn authority(url: Option<&Url>) -> String {
    let named = url.and_then(|url| Some((url.host_str()?, url.port())));
    match named {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => "no host".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_grew_keeps_no_more_than_its_bytes() {
        let mut grown = BytesMut::new();
        while grown.len() < 70_000 {
            grown.extend_from_slice(&[b' '; 7_000]);
        }
        let bytes = grown.len();
        assert!(grown.capacity() > bytes + bytes / 8, "the buffer grows by doubling");
        assert_eq!(fitted(grown).try_into_mut().map(|body| body.capacity()), Ok(bytes));
    }
}
