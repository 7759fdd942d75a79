//! Lines that were taken out and still stand in their file: to write a large file anew after each batch would cost too
//! much, so a line that is taken is marked where it stands, and goes when the file is next written anew.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::Path,
};

use super::kept::{self, Kept, Key, Seen};

/// What the name of a line's first member begins with once the line is taken. One byte, so that a kill leaves no half of
/// it; and the line is still JSON.
const MARK: u8 = b'-';

/// Where a line is marked, in its file.
#[derive(Clone, Copy, Debug)]
pub struct Place(u64);

impl Place {
    /// That of a line which begins at `start`; `None` for what is no JSON object with a member.
    pub(super) fn of(line: &[u8], start: u64) -> Option<Self> {
        Some(Self(start + mark_at(line)? as u64))
    }
}

/// Whether a line was taken out.
pub(super) fn is_taken(line: &[u8]) -> bool {
    mark_at(line).and_then(|at| line.get(at)).is_some_and(|byte| *byte == MARK)
}

/// The first letter of the name of the first member.
fn mark_at(line: &[u8]) -> Option<usize> {
    let name = line.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    Some(line.len() - name.len())
}

/// A file of rejects out of which lines are taken while it is read. Others may add lines to it or move it away, and none may
/// write it anew meanwhile.
#[derive(Debug)]
pub struct Taking {
    file: File,
}

impl Taking {
    /// Opens a file; `None` when it is not there.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Ok(Some(Self { file })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands out each line that is not taken, in order, until `each` breaks off by an error.
    pub fn read<E: From<io::Error>>(
        &self,
        each: impl FnMut(Key, Place, Kept<'_>) -> Result<(), E>,
    ) -> Result<Seen, E> {
        kept::read_from(&self.file, each)
    }

    /// Takes lines out, and returns once that is safe: whatever happens afterwards, nobody reads them any more.
    pub fn take(&self, places: &[Place]) -> io::Result<()> {
        if places.is_empty() {
            return Ok(());
        }
        for Place(at) in places {
            self.file.write_all_at(&[MARK], *at)?;
        }
        self.file.sync_data()
    }
}
