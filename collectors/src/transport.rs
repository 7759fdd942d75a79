//! Bytes over HTTP, and nothing else: the seam at which a simulation takes the network's place.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Certificate, ClientBuilder, Identity, Proxy, redirect};

use crate::observed::Watched;

/// Connections to one host that are kept for the next request. Each holds the buffers of the largest answer it has seen, and a
/// thousand collectors that share a pool seldom ask at the same moment.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// Nothing, or only a part, came back. The text names the host, and no more of the URL: its query may hold addresses.
    Unreachable(String),
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

/// Sends GET requests.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Fetches `url`; a body of more than `body_max` bytes is refused, and where the transport has a lower limit of its own,
    /// that holds. `Ok` is any answer that arrived whole, whatever its status.
    async fn get(&self, url: &str, headers: HeaderMap, body_max: usize) -> Result<Response, TransportError>;
}

/// What the connections to one host need.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpSettings {
    /// Bound on connecting, TLS included.
    pub connect_timeout: Duration,
    /// Bound on a whole request, body included.
    pub timeout: Duration,
    /// Bound on a body, in bytes.
    pub body_max: usize,
    /// PEM file with certificate authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Proxy for every request; without it `HTTPS_PROXY` and `NO_PROXY` are honoured.
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
    body_max: usize,
}

impl HttpSettings {
    /// A client with these settings; no network yet. The error names the setting that is wrong.
    pub fn client(&self) -> Result<reqwest::Client, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ccfd/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout)
            // A redirect would carry the key to a host that nobody configured.
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .tcp_nodelay(true);
        builder = self.verifying(builder)?;
        if let Some(ClientIdentity { cert_file, key_file }) = &self.identity {
            let pem = [read("client_cert_file", cert_file)?, read("client_key_file", key_file)?].join(&b'\n');
            let refuse = |_| {
                let (cert, key) = (cert_file.display(), key_file.display());
                format!(
                    "client_cert_file {cert}, client_key_file {key}: not a certificate and its key in PEM"
                )
            };
            builder = builder.identity(Identity::from_pem(&pem).map_err(refuse)?);
        }
        if self.direct {
            builder = builder.no_proxy();
        } else if let Some(address) = &self.proxy {
            let proxy = Proxy::all(address.as_str()).map_err(|_| "proxy: not a proxy address".to_owned())?;
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(|error| format!("HTTP client: {}", chain(&error)))
    }

    fn verifying(&self, builder: ClientBuilder) -> Result<ClientBuilder, String> {
        let authorities = self.ca_file.as_deref().map(authorities).transpose()?;
        Ok(match (self.verification, authorities) {
            (Verification::Full, None) => builder,
            (Verification::Full, Some(authorities)) => builder.tls_certs_merge(authorities),
            (Verification::Certificate, Some(authorities)) => {
                builder.tls_certs_only(authorities).tls_danger_accept_invalid_hostnames(true)
            }
            (Verification::Certificate, None) => return Err("verification: needs ca_file".to_owned()),
            (Verification::None, _) => builder.tls_danger_accept_invalid_certs(true),
        })
    }
}

/// The certificates of `ca_file`, at least one.
fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let refuse = |why: String| format!("ca_file {}: {why}", path.display());
    let pem = read("ca_file", path)?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| refuse(chain(&error)))?;
    if certificates.is_empty() {
        return Err(refuse("holds no certificate".to_owned()));
    }
    Ok(certificates)
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{setting} {}: {error}", path.display()))
}

impl Http {
    /// Prepares the connection pool; no network yet. The error names the setting that is wrong.
    pub fn new(settings: &HttpSettings) -> Result<Self, String> {
        Ok(Self { client: settings.client()?, body_max: settings.body_max })
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
        self.send_within(method, url, headers, body, self.body_max).await
    }

    async fn send_within(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        body_max: usize,
    ) -> Result<Response, TransportError> {
        let mut watched = Watched::begin(&method, url, &headers, body.len());
        let unreachable = |watched: &mut Watched, error: reqwest::Error| {
            watched.failed(&error);
            TransportError::Unreachable(format!("{}: {}", authority(url), chain(&error.without_url())))
        };
        let request = self.client.request(method, url).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| unreachable(&mut watched, error))?;
        watched.answered(response.status(), response.headers());
        let too_large = TransportError::TooLarge { bytes_max: body_max };
        let announced =
            response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if announced > body_max {
            watched.outgrew();
            return Err(too_large);
        }
        let mut body = BytesMut::with_capacity(announced);
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&mut watched, error))? {
            watched.received(chunk.len());
            if body.len() + chunk.len() > body_max {
                watched.outgrew();
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        watched.done(body.len());
        let headers = std::mem::take(response.headers_mut());
        Ok(Response { status: response.status(), headers, body: fitted(body) })
    }
}

#[async_trait]
impl Transport for Http {
    async fn get(&self, url: &str, headers: HeaderMap, body_max: usize) -> Result<Response, TransportError> {
        self.send_within(Method::GET, url, headers, Bytes::new(), body_max.min(self.body_max)).await
    }
}

/// The body in no more memory than it has bytes: one of a length that was not announced has grown by doubling, and would
/// be counted for half of what it holds as long as it waits.
fn fitted(body: BytesMut) -> Bytes {
    let spare = body.capacity() - body.len();
    if spare > body.len() / 8 { Bytes::copy_from_slice(&body) } else { body.freeze() }
}

/// Who was asked: of a URL the host, and its port where that is named.
fn authority(url: &str) -> String {
    let url = reqwest::Url::parse(url).ok();
    let named = url.as_ref().and_then(|url| Some((url.host_str()?, url.port())));
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
