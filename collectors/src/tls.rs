//! How the other side shows who it is, where `ca_file` says whom to trust.
//!
//! A certificate of `ca_file` that a server itself presents is trusted as it is: `openssl req -x509` makes certificates that
//! are their own authority, which no chain may end in. Its dates and its name are checked all the same.

use std::{path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use rustls_platform_verifier::Verifier;

use crate::transport::{ClientIdentity, Verification};

/// What an editor may put before the text of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// TLS by the authorities of this file: beside the system's with [`Verification::Full`], alone with
/// [`Verification::Certificate`]. The error names the setting that is wrong.
pub(crate) fn trusting(
    ca_file: &Path,
    verification: Verification,
    identity: Option<&ClientIdentity>,
) -> Result<ClientConfig, String> {
    let refuse = |why: String| format!("ca_file {}: {why}", ca_file.display());
    let authorities = authorities(ca_file)?;
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let chains: Arc<dyn ServerCertVerifier> = match verification {
        Verification::Full => Arc::new(
            Verifier::new_with_extra_roots(authorities.clone(), provider.clone())
                .map_err(|error| refuse(error.to_string()))?,
        ),
        Verification::Certificate | Verification::None => {
            let mut roots = RootCertStore::empty();
            for authority in &authorities {
                roots.add(authority.clone()).map_err(|error| refuse(error.to_string()))?;
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| refuse(error.to_string()))?
        }
    };
    let verifier = Pinning { chains, pinned: authorities, by_name: verification == Verification::Full };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = identity.read()?;
            builder.with_client_auth_cert(chain, key).map_err(|_| identity.unusable())?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
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

    /// That these two files cannot be used.
    pub(crate) fn unusable(&self) -> String {
        let (cert, key) = (self.cert_file.display(), self.key_file.display());
        format!("client_cert_file {cert}, client_key_file {key}: not a certificate and its key in PEM")
    }
}

/// The certificates of `ca_file`, at least one.
fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let refuse = |why: String| format!("ca_file {}: {why}", path.display());
    let pem = read("ca_file", path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| refuse(error.to_string()))?;
    if certificates.is_empty() {
        let is_der = pem.starts_with(&[0x30, 0x82]);
        let form = if is_der { " in PEM; convert it with `openssl x509 -inform der`" } else { "" };
        return Err(refuse(format!("holds no certificate{form}")));
    }
    Ok(certificates)
}

/// The largest file in PEM that is read: all authorities of a system take a quarter of it.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// A file in PEM, whose setting is named in the error. What is no file is not opened: a pipe would hold up all that runs on this
/// thread for as long as nobody writes into it.
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

/// Whether a certificate is in order but for who vouches for it: its dates are looked at before either of these is said.
fn lacks_only_a_chain(why: &CertificateError) -> bool {
    match why {
        CertificateError::UnknownIssuer => true,
        // The library has no variant for it.
        CertificateError::Other(other) => other.to_string().contains("CaUsedAsEndEntity"),
        _ => false,
    }
}
