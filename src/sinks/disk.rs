//! What the sinks that write files share: free space, the meaning of the system's errors, work off the async threads.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::SinkError;

/// Bytes that an ordinary user may still write to the file system of `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Fails when fewer than `free_min` bytes are free where `path` (which exists) stands.
pub(super) fn ensure_free(path: &Path, free_min: u64) -> Result<(), SinkError> {
    let free = free_bytes(path).map_err(|error| failed(path, error))?;
    if free < free_min {
        return Err(SinkError::DiskFull { path: shown(path), free, wanted: free_min });
    }
    Ok(())
}

/// What tells one file or directory from another, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode(u64, u64);

impl Inode {
    /// That of what `found` describes.
    pub(super) fn of(found: &Metadata) -> Self {
        Self(found.dev(), found.ino())
    }

    /// Whether `path` still leads to it. When somebody moved or removed it, what is written there is lost to them.
    pub(super) fn stands_at(self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|found| Self::of(&found) == self)
    }
}

/// Sorts an error of the operating system by what helps: space, the settings, or time.
pub(super) fn failed(path: &Path, source: io::Error) -> SinkError {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => full(path),
        ErrorKind::PermissionDenied
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::ReadOnlyFilesystem => {
            SinkError::Misplaced { path: shown(path), reason: source.to_string() }
        }
        _ => SinkError::Io { path: shown(path), source },
    }
}

/// The error for a write that ran out of space although enough was free just before.
pub(super) fn full(path: &Path) -> SinkError {
    let free = free_bytes(path).unwrap_or(0);
    SinkError::DiskFull { path: shown(path), free, wanted: free.saturating_add(1) }
}

/// A path in an error text.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The path from the root, so that a sink's identity does not depend on the working directory.
pub(super) fn absolute(path: &Path) -> String {
    shown(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// Runs blocking work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, SinkError> + Send + 'static,
) -> Result<T, SinkError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) => Err(SinkError::Io { path: shown(path), source: io::Error::other(stopped) }),
    }
}
