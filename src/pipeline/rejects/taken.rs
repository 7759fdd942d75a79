//! Lines that were taken but are still in their file. Rewriting a large file after each batch would cost too
//! much, so a taken line is marked in place and removed at the next rewrite.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::Path,
};

use super::kept::{self, KeptReject, LineKey, OtherLines};

/// The first character of the name of a taken line's first member. A single byte, so that a kill cannot leave
/// half of it; and the line stays valid JSON.
const MARK: u8 = b'-';

/// Offset in the file at which a line is marked.
#[derive(Clone, Copy, Debug)]
pub struct Place(u64);

impl Place {
    /// For a line that begins at `start`; `None` unless it is a JSON object with a member.
    pub(super) fn of(line: &[u8], start: u64) -> Option<Self> {
        Some(Self(start + mark_at(line)? as u64))
    }
}

/// Whether a line was taken.
pub(super) fn is_taken(line: &[u8]) -> bool {
    mark_at(line).and_then(|at| line.get(at)).is_some_and(|byte| *byte == MARK)
}

/// Offset of the first character of the first member's name.
fn mark_at(line: &[u8]) -> Option<usize> {
    let name = line.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    Some(line.len() - name.len())
}

/// A rejects file from which lines are taken while it is read. Others may add lines or move it away, but must
/// not rewrite it meanwhile.
#[derive(Debug)]
pub struct Taking {
    file: File,
}

impl Taking {
    /// Opens a file; `None` if it does not exist.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Ok(Some(Self { file })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Calls `each` with every line that is not taken, in order, until it returns an error.
    pub fn read<E: From<io::Error>>(
        &self,
        each: impl FnMut(LineKey, Place, KeptReject<'_>) -> Result<(), E>,
    ) -> Result<OtherLines, E> {
        kept::read_from(&self.file, each)
    }

    /// Marks lines as taken, and returns once this is durable: after that nobody reads them again.
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
