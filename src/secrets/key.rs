//! Where the key is kept: where the settings say, else in a file of its own beside the state, made at first use.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use tempfile::NamedTempFile;

use super::seal::{KEY_BYTES, Sealer};
use crate::{
    config::{Environment, SecretError, SecretSource, StateSettings},
    reasons::with_reasons,
};

/// The name of the file in the state directory.
pub const KEY_FILE: &str = "secrets.key";

/// Why there is no key. Names its place, never its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("the key of the stored secrets: {}", with_reasons(.0))]
    Unreadable(SecretError),
    /// It has another form.
    #[error(
        "the key of the stored secrets: {0} is not 32 bytes as base64 or hexadecimal digits; make one with `openssl rand -base64 32`"
    )]
    Form(SecretSource),
    /// Secrets were stored, and the file with their key is gone.
    #[error(
        "the key of the stored secrets is gone: {}; put it back, from a backup, or name its place in `[state] secrets_key`. If it is lost, \
         remove the secrets with `ccfd secrets remove --all`, and set them again",
        .0.display()
    )]
    Gone(PathBuf),
    /// It cannot be made.
    #[error("the key of the stored secrets cannot be written to {}: {reason}", .file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        reason: String,
    },
}

/// Where the key is.
#[derive(Clone, Debug)]
pub(super) struct KeyPlace {
    named: Option<SecretSource>,
    file: PathBuf,
}

impl KeyPlace {
    pub(super) fn of(settings: &StateSettings) -> Self {
        Self { named: settings.secrets_key.clone(), file: settings.dir.join(KEY_FILE) }
    }

    /// For messages.
    pub(super) fn source(&self) -> SecretSource {
        self.named.clone().unwrap_or_else(|| SecretSource::File(self.file.clone()))
    }

    /// Reads the key. One that nobody named is made if no secret needs an earlier one.
    pub(super) fn sealer(&self, environment: &Environment, is_needed: bool) -> Result<Sealer, KeyError> {
        let source = self.source();
        if self.named.is_none() && !self.file.exists() {
            if is_needed {
                return Err(KeyError::Gone(self.file.clone()));
            }
            self.make().map_err(|error| KeyError::Unwritable {
                file: self.file.clone(),
                reason: error.to_string(),
            })?;
        }
        let text = source.resolve(environment).map_err(KeyError::Unreadable)?;
        decoded(&text).and_then(|key| Sealer::new(key.expose_secret())).ok_or(KeyError::Form(source))
    }

    /// Makes the file, whole or not at all; if another process makes one at the same time, one of the two remains.
    fn make(&self) -> io::Result<()> {
        let dir = self.file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let mut key = SecretBox::new(Box::new([0; KEY_BYTES]));
        rand::fill(secrecy::ExposeSecretMut::expose_secret_mut(&mut key))
            .map_err(|_| io::Error::other("the system has no random numbers"))?;
        let text = SecretString::from(STANDARD.encode(key.expose_secret()) + "\n");
        // Only its owner can read a temporary file.
        let mut beside = NamedTempFile::with_prefix_in(KEY_FILE, dir)?;
        beside.write_all(text.expose_secret().as_bytes())?;
        beside.as_file().sync_all()?;
        match beside.persist_noclobber(&self.file) {
            Ok(_) => File::open(dir)?.sync_all(),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    }
}

/// The bytes of a key: base64 or hexadecimal digits.
fn decoded(text: &SecretString) -> Option<SecretBox<[u8; KEY_BYTES]>> {
    let text = text.expose_secret();
    let bytes = if text.len() == 2 * KEY_BYTES {
        let digit = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        (0..text.len()).step_by(2).map(digit).collect::<Option<Vec<u8>>>()?
    } else {
        STANDARD.decode(text).ok()?
    };
    let key = <[u8; KEY_BYTES]>::try_from(bytes).ok()?;
    Some(SecretBox::new(Box::new(key)))
}
