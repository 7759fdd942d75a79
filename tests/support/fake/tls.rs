//! A certificate authority that lives as long as its test.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

/// What a server on loopback is called by.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// Signs the certificates of servers and clients; its own is in a file.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    dir: TempDir,
}

/// A client's certificate and key, each a PEM file in the directory of its [`Ca`].
pub struct ClientFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Ca {
    pub fn new() -> Self {
        Self::named("the tests' authority")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        // OpenSSL takes a certificate for self-signed whose subject is its issuer's, and unnamed ones share a name.
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), certificate, dir }
    }

    /// The file for `ca_file`.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A server for 127.0.0.1 and localhost.
    pub fn server(&self) -> ServerConfig {
        self.server_named(&NAMES)
    }

    /// A server whose certificate is for these names, which may differ from its own.
    pub fn server_named(&self, names: &[&str]) -> ServerConfig {
        self.config(names, WebPkiClientVerifier::no_client_auth())
    }

    /// A server whose certificate was good once.
    pub fn server_expired(&self) -> ServerConfig {
        let mut params = server_params(&NAMES);
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.config_of(params, WebPkiClientVerifier::no_client_auth())
    }

    /// A server that serves only clients with a certificate of [`Ca::client`].
    pub fn server_for_clients(&self) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        self.config(&NAMES, verifier)
    }

    pub fn client(&self) -> ClientFiles {
        let (certificate, key) = self.sign(params(&["client"], ExtendedKeyUsagePurpose::ClientAuth));
        let place = |name| self.dir.path().join(name);
        let files = ClientFiles { certificate: place("client.pem"), key: place("client.key") };
        fs::write(&files.certificate, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
        files
    }

    fn config(&self, names: &[&str], clients: Arc<dyn ClientCertVerifier>) -> ServerConfig {
        self.config_of(server_params(names), clients)
    }

    fn config_of(&self, params: CertificateParams, clients: Arc<dyn ClientCertVerifier>) -> ServerConfig {
        let (certificate, key) = self.sign(params);
        config_of(&certificate, &key, clients)
    }

    fn sign(&self, params: CertificateParams) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate, key)
    }
}

/// A server that shows this certificate.
pub fn server_of(certificate: &Certificate, key: &KeyPair) -> ServerConfig {
    config_of(certificate, key, WebPkiClientVerifier::no_client_auth())
}

fn config_of(certificate: &Certificate, key: &KeyPair, clients: Arc<dyn ClientCertVerifier>) -> ServerConfig {
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap()
}

fn server_params(names: &[&str]) -> CertificateParams {
    params(names, ExtendedKeyUsagePurpose::ServerAuth)
}

fn params(names: &[&str], usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "signed by the tests' authority");
    params.extended_key_usages = vec![usage];
    // Python's ssl wants to know who signed a certificate.
    params.use_authority_key_identifier_extension = true;
    params
}
