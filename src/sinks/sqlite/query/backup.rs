//! A copy of the database, made beside its place and put there once it is whole.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rusqlite::Connection;
use rustix::fs::OFlags;
use tempfile::TempPath;

use super::{QueryError, open};
use crate::sinks::{disk::Inode, sqlite::classify::beside};

/// What follows the name of a copy until it is whole. One that a kill has left is replaced by the next.
const UNFINISHED: &str = ".ccfd-unfinished";

/// Copies the database into a new file for its owner alone, as it is at this moment, and answers how large the copy is. A
/// daemon may write meanwhile. The file is there once it is whole: what fails or is killed leaves none of this name.
pub fn backup(path: &Path, copy: &Path) -> Result<u64, QueryError> {
    let connection = open(path)?;
    let copy = std::path::absolute(copy).unwrap_or_else(|_| copy.to_owned());
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::AlreadyExists => QueryError::Exists { path: copy.clone() },
        ErrorKind::WouldBlock => QueryError::Copying { path: copy.clone() },
        _ => QueryError::Copy { path: copy.clone(), source },
    };
    if copy.symlink_metadata().is_ok() {
        return Err(QueryError::Exists { path: copy });
    }
    let (unfinished, file) = begin(&copy).map_err(failed)?;
    fill(&connection, &unfinished)?;
    file.sync_all().map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    unfinished.persist_noclobber(&copy).map_err(|error| failed(error.error))?;
    let dir = copy.parent().unwrap_or(Path::new("/"));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
    Ok(bytes)
}

/// An empty file to be filled, for its owner alone (SQLite would make one that everybody may read), and locked until it is
/// closed: a second backup under the same name must not take it for one that a kill has left.
fn begin(copy: &Path) -> io::Result<(TempPath, File)> {
    let path = beside(copy, UNFINISHED);
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(no_follow)
        .open(&path)?;
    match file.try_lock() {
        // Opened just before it was given its own name, it is somebody's whole copy.
        Ok(()) if Inode::of(&file.metadata()?).is_at(&path) => {}
        Ok(()) | Err(TryLockError::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    file.set_len(0)?;
    match std::fs::remove_file(beside(&path, "-journal")) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    Ok((TempPath::try_from_path(path)?, file))
}

fn fill(connection: &Connection, unfinished: &Path) -> Result<(), QueryError> {
    let name = unfinished.to_str().ok_or_else(|| QueryError::Copy {
        path: unfinished.to_owned(),
        source: ErrorKind::InvalidFilename.into(),
    })?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}
