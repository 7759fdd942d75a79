//! Where a key comes from, and getting it. The key itself never stands in the settings.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use config::Value;
use secrecy::SecretString;
use thiserror::Error;

use super::Environment;
use super::tree::single_entry;
use super::values::{Refusal, as_text, is_key};

/// Keys have some hundred bytes; more is a wrong file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Permission of everyone to read.
const READ_BY_OTHERS: u32 = 0o004;

/// Container runtimes put secrets here with whatever mode they choose.
const RUN_SECRETS: &str = "/run/secrets";
pub(super) const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

const ADVICE: &str = "a key is named, never written down: { env = \"NAME\" }, { file = \"/path\" } or \
                      { credential = \"name\" }";

/// Where a key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In an environment variable of this name.
    Env(String),
    /// In a file.
    File(PathBuf),
    /// In a credential that systemd hands to the unit: a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// Why a key could not be had. Names where it was looked for, never what was found.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("{0} is not set")]
    Unset(SecretSource),
    /// A credential is wanted, but systemd did not hand any over.
    #[error("{0}: CREDENTIALS_DIRECTORY is not set; give the unit a line LoadCredential={name}:/path", name = .0.name())]
    NoCredentials(SecretSource),
    /// The file cannot be read.
    #[error("{place}: {source}")]
    Unreadable {
        /// Where the key was looked for.
        place: SecretSource,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A directory, a pipe or a device stands in place of the file.
    #[error("{0} is not a regular file")]
    NotAFile(SecretSource),
    /// Everyone on this machine can read the file.
    #[error("{0} can be read by everyone (mode {mode:04o}); take that away with chmod o-r", mode = .1)]
    Exposed(SecretSource, u32),
    /// The file is far too large for a key.
    #[error("{0} is larger than 64 KiB: not a key")]
    TooLarge(SecretSource),
    /// There is nothing but white space.
    #[error("{0} is empty")]
    Empty(SecretSource),
    /// A character cannot stand in an HTTP header.
    #[error("{0} holds a space, a control character or a non-ASCII one: not a key")]
    Unprintable(SecretSource),
}

impl SecretSource {
    pub(super) fn read(value: &Value) -> Result<Self, Refusal> {
        Self::of_table(value).ok_or_else(|| Refusal::Because(ADVICE.to_owned()))
    }

    fn of_table(value: &Value) -> Option<Self> {
        let (form, place) = single_entry(value)?;
        // A key that was pasted as the name of its place would be printed by every later error.
        let place = as_text(place).filter(|place| !is_key(place))?;
        match form {
            "env" if is_variable(place) => Some(Self::Env(place.to_owned())),
            "file" if !place.is_empty() && !place.contains('\0') => Some(Self::File(place.into())),
            "credential" if is_file_name(place) => Some(Self::Credential(place.to_owned())),
            _ => None,
        }
    }

    /// Fetches the key, without the white space at its end.
    ///
    /// # Errors
    ///
    /// When it is not there, cannot be read, can be read by everyone, or cannot be a key.
    pub fn resolve(&self, environment: &Environment) -> Result<SecretString, SecretError> {
        let bytes = match self {
            Self::Env(name) => match environment.get(name) {
                Some(value) => value.as_encoded_bytes().to_vec(),
                None => return Err(SecretError::Unset(self.clone())),
            },
            Self::File(path) => self.read_file(path, environment)?,
            Self::Credential(name) => match environment.get(CREDENTIALS_DIRECTORY) {
                Some(directory) => self.read_file(&Path::new(directory).join(name), environment)?,
                None => return Err(SecretError::NoCredentials(self.clone())),
            },
        };
        let key = bytes.trim_ascii_end();
        if key.is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        match std::str::from_utf8(key) {
            Ok(text) if key.iter().all(u8::is_ascii_graphic) => Ok(SecretString::from(text)),
            _ => Err(SecretError::Unprintable(self.clone())),
        }
    }

    fn read_file(&self, path: &Path, environment: &Environment) -> Result<Vec<u8>, SecretError> {
        let unreadable = |source| SecretError::Unreadable { place: self.clone(), source };
        // Before opening: opening a pipe that nobody writes to would wait for ever.
        if !path.metadata().map_err(unreadable)?.is_file() {
            return Err(SecretError::NotAFile(self.clone()));
        }
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
        if mode & READ_BY_OTHERS != 0 {
            if !is_handed_over(path, environment) {
                return Err(SecretError::Exposed(self.clone(), mode));
            }
            self.warn_once();
        }
        let mut bytes = Vec::new();
        file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > SECRET_BYTES_MAX {
            return Err(SecretError::TooLarge(self.clone()));
        }
        Ok(bytes)
    }

    /// Secrets are read anew with each request; that everyone can read them is news only once.
    fn warn_once(&self) {
        static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let is_news = TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(self.name());
        if is_news {
            tracing::warn!(secret = %self, "secret file can be read by everyone: let the runtime give it mode 0400");
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Env(name) | Self::Credential(name) => name.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Env(_) => "environment variable",
            Self::File(_) => "secret file",
            Self::Credential(_) => "credential",
        };
        write!(f, "{kind} {}", self.name())
    }
}

/// Whether the file lies where a container runtime or systemd puts secrets. Links and `..` are followed first.
fn is_handed_over(path: &Path, environment: &Environment) -> bool {
    let places = [Some(RUN_SECRETS.as_ref()), environment.get(CREDENTIALS_DIRECTORY)];
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let mut places = places.into_iter().flatten().filter_map(|place| Path::new(place).canonicalize().ok());
    places.any(|place| path.starts_with(place))
}

fn is_variable(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(allowed) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_file_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.chars().all(allowed) && !name.starts_with('.')
}
