//! The files that settings name and that may change while ccfd runs: secrets and certificates. `sink/` names
//! those of each type of sink.

use std::path::{Path, PathBuf};

use super::{CollectorSettings, ConnectionSettings, Environment, Proxy, SecretSource};

impl SecretSource {
    /// Where it lies, when that is a file.
    pub fn file(&self, environment: &Environment) -> Option<PathBuf> {
        match self {
            // A store is not a file of one secret: its others change, too.
            Self::Env(_) | Self::Stored(_) => None,
            Self::File(path) => Some(path.clone()),
            Self::Credential(name) => {
                environment.get(super::secret::CREDENTIALS_DIRECTORY).map(|dir| Path::new(dir).join(name))
            }
        }
    }
}

impl ConnectionSettings {
    /// Certificates, and the proxy's URL if that is a secret.
    pub(super) fn files(&self, environment: &Environment) -> impl Iterator<Item = PathBuf> {
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
