//! Requests to other systems, as far as the settings allow them.
//!
//! | file | what it has |
//! | --- | --- |
//! | `request` | a request, its response, and what can go wrong |

mod request;

pub use request::{
    ClientIdentity, NotAllowed, OutgoingBody, OutgoingError, OutgoingRequest, OutgoingResponse, Verification,
};
use url::Url;

/// Requests to other systems. Knows which hosts are allowed, through which proxy, and with which certificates.
#[derive(Debug, Default)]
pub struct Outgoing {}

impl Outgoing {
    /// Whether an address may be used, before its name is resolved: at creation of a connector.
    ///
    /// # Errors
    ///
    /// If the host, or an address that is written out, is not allowed.
    pub fn check(&self, url: &Url) -> Result<(), NotAllowed> {
        Err(NotAllowed { url: url.to_string() })
    }

    /// Sends a request. `Ok` is any response, whatever its status. The name is resolved and the addresses are checked; a
    /// redirect to another host is not followed.
    ///
    /// # Errors
    ///
    /// If it is not allowed, or no complete response came.
    pub async fn send(&self, request: OutgoingRequest) -> Result<OutgoingResponse, OutgoingError> {
        Err(OutgoingError::NotAllowed(NotAllowed { url: request.url.to_string() }))
    }
}
