//! Where a key is kept, and reading it. The settings never contain the key itself.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fmt,
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use config::Value;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::{
    Environment,
    encoding::{is_utf_16, text_of},
    error::utf_16_hint,
    tree::single_entry,
    values::{ValueProblem, as_text, is_key},
};

/// Keys have some hundred bytes; a larger file is a wrong one.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Permission of everyone to read.
const READ_BY_OTHERS: u32 = 0o004;

/// Container runtimes put secrets here with any mode. The second is the first wherever `/var/run` is a link.
const RUN_SECRETS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];
pub(super) const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

const ADVICE: &str = "give the place of the key, never the key itself: { env = \"NAME\" }, { file = \
                      \"/path\" }, { credential = \"name\" } or { stored = \"name\" }";

/// Where a key is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// In an environment variable of this name.
    Env(String),
    /// In a file.
    File(PathBuf),
    /// In a credential that systemd passes to the unit: a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// In the store of secrets, where `ccfd secrets set` put it.
    Stored(String),
}

/// Why a key could not be read. Names its place, never its content.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("{0} is not set")]
    Unset(SecretSource),
    /// A credential is configured, but systemd has passed none.
    #[error("{0}: CREDENTIALS_DIRECTORY is not set; give the unit a line LoadCredential={name}:/path", name = .0.name())]
    NoCredentials(SecretSource),
    /// The file cannot be read.
    #[error("{place}")]
    Unreadable {
        /// Where the key was looked for.
        place: SecretSource,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The path is a directory, a pipe or a device.
    #[error("{0} is not a regular file")]
    NotAFile(SecretSource),
    /// Everyone on this machine can read the file.
    #[error("{0} is readable by everyone (mode {mode:04o}); change that with chmod o-r", mode = .1)]
    Exposed(SecretSource, u32),
    /// The file is far too large for a key.
    #[error("{0} is larger than 64 KiB: not a key")]
    TooLarge(SecretSource),
    /// It holds only white space.
    #[error("{0} is empty")]
    Empty(SecretSource),
    /// It contains a character that an HTTP header cannot contain.
    #[error("{0} contains a space, a control character or a non-ASCII one: not a key")]
    Unprintable(SecretSource),
    /// It contains a character that a password cannot contain.
    #[error("{0} contains a control character, such as a line break: not a password")]
    Control(SecretSource),
    /// The text is in another encoding.
    #[error("{0} is not UTF-8{hint}; save it as UTF-8", hint = utf_16_hint(*.1))]
    Encoding(SecretSource, bool),
    /// The store has no such secret, or cannot be read.
    #[error("{place}: {reason}")]
    Store {
        /// Its name there.
        place: SecretSource,
        /// What the store says.
        reason: String,
    },
    /// The text is no address of a proxy.
    #[error("{0} contains no proxy URL such as http://user:password@proxy.example.com:3128")]
    NotAProxy(SecretSource),
}

/// A secret that cannot be read, with the setting that says where it is kept.
#[derive(Debug, Error)]
#[error("`{setting}`")]
pub struct SettingError {
    /// The setting.
    pub setting: &'static str,
    /// What is wrong with what it names.
    pub source: SecretError,
}

impl SecretError {
    /// Adds the setting that says where the secret is kept.
    pub fn of(setting: &'static str) -> impl Fn(Self) -> SettingError + Copy {
        move |source| SettingError { setting, source }
    }
}

impl SecretSource {
    /// The keys under which a place is named.
    pub(super) const FORMS: [&str; 4] = ["env", "file", "credential", "stored"];

    pub(super) fn read(value: &Value) -> Result<Self, ValueProblem> {
        Self::of_table(value).ok_or_else(|| ValueProblem::Because(ADVICE.to_owned()))
    }

    fn of_table(value: &Value) -> Option<Self> {
        let (form, place) = single_entry(value)?;
        // A key that was pasted in place of a name would be printed by every later error.
        let place = as_text(place).filter(|place| !is_key(place))?;
        match form {
            "env" if is_variable(place) => Some(Self::Env(place.to_owned())),
            "file" if !place.is_empty() && !place.contains('\0') => Some(Self::File(place.into())),
            "credential" if is_file_name(place) => Some(Self::Credential(place.to_owned())),
            "stored" if is_file_name(place) => Some(Self::Stored(place.to_owned())),
            _ => None,
        }
    }

    /// Reads the key, without the white space at its end.
    ///
    /// # Errors
    ///
    /// If it does not exist, cannot be read, can be read by everyone, or cannot be a key.
    pub fn resolve(&self, environment: &Environment) -> Result<SecretString, SecretError> {
        let text = self.text(environment)?;
        match text.expose_secret().trim_ascii_end() {
            "" => Err(SecretError::Empty(self.clone())),
            key if key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(SecretString::from(key)),
            _ => Err(SecretError::Unprintable(self.clone())),
        }
    }

    /// Reads a password: any text, including its spaces, without the line break at its end.
    ///
    /// # Errors
    ///
    /// As [`SecretSource::resolve`], but only a control character makes it invalid.
    pub fn resolve_password(&self, environment: &Environment) -> Result<SecretString, SecretError> {
        let text = self.text(environment)?;
        match text.expose_secret().trim_end_matches(['\r', '\n']) {
            "" => Err(SecretError::Empty(self.clone())),
            password if password.contains(char::is_control) => Err(SecretError::Control(self.clone())),
            password => Ok(SecretString::from(password)),
        }
    }

    /// Reads a text of several lines, such as a certificate with its key, without the line break at its end.
    ///
    /// # Errors
    ///
    /// As [`SecretSource::resolve`], but any text is valid.
    pub fn resolve_text(&self, environment: &Environment) -> Result<SecretString, SecretError> {
        let text = self.text(environment)?;
        match text.expose_secret().trim_end_matches(['\r', '\n']) {
            "" => Err(SecretError::Empty(self.clone())),
            text => Ok(SecretString::from(text)),
        }
    }

    /// The content, as text.
    fn text(&self, environment: &Environment) -> Result<SecretString, SecretError> {
        let bytes = self.bytes(environment)?;
        let text = text_of(&bytes).ok_or_else(|| SecretError::Encoding(self.clone(), is_utf_16(&bytes)))?;
        Ok(SecretString::from(text))
    }

    fn bytes(&self, environment: &Environment) -> Result<Vec<u8>, SecretError> {
        match self {
            Self::Env(name) => match environment.get(name) {
                Some(value) => Ok(value.as_encoded_bytes().to_vec()),
                None => Err(SecretError::Unset(self.clone())),
            },
            Self::File(path) => self.read_file(path, environment),
            Self::Credential(name) => match environment.get(CREDENTIALS_DIRECTORY) {
                Some(directory) => self.read_file(&Path::new(directory).join(name), environment),
                None => Err(SecretError::NoCredentials(self.clone())),
            },
            Self::Stored(name) => {
                let failed = |reason: String| SecretError::Store { place: self.clone(), reason };
                let none = || failed("this command does not know the state directory".to_owned());
                let text = environment.store().ok_or_else(none)?.get(name).map_err(failed)?;
                Ok(text.expose_secret().as_bytes().to_vec())
            }
        }
    }

    fn read_file(&self, path: &Path, environment: &Environment) -> Result<Vec<u8>, SecretError> {
        let file = self.open(path, environment)?;
        let unreadable = |source| SecretError::Unreadable { place: self.clone(), source };
        let mut bytes = Vec::new();
        file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > SECRET_BYTES_MAX {
            return Err(SecretError::TooLarge(self.clone()));
        }
        Ok(bytes)
    }

    fn open(&self, path: &Path, environment: &Environment) -> Result<File, SecretError> {
        let unreadable = |source| SecretError::Unreadable { place: self.clone(), source };
        // Checked before opening: opening a pipe without a writer would wait for ever.
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
        Ok(file)
    }

    /// Secrets are read for each request, but this is logged only once.
    fn warn_once(&self) {
        static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let is_news = WARNED.lock().unwrap_or_else(PoisonError::into_inner).insert(self.name());
        if is_news {
            tracing::warn!(secret = %self, "secret file is readable by everyone: make the runtime give it \
                                            mode 0400");
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Env(name) | Self::Credential(name) | Self::Stored(name) => name.clone(),
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
            Self::Stored(_) => "stored secret",
        };
        write!(f, "{kind} {}", self.name())
    }
}

/// Checks a file with a secret that another program reads like one that is read here.
///
/// # Errors
///
/// If it cannot be read, is not a regular file, or can be read by everyone.
pub fn check_secret_file(path: &Path, environment: &Environment) -> Result<(), SecretError> {
    SecretSource::File(path.to_owned()).open(path, environment).map(drop)
}

/// Whether the file is where a container runtime or systemd puts secrets. Links and `..` are followed first.
fn is_handed_over(path: &Path, environment: &Environment) -> bool {
    let places = RUN_SECRETS.map(OsStr::new).into_iter().chain(environment.get(CREDENTIALS_DIRECTORY));
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let mut places = places.filter_map(|place| Path::new(place).canonicalize().ok());
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
