//! The keys of everything that connects to another machine.

use std::{path::PathBuf, time::Duration};

use collectors::{HttpSettings, TlsVerification};
use secrecy::ExposeSecret;

use super::{
    Environment, SecretError, SettingError,
    section::Section,
    urls::Proxy,
    values::{DAY, HOUR, MINUTE, SECOND, path},
};

/// How another machine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// Certificates (PEM) trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy for requests; `None` for the one in the environment.
    pub proxy: Option<Proxy>,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// The time for a whole request, including its response.
    pub timeout: Duration,
    /// The longest wait that a response may ask for.
    pub retry_after_max: Duration,
}

impl ConnectionSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            ca_file: section.optional_place("ca_file", path),
            proxy: section.optional_place("proxy", Proxy::read),
            connect_timeout: section.duration("connect_timeout", SECOND / 10..=5 * MINUTE),
            timeout: section.duration("timeout", SECOND / 10..=HOUR),
            retry_after_max: section.duration("retry_after_max", SECOND..=DAY),
        }
    }

    /// The settings of the HTTP client, which reads at most `body_max` bytes of a response.
    ///
    /// # Errors
    ///
    /// If the proxy's URL is kept as a secret that cannot be read.
    pub fn http(&self, body_max: u64, environment: &Environment) -> Result<HttpSettings, SettingError> {
        let proxy = self.proxy.as_ref().map(|proxy| proxy.url(environment)).transpose();
        let proxy = proxy.map_err(SecretError::of("proxy"))?;
        Ok(HttpSettings {
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            body_max: usize::try_from(body_max).unwrap_or(usize::MAX),
            ca_file: self.ca_file.clone(),
            proxy: proxy.map(|url| url.expose_secret().to_owned()),
            direct: false,
            verification: TlsVerification::Full,
            identity: None,
        })
    }
}
