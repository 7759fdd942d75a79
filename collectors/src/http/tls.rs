//! Server certificates, where `ca_file` names the trusted authorities.
//!
//! A certificate of `ca_file` that the server itself presents is trusted directly: `openssl req -x509` makes
//! self-signed CA certificates, which may not end a chain. Its dates and its name are checked all the same.

use std::{error::Error as StdError, io, path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
    client::{
        WantsClientCert, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use rustls_platform_verifier::Verifier;

use crate::http::transport::{ClientIdentity, TlsVerification};

/// Some editors put this before the text of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// TLS with the authorities of this file: in addition to the system's with [`TlsVerification::Full`], alone with
/// [`TlsVerification::Certificate`]. The error names the setting that is wrong.
pub(crate) fn trusting(
    ca_file: &Path,
    verification: TlsVerification,
    identity: Option<&ClientIdentity>,
) -> Result<ClientConfig, String> {
    let authorities = authorities(ca_file)?;
    let builder = verifying(authorities, verification)
        .map_err(|why| format!("ca_file {}: {why}", ca_file.display()))?;
    match identity {
        None => Ok(finished(builder.with_no_client_auth())),
        Some(identity) => {
            let (chain, key) = identity.read()?;
            builder.with_client_auth_cert(chain, key).map(finished).map_err(|_| identity.unusable())
        }
    }
}

/// TLS that accepts what these authorities have signed.
pub(crate) fn verifying(
    authorities: Vec<CertificateDer<'static>>,
    verification: TlsVerification,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let provider = provider();
    let chains: Arc<dyn ServerCertVerifier> = match verification {
        TlsVerification::Full => Arc::new(
            Verifier::new_with_extra_roots(authorities.clone(), provider.clone())
                .map_err(|error| error.to_string())?,
        ),
        TlsVerification::Certificate | TlsVerification::None => {
            let mut roots = RootCertStore::empty();
            for authority in &authorities {
                roots.add(authority.clone()).map_err(|error| error.to_string())?;
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| error.to_string())?
        }
    };
    let verifier = Pinning { chains, pinned: authorities, by_name: verification == TlsVerification::Full };
    with_verifier(provider, Arc::new(verifier))
}

/// TLS that accepts any certificate.
pub(crate) fn unverified() -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let provider = provider();
    with_verifier(provider.clone(), Arc::new(Unverified(provider)))
}

fn provider() -> Arc<CryptoProvider> {
    let provider = CryptoProvider::get_default().cloned();
    provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()))
}

fn with_verifier(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
}

/// Only HTTP/1.1 is spoken.
pub(crate) fn finished(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

impl ClientIdentity {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let chain = read("client_cert_file", &self.cert_file)?;
        let key = read("client_key_file", &self.key_file)?;
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().map_err(|_| self.unusable())?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| self.unusable())?;
        if chain.is_empty() { Err(self.unusable()) } else { Ok((chain, key)) }
    }

    /// The error for these two files.
    pub(crate) fn unusable(&self) -> String {
        let (cert, key) = (self.cert_file.display(), self.key_file.display());
        format!("client_cert_file {cert}, client_key_file {key}: not a certificate and its key in PEM")
    }
}

/// The certificates of `ca_file`, at least one.
fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let refuse = |why: String| format!("ca_file {}: {why}", path.display());
    let pem = read("ca_file", path)?;
    let certificates = certificates(&pem).map_err(refuse)?;
    if certificates.is_empty() {
        let is_der = pem.starts_with(&[0x30, 0x82]);
        let form = if is_der { " in PEM; convert it with `openssl x509 -inform der`" } else { "" };
        return Err(refuse(format!("contains no certificate{form}")));
    }
    Ok(certificates)
}

/// The certificates in a PEM text.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// The largest PEM file that is read: all authorities of a system take a quarter of it.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// Reads a PEM file, whose setting is named in errors. Only regular files are opened: a pipe without a writer
/// would block this thread and everything else on it.
pub(crate) fn read(setting: &str, path: &Path) -> Result<Vec<u8>, String> {
    let refuse = |why: String| format!("{setting} {}: {why}", path.display());
    let found = path.metadata().map_err(|error| refuse(error.to_string()))?;
    if !found.is_file() && !found.is_dir() {
        return Err(refuse("not a regular file".to_owned()));
    }
    if found.len() > PEM_BYTES_MAX {
        return Err(refuse(format!("larger than {PEM_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    Ok(bytes.strip_prefix(BYTE_ORDER_MARK).map(<[u8]>::to_vec).unwrap_or(bytes))
}

/// Accepts any certificate; that the server has its key is still required.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[derive(Debug)]
struct Pinning {
    chains: Arc<dyn ServerCertVerifier>,
    pinned: Vec<CertificateDer<'static>>,
    by_name: bool,
}

impl ServerCertVerifier for Pinning {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let Err(Error::InvalidCertificate(why)) = &verified else { return verified };
        match why {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
                if !self.by_name =>
            {
                Ok(ServerCertVerified::assertion())
            }
            why if lacks_only_a_chain(why) && self.pinned.contains(end_entity) => {
                if self.by_name {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// The text for an untrusted certificate without other defects; the library has several names for this.
pub(crate) const UNTRUSTED: &str =
    "unknown issuer: no authority that is trusted here has signed its certificate";

/// Whether a request failed because no trusted authority signed the server's certificate.
pub(crate) fn is_untrusted(error: &(dyn StdError + 'static)) -> bool {
    match cause_of(error) {
        Some(Error::InvalidCertificate(why)) => lacks_only_a_chain(why),
        Some(_) | None => false,
    }
}

/// The error of one type among the causes of another error.
pub(crate) fn cause_of<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // An `io::Error` that wraps another one has that one's source only.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = wrapped.and_then(|inner| inner.downcast_ref()).or_else(|| error.downcast_ref::<E>());
        if found.is_some() {
            return found;
        }
        cause = wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

/// Whether a certificate is valid except for its issuer: its dates are checked before these errors are
/// returned.
fn lacks_only_a_chain(why: &CertificateError) -> bool {
    match why {
        // For a bad signature: a trusted authority has the issuer's name but another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => true,
        // The library has no variant for it.
        CertificateError::Other(other) => other.to_string().contains("CaUsedAsEndEntity"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A self-signed CA certificate of localhost, valid until 2126: made by `openssl req -x509`; its key is
    /// lost.
    const OWN_AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBlDCCATugAwIBAgIUG8qQGN0GlvOAcbZHTjDUgo5GN+cwCgYIKoZIzj0EAwIw\n\
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODE3NTY0M1oYDzIxMjYxMTA0\n\
MTc1NjQzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n\
PQMBBwNCAASpqqiRibtzEhdnx7499414Y0WGTBLAD4JzIJ9DQgdCFv5dVa9XLWBk\n\
3hYwk1/wsHXDElcNyiKbOTFda4D2T7ALo2kwZzAdBgNVHQ4EFgQUtui28lGlgaEA\n\
Vah5Pi7SKfG/2VgwHwYDVR0jBBgwFoAUtui28lGlgaEAVah5Pi7SKfG/2VgwDwYD\n\
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID\n\
RwAwRAIga3ocAUsTRoCWmXwtjiM3Z5e0ELpI8xhufa8D5YKsi/wCIGobZQ4PZDOo\n\
8e2unNhClJds8ErAMYfvpANzSrgwyMpB\n\
-----END CERTIFICATE-----\n\
";

    #[test]
    fn what_the_library_says_of_a_certificate_that_is_its_own_authority_is_known() {
        let certificate = CertificateDer::from_pem_slice(OWN_AUTHORITY.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(2_600_000_000));
        let verified = verifier.verify_server_cert(&certificate, &[], &name, &[], now);
        let Err(Error::InvalidCertificate(why)) = verified else { panic!("{verified:?}") };
        assert!(why != CertificateError::UnknownIssuer && lacks_only_a_chain(&why), "{why:?}");
        let before = UnixTime::since_unix_epoch(Duration::from_secs(1_600_000_000));
        let verified = verifier.verify_server_cert(&certificate, &[], &name, &[], before);
        let Err(Error::InvalidCertificate(why)) = verified else { panic!("{verified:?}") };
        assert!(!lacks_only_a_chain(&why), "its dates come first: {why:?}");
    }
}
