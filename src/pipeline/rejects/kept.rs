//! Reads rejects, and removes some of them while the daemon runs.

use std::{
    collections::HashSet,
    fmt,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, ErrorKind, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::{Path, PathBuf},
};

use collectors::IdHash;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Side,
    taken::{Place, is_taken},
};
use crate::sinks::{disk::Inode, line_file::Lock};

/// Identifies a line by the beginning of its hash, so that it stays the same when other lines are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LineKey([u8; 6]);

impl LineKey {
    fn of(line: &[u8]) -> Self {
        let mut key = [0; 6];
        key.copy_from_slice(&IdHash::of_bytes(line).0[..6]);
        Self(key)
    }
}

impl fmt::Display for LineKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// One line of a rejects file.
#[derive(Deserialize)]
pub struct KeptReject<'a> {
    /// When it was written, RFC 3339.
    pub time: &'a str,
    /// The route: `collector/sink`, followed by the window for a backfill.
    pub route: &'a str,
    /// The collector that read it.
    pub connector: &'a str,
    /// The table it was meant for.
    pub table: &'a str,
    /// Where it failed.
    pub side: Side,
    /// A fixed word for the reason.
    pub kind: String,
    /// The full reason. May contain content.
    pub reason: String,
    /// The record as received, on one line; a JSON string if it is not JSON.
    #[serde(borrow)]
    pub record: &'a RawValue,
}

impl KeptReject<'_> {
    /// The sink that refused it, or that it was meant for.
    pub fn sink(&self) -> &str {
        self.route.split('/').nth(1).unwrap_or_default()
    }

    /// Whether it can be sent again: not if it was never a usable record, and not if it was delivered with
    /// fields cut.
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

/// The rejects files below a directory, sorted. Empty if there is no such directory.
pub fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = paths(dir)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "ndjson"));
    files.sort();
    Ok(files)
}

fn paths(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.path())).collect(),
    }
}

/// The other lines of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherLines {
    /// Lines in an unknown format.
    pub strange: u64,
    /// Lines that were taken and remain until the file is rewritten.
    pub taken: u64,
}

/// Calls `each` with every complete line of a file, in order, until it returns an error. Skips lines in an
/// unknown format and lines that were taken.
pub fn read<E: From<io::Error>>(
    path: &Path,
    mut each: impl FnMut(LineKey, KeptReject<'_>) -> Result<(), E>,
) -> Result<OtherLines, E> {
    read_from(&File::open(path)?, |key, _, kept| each(key, kept))
}

pub(super) fn read_from<E: From<io::Error>>(
    file: &File,
    mut each: impl FnMut(LineKey, Place, KeptReject<'_>) -> Result<(), E>,
) -> Result<OtherLines, E> {
    let mut seen = OtherLines::default();
    each_line(file, |start, line| {
        if is_taken(line) {
            seen.taken += 1;
            return Ok(());
        }
        match (Place::of(line, start), serde_json::from_slice(line)) {
            (Some(place), Ok(kept)) => each(LineKey::of(line), place, kept),
            (None, _) | (Some(_), Err(_)) => {
                seen.strange += 1;
                Ok(())
            }
        }
    })?;
    Ok(seen)
}

/// Rewrites a file without the chosen lines and those taken before. The daemon may keep writing: lines it
/// adds are kept, and it waits while the file is replaced. A crash leaves either all lines or only the
/// remaining ones. Returns how many of the chosen lines were there; 0 if there is no file.
pub fn remove(path: &Path, chosen: &HashSet<LineKey>) -> io::Result<u64> {
    match locked(path) {
        Ok((file, _lock)) => rewrite(path, &file, chosen),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn rewrite(path: &Path, file: &File, chosen: &HashSet<LineKey>) -> io::Result<u64> {
    let new = unfinished(path);
    let written = write_left(&new, file, chosen);
    let replaced = written.and_then(|Written { lines, removed }| {
        if lines == 0 {
            fs::remove_file(&new)?;
            fs::remove_file(path)?;
        } else {
            fs::rename(&new, path)?;
        }
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(removed)
    });
    if replaced.is_err() {
        // If it replaced the original, this name no longer exists.
        let _ = fs::remove_file(&new);
    }
    replaced
}

struct Written {
    lines: u64,
    removed: u64,
}

fn write_left(new: &Path, file: &File, chosen: &HashSet<LineKey>) -> io::Result<Written> {
    let mut options = OpenOptions::new();
    let out = options.write(true).create(true).truncate(true).mode(0o600).open(new)?;
    give_to_owner_of(&out, &file.metadata()?)?;
    let mut left = BufWriter::new(out);
    let mut written = Written { lines: 0, removed: 0 };
    each_line(file, |_, line| {
        if is_taken(line) {
            return Ok(());
        }
        if chosen.contains(&LineKey::of(line)) {
            written.removed += 1;
            return Ok(());
        }
        written.lines += 1;
        left.write_all(line)?;
        left.write_all(b"\n")
    })?;
    left.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(written)
}

/// Gives a new file the owner of another one: after a rewrite by root, the daemon could otherwise not open
/// it.
pub fn give_to_owner_of(new: &File, other: &Metadata) -> io::Result<()> {
    let own = new.metadata()?;
    if (own.uid(), own.gid()) == (other.uid(), other.gid()) {
        return Ok(());
    }
    fchown(new, Some(other.uid()), Some(other.gid()))
}

/// The temporary name of a file during a rewrite. A kill leaves it behind, and the next rewrite overwrites
/// it.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("ndjson.new")
}

/// Removes temporary files that a kill left behind. No rewrite may be running.
pub fn remove_unfinished(dir: &Path) -> io::Result<()> {
    for path in paths(dir)? {
        if path.extension().is_some_and(|extension| extension == "new") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The file at the path, locked so that it is not replaced meanwhile.
pub(super) fn locked(path: &Path) -> io::Result<(File, Lock)> {
    loop {
        let file = File::open(path)?;
        let lock = Lock::of(&file)?;
        if Inode::of(&file.metadata()?).is_at(path) {
            return Ok((file, lock));
        }
    }
}

/// Calls `each` with every complete line and its offset.
fn each_line<E: From<io::Error>>(
    file: &File,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let (mut line, mut start) = (Vec::new(), 0);
    loop {
        let read = reader.read_until(b'\n', &mut line)? as u64;
        // A last line without a line break was never acknowledged, or is just being written.
        if read == 0 || line.pop() != Some(b'\n') {
            return Ok(());
        }
        each(start, &line)?;
        start += read;
        line.clear();
    }
}
