//! The files that settings name and that may change while ccfd runs: secrets and certificates.

use std::path::{Path, PathBuf};

use super::{
    AzureIdentity, CollectorSettings, ConnectionSettings, Environment, HttpAuth, Proxy, SecretSource,
    SinkSettings,
};

impl SecretSource {
    /// Where it lies, when that is a file.
    pub fn file(&self, environment: &Environment) -> Option<PathBuf> {
        match self {
            Self::Env(_) => None,
            Self::File(path) => Some(path.clone()),
            Self::Credential(name) => {
                environment.get(super::secret::CREDENTIALS_DIRECTORY).map(|dir| Path::new(dir).join(name))
            }
        }
    }
}

impl ConnectionSettings {
    /// Certificates, and the proxy's URL where that is a secret.
    fn files(&self, environment: &Environment) -> impl Iterator<Item = PathBuf> {
        let proxy = match &self.proxy {
            Some(Proxy::Secret(place)) => place.file(environment),
            Some(Proxy::Url(_)) | None => None,
        };
        self.ca_file.clone().into_iter().chain(proxy)
    }
}

impl CollectorSettings {
    /// Its secrets and certificates.
    pub fn files(&self, environment: &Environment) -> Vec<PathBuf> {
        let hash_key = self.redact.as_ref().and_then(|redact| redact.hash_key.as_ref());
        let secrets = [Some(&self.api_key), hash_key].into_iter().flatten();
        secrets
            .filter_map(|secret| secret.file(environment))
            .chain(self.connection.files(environment))
            .collect()
    }
}

impl SinkSettings {
    /// Its secrets and certificates. The token of a workload identity is not among them: it is read with each use.
    pub fn files(&self, environment: &Environment) -> Vec<PathBuf> {
        let (connection, secret, identity) = match self {
            Self::Sqlite(_) | Self::Ndjson(_) => return Vec::new(),
            Self::Elasticsearch(settings) => {
                (&settings.connection, of_auth(settings.auth.as_ref()), settings.identity.as_ref())
            }
            Self::KibanaIndex(settings) => (&settings.connection, of_auth(settings.auth.as_ref()), None),
            Self::LogsIngestion(settings) => (&settings.connection, of_azure(&settings.auth.identity), None),
        };
        let identity = identity.into_iter().flat_map(|of| [of.cert_file.clone(), of.key_file.clone()]);
        let secret = secret.and_then(|secret| secret.file(environment));
        connection.files(environment).chain(identity).chain(secret).collect()
    }
}

fn of_auth(auth: Option<&HttpAuth>) -> Option<&SecretSource> {
    match auth? {
        HttpAuth::ApiKey(secret) | HttpAuth::Basic { password: secret, .. } => Some(secret),
    }
}

fn of_azure(identity: &AzureIdentity) -> Option<&SecretSource> {
    match identity {
        AzureIdentity::ClientSecret { client_secret, .. } => Some(client_secret),
        AzureIdentity::WorkloadIdentity { .. }
        | AzureIdentity::ManagedIdentity { .. }
        | AzureIdentity::AzureCli { .. } => None,
    }
}
