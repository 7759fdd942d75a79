//! A secret that cannot be had, as others report it.

use std::fmt;

use super::{SecretError, SecretSource, SettingError};
use crate::reasons::with_reasons;

/// Why there is no secret, and whether that can change while the process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSecret {
    text: String,
    /// Whether only a new process can have it: nobody changes the environment of a running one.
    pub until_restart: bool,
}

impl NoSecret {
    /// What is wrong with what was found at a place.
    pub fn at(place: &SecretSource, text: String) -> Self {
        Self { text, until_restart: matches!(place, SecretSource::Env(_)) }
    }
}

impl fmt::Display for NoSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl From<String> for NoSecret {
    fn from(text: String) -> Self {
        Self { text, until_restart: false }
    }
}

impl From<&SecretError> for NoSecret {
    fn from(error: &SecretError) -> Self {
        Self { text: with_reasons(error), until_restart: error.is_until_restart() }
    }
}

impl From<&SettingError> for NoSecret {
    fn from(error: &SettingError) -> Self {
        Self { text: with_reasons(error), until_restart: error.source.is_until_restart() }
    }
}

impl SecretError {
    fn is_until_restart(&self) -> bool {
        match self {
            Self::NoCredentials(_) => true,
            Self::Unset(place)
            | Self::Unreadable { place, .. }
            | Self::NotAFile(place)
            | Self::Exposed(place, _)
            | Self::TooLarge(place)
            | Self::Empty(place)
            | Self::Unprintable(place)
            | Self::Control(place)
            | Self::Encoding(place, _)
            | Self::Store { place, .. }
            | Self::NotAProxy(place) => match place {
                SecretSource::Env(_) => true,
                SecretSource::File(_) | SecretSource::Credential(_) | SecretSource::Stored(_) => false,
            },
        }
    }
}
