//! What the sinks that write files share: free space, and the meaning of the operating system's errors.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::{
    fs::{FlockOperation, fcntl_lock},
    io::Errno,
    process::{Resource, getrlimit},
};

use super::SinkError;

/// A write that ends this close to the limit fails at it.
const NEAR_LIMIT: u64 = 64 << 10;

/// Bytes that an ordinary user may still write to the file system of `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Fails when fewer than `free_min` bytes are free on the file system of `path` (which exists).
pub(crate) fn ensure_free(path: &Path, free_min: u64) -> Result<(), SinkError> {
    let free = free_bytes(path).map_err(|error| failed(path, error))?;
    if free < free_min {
        return Err(SinkError::DiskFull { path: shown(path), free, wanted: free_min });
    }
    Ok(())
}

/// Identifies a file or directory, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inode(u64, u64);

impl Inode {
    /// That of what `found` describes.
    pub(crate) fn of(found: &Metadata) -> Self {
        Self(found.dev(), found.ino())
    }

    /// Whether `path` still leads to it. Otherwise someone moved or removed it, and what is written to it is
    /// lost.
    pub(crate) fn is_at(self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|found| Self::of(&found) == self)
    }
}

/// Sorts an error of the operating system by what helps: more space, other settings, or time.
pub(crate) fn failed(path: &Path, source: io::Error) -> SinkError {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => full(path),
        ErrorKind::PermissionDenied
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::NotSeekable
        | ErrorKind::ReadOnlyFilesystem => {
            SinkError::Misplaced { path: shown(path), reason: source.to_string() }
        }
        ErrorKind::BrokenPipe => SinkError::Closed { path: shown(path) },
        ErrorKind::FileTooLarge => SinkError::SizeLimit { path: shown(path) },
        _ if has_no_locks(&source) => no_locks(path),
        _ => SinkError::Io { path: shown(path), source },
    }
}

/// Whether the error says that there are no locks: usually a network file system without a lock manager.
pub(super) fn has_no_locks(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    code.is_some_and(|code| code == Errno::NOLCK || code == Errno::OPNOTSUPP)
}

/// The error for a file system without locks.
pub(super) fn no_locks(path: &Path) -> SinkError {
    let reason = "the file system has no locks (a network file system without a lock manager?)";
    SinkError::Misplaced { path: shown(path), reason: reason.to_owned() }
}

/// Creates the file of a database for its owner only, if it does not exist: SQLite itself would make it readable by
/// everyone, and gives the files next to it the same permissions.
pub(crate) fn create_private(path: &Path, free_min: u64) -> Result<(), SinkError> {
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        ensure_free(parent, free_min)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(path, error)),
    }
}

/// Whether a database can lock its file on the file system of `path`. Tried on a file without a name, because
/// a process loses its lock when it closes any descriptor of the same file.
pub(super) fn lets_lock(path: &Path) -> bool {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let locked = tempfile::tempfile_in(dir)
        .and_then(|file| Ok(fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)?));
    !locked.is_err_and(|error| has_no_locks(&error))
}

/// Whether a file has reached this process's limit on the size of a file.
pub(super) fn at_size_limit(path: &Path) -> bool {
    let limit = getrlimit(Resource::Fsize).current;
    let size = std::fs::metadata(path).map_or(0, |found| found.len());
    limit.is_some_and(|limit| size.saturating_add(NEAR_LIMIT) >= limit)
}

/// The system's error if no more files can be opened. SQLite hides it and says that it cannot open the
/// database; so a file that certainly exists is opened and closed again.
pub(super) fn no_descriptors() -> Option<io::Error> {
    File::open("/").err().filter(lacks_descriptors)
}

/// Whether the error says that this process, or the machine, has as many files open as allowed.
pub fn lacks_descriptors(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    code.is_some_and(|code| code == Errno::MFILE || code == Errno::NFILE)
}

/// The error for a write that ran out of space although enough was free just before.
pub(super) fn full(path: &Path) -> SinkError {
    let free = free_bytes(path).unwrap_or(0);
    SinkError::DiskFull { path: shown(path), free, wanted: free.saturating_add(1) }
}

/// A path in an error text.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The path from the root, so that a sink's identity does not depend on the working directory.
pub(crate) fn absolute(path: &Path) -> String {
    shown(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}
