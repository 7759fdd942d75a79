//! Bytes over HTTP, and nothing else: the seam at which a simulation takes the network's place.

use std::{fmt, path::PathBuf, sync::OnceLock, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::{ClientBuilder, Identity, Proxy, redirect};
use url::Url;

use crate::{
    http::decoded::{Undecodable, decoded},
    http::names::Names,
    http::newest_date,
    http::observed::Watched,
    http::proxied::{environment_has_proxy, exposes_key, is_excepted, is_local},
    http::tls,
};

/// Connections to one host that are kept for the next request. Each holds the buffers of the largest answer it has seen, and a
/// thousand collectors that share a pool seldom ask at the same moment.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// Headers of an answer. Gateways add theirs, one a step; the usual limit of a hundred is met in practice.
const HEADERS_MAX: usize = 512;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// Nothing, or only a part, came back. The text names the host, and no more of the URL: its query may hold addresses.
    Unreachable(String),
    /// Nobody who is trusted has signed the certificate of the other side. The text names the host.
    Untrusted(String),
    /// An answer had begun, and its body took longer than a request may: that of a shorter one might have been whole. The text
    /// is as above.
    TooSlow(String),
    /// The body outgrew the limit.
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Response {
    /// The answer with its body taken out of any compression, asked for or not. Beyond `body_max` bytes it is refused.
    pub fn decoded(mut self, body_max: usize) -> Result<Self, TransportError> {
        self.body = decoded(&mut self.headers, self.body, body_max).map_err(|why| match why {
            Undecodable::TooLarge => TransportError::TooLarge { bytes_max: body_max },
            Undecodable::Broken(why) => TransportError::Unreachable(format!("the response is {why}")),
        })?;
        Ok(self)
    }
}

/// Sends GET requests.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Fetches `url`; a body of more than `body_max` bytes is refused, and where the transport has a lower limit of its own,
    /// that holds. `Ok` is any answer that arrived whole, whatever its status.
    async fn get(&self, url: &str, headers: HeaderMap, body_max: usize) -> Result<Response, TransportError>;
}

/// What the connections to one host need. `Debug` shows no proxy: its URL may hold a password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpSettings {
    /// Bound on connecting, TLS included.
    pub connect_timeout: Duration,
    /// Bound on a whole request, body included.
    pub timeout: Duration,
    /// Bound on a body, in bytes.
    pub body_max: usize,
    /// PEM file with certificate authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Proxy for every request beyond this machine; without it `HTTPS_PROXY` and `NO_PROXY` are honoured.
    pub proxy: Option<String>,
    /// Goes past every proxy, the environment's too: for what answers on this very machine.
    pub direct: bool,
    /// How the other side must show who it is.
    pub verification: Verification,
    /// How this side shows who it is, where the other side asks for a certificate.
    pub identity: Option<ClientIdentity>,
}

/// What of the other side's certificate is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verification {
    /// Who signed it, and that it is for the host that was called.
    Full,
    /// Who signed it: an authority of `ca_file`, for without the name one of a public authority would prove nothing.
    Certificate,
    /// Nothing.
    None,
}

/// A certificate of our own, each part in a PEM file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientIdentity {
    /// The certificate, and those between it and the authority.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// The real network.
#[derive(Debug)]
pub struct Http {
    client: reqwest::Client,
    /// Goes past every proxy; made when it is first needed.
    direct: OnceLock<reqwest::Client>,
    /// Looked at once, as `client` does: the environment may hold ten thousand keys, and each look goes through them all.
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
    /// A client with these settings; no network yet. The error names the setting that is wrong.
    fn client(&self) -> Result<reqwest::Client, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ccfd/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout)
            // A redirect would carry the key to a host that nobody configured.
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_headers(HEADERS_MAX)
            .dns_resolver(Names::shared())
            .tcp_nodelay(true);
        builder = self.verifying(builder)?;
        if self.direct {
            builder = builder.no_proxy();
        } else if let Some(address) = &self.proxy {
            let proxy = Proxy::all(address.as_str()).map_err(|_| "proxy: not a proxy address".to_owned())?;
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(|error| format!("HTTP client: {}", chain(&error)))
    }

    fn verifying(&self, builder: ClientBuilder) -> Result<ClientBuilder, String> {
        let identity = self.identity.as_ref();
        let builder = match (self.verification, &self.ca_file) {
            (Verification::Full | Verification::Certificate, Some(ca_file)) => {
                let tls = tls::trusting(ca_file, self.verification, identity)?;
                return Ok(builder.tls_backend_preconfigured(tls));
            }
            (Verification::Full, None) => builder,
            (Verification::Certificate, None) => return Err("verification: needs ca_file".to_owned()),
            (Verification::None, _) => builder.tls_danger_accept_invalid_certs(true),
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
    /// Prepares the connection pool; no network yet. The error names the setting that is wrong.
    pub fn new(settings: &HttpSettings) -> Result<Self, String> {
        let (client, uses_proxy) = (settings.client()?, settings.uses_proxy());
        Ok(Self { client, direct: OnceLock::new(), uses_proxy, settings: settings.clone() })
    }

    /// The client for a request: what this machine answers itself is asked past every proxy, and past those of the
    /// environment what that excepts.
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

    /// Sends a request. `Ok` is any answer that arrived whole, whatever its status; without one, the request may have
    /// been carried out all the same.
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
    ) -> Result<Response, Failed> {
        let parsed = Url::parse(url).ok();
        let host = authority(parsed.as_ref());
        let unreachable = |why: &str| TransportError::Unreachable(format!("{host}: {why}"));
        let parsed = parsed.ok_or_else(|| unreachable("not a URL"))?;
        if exposes_key(&parsed, &headers) {
            return Err(unreachable("no key is sent over plain http beyond this machine; use https").into());
        }
        let client = self.client(&parsed).map_err(|why| unreachable(&why))?;
        // Said on purpose: without a word a proxy may choose, and what is not packed need not be unpacked.
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        let mut watched = Watched::begin(&method, url, &headers, body.len());
        let failed = |watched: &mut Watched, error: reqwest::Error| {
            watched.failed(&error);
            let error = error.without_url();
            match tls::is_untrusted(&error) {
                true => TransportError::Untrusted(format!("{host}: {}", tls::UNTRUSTED)),
                false => unreachable(&chain(&error)),
            }
        };
        let request = client.request(method, parsed).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| {
            let hung_up = !error.is_timeout() && !error.is_connect();
            Failed { error: failed(&mut watched, error), hung_up }
        })?;
        watched.answered(response.status(), response.headers());
        newest_date::observe(response.headers());
        let too_large = TransportError::TooLarge { bytes_max: body_max };
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
                TransportError::Unreachable(why) if is_slow => TransportError::TooSlow(why),
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
            TransportError::Untrusted(_) | TransportError::TooSlow(_) | TransportError::TooLarge { .. } => {
                error
            }
        })?)
    }
}

/// Why an attempt brought nothing.
struct Failed {
    error: TransportError,
    /// The connection was there, and ended before anything came back: most often it was kept from before, and closed at this
    /// very moment.
    hung_up: bool,
}

impl From<TransportError> for Failed {
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
            // Asking changes nothing at the other side, so it may be asked once more.
            Err(Failed { hung_up: true, .. }) => ask(headers).await,
            asked => asked,
        }
        .map_err(|failed| failed.error)
    }
}

/// The body in no more memory than it has bytes: one of a length that was not announced has grown by doubling, and would
/// be counted for half of what it holds as long as it waits.
fn fitted(body: BytesMut) -> Bytes {
    let spare = body.capacity() - body.len();
    if spare > body.len() / 8 { Bytes::copy_from_slice(&body) } else { body.freeze() }
}

/// Who was asked: of a URL the host, and its port where that is named.
fn authority(url: Option<&Url>) -> String {
    let named = url.and_then(|url| Some((url.host_str()?, url.port())));
    match named {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => "no host".to_owned(),
    }
}

/// An error with its causes: reqwest's own text names only the outermost step.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
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
