//! Reads the rejects again: what is there, and how some of it is taken out while the daemon runs.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use collectors::IdHash;
use serde::Deserialize;
use serde_json::value::RawValue;
use tempfile::NamedTempFile;

use super::Side;
use crate::sinks::line_file::Lock;

/// What names a line: the beginning of its hash, so that it stays the same when others are taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 6]);

impl Key {
    fn of(line: &[u8]) -> Self {
        let mut key = [0; 6];
        key.copy_from_slice(&IdHash::of_bytes(line).0[..6]);
        Self(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// One line of a file of rejects.
#[derive(Deserialize)]
pub struct Kept<'a> {
    /// When it was kept, RFC 3339.
    pub time: &'a str,
    /// The route: `collector/sink`, and for a backfill its window.
    pub route: &'a str,
    /// The collector that read it.
    pub connector: &'a str,
    /// The table it was meant for.
    pub table: &'a str,
    /// Where it failed.
    pub side: Side,
    /// A fixed word for the reason.
    pub kind: String,
    /// The reason in full. May repeat content.
    pub reason: String,
    /// The record as received, on one line; a JSON text where it is not JSON.
    #[serde(borrow)]
    pub record: &'a RawValue,
}

impl Kept<'_> {
    /// The sink that did not take it (or was not asked).
    pub fn sink(&self) -> &str {
        self.route.split('/').nth(1).unwrap_or_default()
    }

    /// Whether it may be sent again: not when it never was a usable record, and not when all but a few bytes of it
    /// have been delivered.
    pub fn can_be_sent(&self) -> bool {
        self.side == Side::Sink && self.kind != "cut"
    }

    /// The record's own id, if it has one.
    pub fn id(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        serde_json::from_str(self.record.get()).ok().map(|Named { id }| id)
    }
}

/// The files of rejects below a directory, in order. None when there is no such directory.
pub fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ndjson") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Hands out each whole line of a file, in order, until `each` breaks off by an error. A line that is not one of ours
/// is passed over and counted in the answer.
pub fn read<E: From<io::Error>>(
    path: &Path,
    mut each: impl FnMut(Key, Kept<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut strange = 0;
    each_line(&File::open(path)?, |line| match serde_json::from_slice(line) {
        Ok(kept) => each(Key::of(line), kept),
        Err(_) => {
            strange += 1;
            Ok(())
        }
    })?;
    Ok(strange)
}

/// Takes lines out of a file. The daemon may go on writing to it: what it adds is kept, and it waits while the file is
/// replaced. A crash leaves either all lines or those that were to be left. Answers how many lines were taken out.
pub fn remove(path: &Path, taken: &HashSet<Key>) -> io::Result<u64> {
    if taken.is_empty() {
        return Ok(0);
    }
    let (file, _lock) = locked(path)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut left = BufWriter::new(NamedTempFile::new_in(dir)?);
    let (mut lines, mut removed) = (0_u64, 0);
    each_line(&file, |line| {
        if taken.contains(&Key::of(line)) {
            removed += 1;
            return Ok(());
        }
        lines += 1;
        left.write_all(line)?;
        left.write_all(b"\n")
    })?;
    let left = left.into_inner().map_err(io::IntoInnerError::into_error)?;
    if lines == 0 {
        fs::remove_file(path)?;
    } else {
        left.as_file().sync_all()?;
        left.persist(path).map_err(|failed| failed.error)?;
    }
    File::open(dir)?.sync_all()?;
    Ok(removed)
}

/// The file that stands at the path, and keeps standing there.
fn locked(path: &Path) -> io::Result<(File, Lock)> {
    loop {
        let file = File::open(path)?;
        let lock = Lock::of(&file)?;
        if file.metadata()?.ino() == fs::metadata(path)?.ino() {
            return Ok((file, lock));
        }
    }
}

fn each_line<E: From<io::Error>>(file: &File, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        // A last line without its end was never acknowledged, or is just being written.
        if line.pop() != Some(b'\n') {
            break;
        }
        each(&line)?;
        line.clear();
    }
    Ok(())
}
