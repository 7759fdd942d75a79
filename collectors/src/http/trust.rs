//! Certificates that are given as text instead of files: connectors keep them with their secrets.

use std::error::Error as StdError;

use reqwest::ClientBuilder;
use rustls::{
    ClientConfig, Error,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::http::{tls, transport::TlsVerification};

const UNUSABLE: &str = "not a certificate and its key in PEM";

/// What a client trusts, and what it shows.
#[derive(Clone, Copy)]
pub struct TlsTrust<'a> {
    /// Authorities (PEM) besides those of the system; with [`TlsVerification::Certificate`] instead of them.
    pub authorities: Option<&'a str>,
    /// What is verified of a server's certificate.
    pub verification: TlsVerification,
    /// A client certificate and its key (PEM).
    pub identity: Option<(&'a str, &'a str)>,
}

impl TlsTrust<'_> {
    /// Gives it to a client.
    ///
    /// # Errors
    ///
    /// A sentence without any of the texts, if one of them is not PEM.
    pub fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, String> {
        if self.verification == TlsVerification::Full && self.authorities.is_none() && self.identity.is_none()
        {
            return Ok(builder);
        }
        Ok(builder.tls_backend_preconfigured(tls::finished(self.config()?)))
    }

    /// TLS with it, for any protocol.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn config(&self) -> Result<ClientConfig, String> {
        let authorities = match self.authorities.map(|pem| tls::certificates(pem.as_bytes())) {
            None => Vec::new(),
            Some(Ok(found)) if !found.is_empty() => found,
            Some(_) => return Err("no certificate of an authority in PEM".to_owned()),
        };
        let verifying = match self.verification {
            TlsVerification::None => tls::unverified()?,
            TlsVerification::Certificate if authorities.is_empty() => {
                return Err("without the name, a certificate of any public authority would be accepted: \
                            verification \"certificate\" requires an authority"
                    .to_owned());
            }
            TlsVerification::Full | TlsVerification::Certificate => {
                tls::verifying(authorities, self.verification)?
            }
        };
        let Some((chain, key)) = self.identity else { return Ok(verifying.with_no_client_auth()) };
        let chain: Vec<CertificateDer<'static>> =
            tls::certificates(chain.as_bytes()).map_err(|_| UNUSABLE.to_owned())?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| UNUSABLE.to_owned())?;
        verifying.with_client_auth_cert(chain, key).map_err(|_| UNUSABLE.to_owned())
    }
}

/// Why the encryption of a request failed; `None` if something else did.
pub fn tls_failure(error: &(dyn StdError + 'static)) -> Option<String> {
    if tls::is_untrusted(error) {
        return Some(tls::UNTRUSTED.to_owned());
    }
    tls::cause_of::<Error>(error).map(Error::to_string)
}

/// The error of one type among the causes of another error.
pub fn cause_of<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    tls::cause_of(error)
}
