//! `[admin]`: how to query and control a running daemon.

use std::{net::SocketAddr, path::PathBuf};

use config::Value;

use super::{
    SecretSource,
    section::Section,
    values::{ValueProblem, as_text, texts, wanted},
};

const UNIX_PREFIX: &str = "unix:";
const FORM: &str =
    "an address such as \"127.0.0.1:8750\", a socket such as \"unix:/run/ccfd/admin.sock\", or \"\" for none";

/// The admin interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// The address with everything: health, metrics, status, changes. `None` for no such address.
    pub listen: Option<Listen>,
    /// Where the token for changes is kept; without it the daemon creates one at each start.
    pub token: Option<SecretSource>,
    /// Names that are accepted in the `Host` header, without a port, besides those of this machine.
    pub allowed_hosts: Vec<String>,
    /// The address with only metrics and health. `None` for no such address.
    pub metrics_listen: Option<Listen>,
    /// Where the token that this address requires for metrics is kept.
    pub metrics_token: Option<SecretSource>,
}

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// On a TCP port.
    Tcp(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
}

impl AdminSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let settings = Self {
            listen: section.required_place("listen", listen).flatten(),
            token: section.optional_place("token", SecretSource::read),
            allowed_hosts: section.required("allowed_hosts", texts).unwrap_or_default(),
            metrics_listen: section.required_place("metrics_listen", listen).flatten(),
            metrics_token: section.optional_place("metrics_token", SecretSource::read),
        };
        for (key, place, token) in [
            ("listen", &settings.listen, ("token", &settings.token)),
            ("metrics_listen", &settings.metrics_listen, ("metrics_token", &settings.metrics_token)),
        ] {
            if place.as_ref().is_some_and(Listen::is_open) && token.1.is_none() {
                let reason = format!("other machines can reach this address: `{}` is required, too", token.0);
                section.problem(key, &reason);
            }
        }
        section.finish();
        settings
    }
}

impl Listen {
    /// Whether other machines may reach it.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Tcp(address) => !address.ip().is_loopback(),
            Self::Unix(_) => false,
        }
    }

    /// The same for a process in another working directory.
    pub fn from_anywhere(&self) -> Self {
        match self {
            Self::Tcp(address) => Self::Tcp(*address),
            Self::Unix(path) => Self::Unix(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        }
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(out, "{address}"),
            Self::Unix(path) => write!(out, "{UNIX_PREFIX}{}", path.display()),
        }
    }
}

/// `Ok(None)` for an empty text, which switches it off.
fn listen(value: &Value) -> Result<Option<Listen>, ValueProblem> {
    let text = as_text(value).ok_or_else(|| wanted(FORM))?;
    if text.is_empty() {
        return Ok(None);
    }
    parse(text).map(Some).ok_or_else(|| wanted(FORM))
}

fn parse(text: &str) -> Option<Listen> {
    match text.strip_prefix(UNIX_PREFIX) {
        Some(path) if !path.is_empty() && !path.contains('\0') => Some(Listen::Unix(path.into())),
        Some(_) => None,
        None => text.parse().ok().map(Listen::Tcp),
    }
}

impl std::str::FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or(FORM)
    }
}
