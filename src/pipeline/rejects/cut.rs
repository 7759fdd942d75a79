//! Copies of records that were delivered with fields cut: limited in size per route, oldest removed
//! automatically. Records that wait for delivery are never among them.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::{Reject, RejectsError, kept, line, make_dir, shared_file::SharedFile};
use crate::sinks::line_file::count_lines;

/// The copies of one route: two files, each of at most half the limit. When the newer is full it replaces the
/// older.
pub(super) struct Cuts {
    newer: SharedFile,
    older: PathBuf,
    file_bytes_max: u64,
}

impl Cuts {
    /// The copies of a route below `dir`, which is created with the first of them.
    pub(super) fn new(dir: &Path, route: &str, bytes_max: u64) -> Self {
        let stem = line::stem(route);
        let newer = SharedFile::at(dir.join(format!("{stem}.ndjson")));
        Self { newer, older: dir.join(format!("{stem}.older.ndjson")), file_bytes_max: bytes_max / 2 }
    }

    /// The newer file.
    pub(super) fn path(&self) -> &Path {
        self.newer.path()
    }

    /// Saves copies. Returns how many were removed or dropped: older ones, and those larger than a file may
    /// be.
    pub(super) fn keep(&self, copies: &[Reject], time: &str, route: &str) -> Result<u64, RejectsError> {
        let path = self.newer.path();
        make_dir(path.parent().unwrap_or(Path::new(".")))?;
        let lines = line::RejectLines::of(copies, time, route)
            .map_err(|source| RejectsError::Io { path: path.to_owned(), source })?;
        let (mut at, mut gone) = (0, 0);
        while let Some(first) = lines.bytes().get(at) {
            if *first > self.file_bytes_max {
                (at, gone) = (at + 1, gone + 1);
                continue;
            }
            let kept = self.newer.with(|open| {
                let mut size = open.file.size();
                let fits = |bytes: &&u64| {
                    size += **bytes;
                    size <= self.file_bytes_max
                };
                let count = lines.bytes()[at..].iter().take_while(fits).count();
                if count == 0 {
                    gone += self.turn_over()?;
                    return Ok(0);
                }
                open.file.append(|out| lines.write_to(at..at + count, out))?;
                open.lines += count as u64;
                Ok(count)
            })?;
            at += kept;
        }
        Ok(gone)
    }

    /// Replaces the older file with the newer one, which is locked; returns how many copies the older one
    /// had. The older one is locked too: a process that is rewriting it would otherwise put it back over the
    /// newer one.
    fn turn_over(&self) -> io::Result<u64> {
        let locked = match kept::locked(&self.older) {
            Ok(locked) => Some(locked),
            // Only the owner of the newer file's lock creates one.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let gone = locked.as_ref().map_or(Ok(0), |(older, _lock)| count_lines(older))?;
        fs::rename(self.newer.path(), &self.older)?;
        Ok(gone)
    }
}
