//! A file of lines that other processes may add to, remove lines from, or move away.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::RejectsError;
use crate::sinks::line_file::{LineFile, Lock};

/// The file at a path, created when first needed.
pub(super) struct SharedFile {
    path: PathBuf,
    open: Mutex<Option<OpenFile>>,
}

/// The file that is currently at the path.
pub(super) struct OpenFile {
    /// The file.
    pub file: LineFile,
    /// Lines in it.
    pub lines: u64,
}

impl SharedFile {
    /// Opens nothing yet.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, open: Mutex::default() }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Uses the file while no other process does. It is opened if needed, and again after it was moved away
    /// (which is how an operator empties it) or rewritten.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut OpenFile) -> io::Result<T>,
    ) -> Result<T, RejectsError> {
        let mut held = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let worked = self.in_place(&mut held).and_then(|(open, _lock)| work(open));
        worked.map_err(|source| RejectsError::Io { path: self.path.clone(), source })
    }

    /// The file at the path, locked so that it stays there. Nothing is changed before the lock, because the
    /// last line may be one that another process is just writing.
    fn in_place<'h>(&self, held: &'h mut Option<OpenFile>) -> io::Result<(&'h mut OpenFile, Lock)> {
        let mut open = held.take();
        loop {
            let mut next = match open.take() {
                Some(open) => open,
                None => OpenFile { file: LineFile::open_shared(&self.path)?, lines: 0 },
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
