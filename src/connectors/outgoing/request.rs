//! A request to another system.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// An address that the settings do not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Its host, or where the name of the host leads.
    #[error("target url \"{url}\" is not added to the Kibana config xpack.actions.allowedHosts")]
    Host {
        /// The address, as far as its port.
        url: String,
    },
    /// It contains a user name or a password, which have settings of their own.
    #[error("the target url of \"{host}\" contains a user name or a password: use the settings for them")]
    Credentials {
        /// The host.
        host: String,
    },
}

impl NotAllowed {
    /// The host of an address is not allowed. What is beside its host and port may be a secret.
    pub(super) fn host(url: &Url) -> Self {
        let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Self::Host { url: format!("{scheme}://{host}{port}") }
    }
}

/// A request.
#[derive(Debug)]
pub struct OutgoingRequest {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// The headers. Those with secrets are marked as sensitive; those that belong to the connection are left out.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How long the response may take; `None` for `[connectors] response_timeout`.
    pub timeout: Option<Duration>,
    /// Whether the body of a successful response is passed on as it comes, instead of being read whole.
    pub is_streamed: bool,
    /// Whether the beginning of a successful response is enough, if all of it is larger than allowed.
    pub is_beginning_enough: bool,
    /// A certificate of this side and authorities, of one connector.
    pub identity: Option<OutgoingIdentity>,
}

/// A client certificate with its key, and authorities, as PEM.
#[derive(Clone, Default)]
pub struct OutgoingIdentity {
    /// Certificate and key.
    pub certificate_and_key: Option<(secrecy::SecretString, secrecy::SecretString)>,
    /// Authorities.
    pub authorities: Option<String>,
    /// Whether certificates are verified: in full, without the name, not at all.
    pub verification: Option<Verification>,
}

impl std::fmt::Debug for OutgoingIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingIdentity").field("verification", &self.verification).finish_non_exhaustive()
    }
}

/// How far a server's certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// By its authority and its name.
    Full,
    /// By its authority.
    Certificate,
    /// Not at all.
    None,
}

/// A response.
#[derive(Debug)]
pub struct OutgoingResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: OutgoingBody,
}

/// The body of a response.
pub enum OutgoingBody {
    /// All of it, at most `[connectors] response_max`; the beginning of a larger one, where that is enough.
    Whole(Bytes),
    /// As it comes.
    Streamed(BoxStream<'static, std::io::Result<Bytes>>),
}

impl std::fmt::Debug for OutgoingBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Streamed(_) => "Streamed",
        })
    }
}

/// Why no response came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// The settings do not allow the address.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// No connection.
    #[error("{0}")]
    Unreachable(String),
    /// The certificate or the encryption was refused.
    #[error("{0}")]
    Untrusted(String),
    /// It did not come in time.
    #[error("timeout of {} ms exceeded", .0.as_millis())]
    TimedOut(Duration),
    /// It is larger than allowed.
    #[error("maxContentLength size of {0} exceeded")]
    TooLarge(usize),
    /// The connection ended before it did.
    #[error("{0}")]
    Cut(String),
}
