//! One process at a time: a locked file that tells others who has the state directory open, or uses files in
//! it.
//!
//! sled has its own lock, but takes it only after it has touched its files, and the cleanup before an open
//! would remove files from under a running daemon. So this lock comes first. The kernel releases it when the
//! process ends, so the content left by a dead process means nothing.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::{StateError, files};

const RETRY: Duration = Duration::from_millis(20);

#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    command: String,
    since: String,
}

/// The lock, released on drop.
#[derive(Debug)]
pub struct LockGuard {
    file: File,
}

/// Why the lock could not be taken.
#[derive(Debug)]
pub enum NotHeld {
    /// Who has it: command, process id, since when.
    ByOther(String),
    /// The lock call failed.
    Failed(io::Error),
}

impl LockGuard {
    /// Locks the file at a path, created if missing, and writes into it who has it. Waits at most `wait` for
    /// another process, and blocks the thread.
    pub fn at(path: &Path, command: &str, wait: Duration) -> Result<Self, NotHeld> {
        let file = files::open_private(path).map_err(NotHeld::Failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(NotHeld::Failed(error)),
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => return Err(NotHeld::ByOther(read(path))),
            }
        }
        let mut held = Self { file };
        // Best effort: on a full disk others learn only that the lock is taken, not by whom.
        let _ = held.sign(command);
        Ok(held)
    }

    /// The locked file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Takes the lock of `dir`, waiting at most `wait`; blocks the thread.
    pub(crate) fn take(dir: &Path, command: &str, wait: Duration) -> Result<Self, StateError> {
        let path = path_in(dir);
        Self::at(&path, command, wait).map_err(|why| match why {
            NotHeld::ByOther(holder) => StateError::Locked { dir: dir.to_owned(), holder, waited: wait },
            NotHeld::Failed(error) => not_locked(&path, error),
        })
    }

    fn sign(&mut self, command: &str) -> std::io::Result<()> {
        let holder = Holder {
            pid: std::process::id(),
            command: command.to_owned(),
            since: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        };
        self.file.set_len(0)?;
        self.file.write_all(&serde_json::to_vec(&holder)?)
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        // Best effort: the kernel releases the lock whatever the file contains.
        let _ = self.file.set_len(0);
    }
}

/// The error of a lock call that failed.
fn not_locked(path: &Path, error: io::Error) -> StateError {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    if code.is_some_and(|code| code == Errno::NOLCK || code == Errno::OPNOTSUPP) {
        return StateError::NoLocks { path: path.to_owned() };
    }
    StateError::io(path.display().to_string())(error)
}

/// The error for a directory that another process had open for all of `waited`.
pub(crate) fn locked(dir: &Path, waited: Duration) -> StateError {
    StateError::Locked { dir: dir.to_owned(), holder: read(&path_in(dir)), waited }
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    match read.ok().and_then(|_| serde_json::from_str::<Holder>(&text).ok()) {
        Some(Holder { pid, command, since }) => format!("`{command}` (process {pid}, since {since})"),
        None => "another process".to_owned(),
    }
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join("holder.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_locks_is_not_called_another_process() {
        for code in [Errno::NOLCK, Errno::OPNOTSUPP] {
            let error = not_locked(Path::new("state/holder.json"), code.into());
            assert!(matches!(error, StateError::NoLocks { .. }), "{error}");
        }
        let error = not_locked(Path::new("state/holder.json"), Errno::IO.into());
        assert!(matches!(error, StateError::Io { .. }), "{error}");
    }
}
