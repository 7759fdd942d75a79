//! `admin.json`: how commands of the same user reach a running daemon.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// File name in the state directory.
const ACCESS_FILE: &str = "admin.json";
/// Length of a generated token in bytes.
const TOKEN_BYTES: usize = 32;

/// Where a daemon listens, and its token.
#[derive(Debug)]
pub struct Access {
    /// Process id of the daemon.
    pub pid: u32,
    /// The configured address, with the actual port.
    pub listen: String,
    /// The generated token; `None` if the settings name one.
    pub token: Option<SecretString>,
}

#[derive(Serialize, Deserialize)]
struct AccessContent {
    version: u32,
    pid: u32,
    listen: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Access {
    /// A token that nobody can guess.
    pub fn make_token() -> Result<SecretString, aws_lc_rs::error::Unspecified> {
        let mut bytes = [0; TOKEN_BYTES];
        aws_lc_rs::rand::fill(&mut bytes)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Writes the file, readable by its owner only (temporary files are created with mode 0600).
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let content = AccessContent {
            version: 1,
            pid: self.pid,
            listen: self.listen.clone(),
            token: self.token.as_ref().map(|token| token.expose_secret().to_owned()),
        };
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer_pretty(&mut file, &content)?;
        file.write_all(b"\n")?;
        file.persist(path_in(dir)).map(drop).map_err(|error| error.error)
    }

    /// Reads the file; `None` if it does not exist.
    pub fn read(dir: &Path) -> io::Result<Option<Self>> {
        let bytes = match crate::files::read(&path_in(dir)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let AccessContent { pid, listen, token, .. } = serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::other(format!("{}: {error}", path_in(dir).display())))?;
        Ok(Some(Self { pid, listen, token: token.map(SecretString::from) }))
    }

    /// Removes the file, because the daemon no longer listens.
    pub fn remove(dir: &Path) {
        _ = std::fs::remove_file(path_in(dir));
    }
}

/// Whether a process with this id exists.
pub fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| match test_kill_process(pid) {
        Ok(()) => true,
        Err(error) => error == Errno::PERM,
    })
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join(ACCESS_FILE)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_for_its_owner_alone_and_debug_shows_no_token() {
        let dir = tempfile::tempdir().unwrap();
        let token = Access::make_token().unwrap();
        let access = Access { pid: 7, listen: "127.0.0.1:8750".to_owned(), token: Some(token.clone()) };
        access.write(dir.path()).unwrap();
        let mode = path_in(dir.path()).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = Access::read(dir.path()).unwrap().unwrap();
        assert_eq!(read.token.as_ref().map(ExposeSecret::expose_secret), Some(token.expose_secret()));
        assert!(!format!("{read:?}").contains(token.expose_secret()));
        assert_eq!(token.expose_secret().len(), 43);
    }

    #[test]
    fn two_tokens_are_never_the_same() {
        let (one, other) = (Access::make_token().unwrap(), Access::make_token().unwrap());
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
