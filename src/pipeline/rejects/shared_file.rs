//! A file of lines at a path where other processes take lines out, add some, or move the file away.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::RejectsError;
use crate::sinks::line_file::{LineFile, Lock};

/// The file at a path, made when it is first needed.
pub(super) struct SharedFile {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

/// The file that stands there now.
pub(super) struct Open {
    /// The file.
    pub file: LineFile,
    /// Lines in it.
    pub lines: u64,
}

impl SharedFile {
    /// The file at this path; opens nothing yet.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, open: Mutex::default() }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Works on the file while no other process does. It is opened if need be, and again when it was moved away or
    /// rewritten: that is how a person empties it.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Open) -> io::Result<T>) -> Result<T, RejectsError> {
        let mut held = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let worked = self.in_place(&mut held).and_then(|(open, _lock)| work(open));
        worked.map_err(|source| RejectsError::Io { path: self.path.clone(), source })
    }

    /// The file that stands at the path, locked so that it stays there. Nothing in it is changed before that: the last
    /// line may be one that another process is just writing.
    fn in_place<'h>(&self, held: &'h mut Option<Open>) -> io::Result<(&'h mut Open, Lock)> {
        let mut open = held.take();
        loop {
            let mut next = match open.take() {
                Some(open) => open,
                None => Open { file: LineFile::open_shared(&self.path)?, lines: 0 },
            };
            let lock = next.file.lock()?;
            if !next.file.in_place() {
                continue;
            }
            if next.file.take_up()? {
                next.lines = next.file.count_lines()?;
            }
            return Ok((held.insert(next), lock));
        }
    }
}
