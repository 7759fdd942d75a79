//! Private files that survive a power failure.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::StateError;

/// Creates `dir` and its parents with mode 0700; an existing directory keeps its mode.
pub(crate) fn create_dir(dir: &Path) -> Result<(), StateError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(StateError::io(dir.display().to_string()))
}

/// Fails for anything but a regular file. Checked before opening, because opening a pipe blocks until its
/// other end is opened.
pub(crate) fn ensure_regular(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidFilename, "not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens `path` for reading and writing. Creates it with mode 0600, and keeps existing content.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    ensure_regular(path)?;
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Replaces `path` in one step: a reader, or a start after a crash, sees either the old or the new content.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), StateError> {
    let new = path.with_extension("json.new");
    let write = || -> io::Result<()> {
        let mut file = open_private(&new)?;
        file.set_len(0)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(StateError::io(path.display().to_string()))?;
    sync_dir_of(path)
}

/// Moves `from` to `to`, durably.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StateError> {
    fs::rename(from, to).map_err(StateError::io(from.display().to_string()))?;
    sync_dir_of(to)
}

/// Makes the entries of `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StateError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(StateError::io(dir.display().to_string()))
}

/// Makes the files in `dir`, and its entries, durable.
pub(crate) fn sync_all_in(dir: &Path) -> Result<(), StateError> {
    let sync = || -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            File::open(entry?.path())?.sync_all()?;
        }
        Ok(())
    };
    sync().map_err(StateError::io(dir.display().to_string()))?;
    sync_dir(dir)
}

/// An unused name next to `path`: `<path>.<what>-<UTC time>`.
pub(crate) fn aside(path: &Path, what: &str) -> PathBuf {
    let time = chrono::Utc::now().format("%Y%m%dT%H%M%SZ");
    let stem = format!("{}.{what}-{time}", path.display());
    let mut free = PathBuf::from(&stem);
    for number in 2.. {
        if !free.exists() {
            break;
        }
        free = PathBuf::from(format!("{stem}.{number}"));
    }
    free
}

fn sync_dir_of(path: &Path) -> Result<(), StateError> {
    path.parent().map_or(Ok(()), sync_dir)
}
