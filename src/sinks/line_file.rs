//! A file of lines that grows by whole lines only, each safe on disk before it is acknowledged.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::disk::Inode;

/// How much is read at a time in search of the last line break.
const STEP: u64 = 64 * 1024;

/// An open file of lines, readable by its owner only.
#[derive(Debug)]
pub struct LineFile {
    file: File,
    inode: Inode,
    path: PathBuf,
    /// Bytes of lines that are safe; anything after them was never acknowledged.
    len: u64,
    /// Whether something unacknowledged may follow `len`.
    torn: bool,
    /// The size of the file after our last write; if it differs now, another process has written to it.
    left: Option<u64>,
}

/// The end of a file of lines, and how much was written to it.
#[derive(Debug)]
pub struct Appending<'a> {
    file: &'a File,
    bytes: u64,
}

impl Write for Appending<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let written = self.file.write(piece)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// An exclusive advisory lock on a file, released on drop.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Locks an open file; waits while another process holds it.
    pub fn of(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        file.lock()?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The handle is a copy: closing it would not release the lock.
        let _ = self.0.unlock();
    }
}

impl LineFile {
    /// Opens a file that no other process writes to, and creates it if missing. An incomplete last line, left
    /// by a crash, is cut off.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut lines = Self::open_shared(path)?;
        lines.take_up()?;
        Ok(lines)
    }

    /// Opens a file that other processes may write to, creates it if missing, and changes nothing: what looks
    /// like half a line may be one that is being written. Lock it before `take_up`.
    pub fn open_shared(path: &Path) -> io::Result<Self> {
        let options = || OpenOptions::new().read(true).append(true).mode(0o600).clone();
        let file = loop {
            match options().create_new(true).open(path) {
                Ok(file) => {
                    // The file's name itself must survive a power failure, or its lines are lost with it.
                    file.sync_all()?;
                    File::open(parent(path))?.sync_all()?;
                    break file;
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => match options().open(path) {
                    // Another process removed it in between.
                    Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => {}
                    opened => break opened?,
                },
                Err(error) => return Err(error),
            }
        };
        let found = file.metadata()?;
        if !found.is_file() {
            // A pipe would accept lines until it is full, and keep none of them safe.
            return Err(io::Error::new(ErrorKind::InvalidFilename, "not a regular file"));
        }
        let inode = Inode::of(&found);
        Ok(Self { file, inode, path: path.to_owned(), len: 0, torn: false, left: None })
    }

    /// Finds the end of the lines, and cuts half a line after them, unless the file is as we left it. True if
    /// it was not. No other process may be writing to it meanwhile.
    pub fn take_up(&mut self) -> io::Result<bool> {
        let size = self.file.metadata()?.len();
        if self.left == Some(size) {
            return Ok(false);
        }
        self.len = end_of_lines(&self.file, size)?;
        self.torn = self.len < size;
        if self.torn {
            self.cut()?;
            tracing::warn!(path = %self.path.display(), bytes = size - self.len, "cut a torn last line");
        }
        self.left = Some(self.len);
        Ok(true)
    }

    /// Appends the whole lines that `write` writes, and returns once they are safe. After an error none of
    /// them is in the file, or they are removed before anything else is written.
    pub fn append(&mut self, write: impl FnOnce(&mut Appending<'_>) -> io::Result<()>) -> io::Result<()> {
        self.remove_torn()?;
        self.torn = true;
        let mut out = Appending { file: &self.file, bytes: 0 };
        let written = write(&mut out).and_then(|()| self.file.sync_data());
        let bytes = out.bytes;
        if let Err(error) = written {
            // Readers should not have to wait for the next write until half a line is removed.
            if self.remove_torn().is_err() {
                self.left = self.file.metadata().ok().map(|found| found.len());
            }
            return Err(error);
        }
        self.torn = false;
        self.len += bytes;
        self.left = Some(self.len);
        Ok(())
    }

    /// Removes anything unacknowledged from the file. Call it before changing to another file.
    pub fn remove_torn(&mut self) -> io::Result<()> {
        self.notice_cut()?;
        if self.torn { self.cut() } else { Ok(()) }
    }

    /// Notices that another process has made the file shorter, as logrotate's `copytruncate` does: writing at
    /// the old length would leave a hole.
    fn notice_cut(&mut self) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        if size < self.len {
            let (before, path) = (self.len, self.path.display());
            tracing::warn!(%path, before, bytes = size, "file truncated by another process: the lines after the cut are lost");
            self.len = end_of_lines(&self.file, size)?;
            self.torn = self.len < size;
        }
        Ok(())
    }

    /// Removes what follows the acknowledged lines.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.sync_data()?;
        self.torn = false;
        self.left = Some(self.len);
        Ok(())
    }

    /// Keeps other processes from writing to the file until the result is dropped; waits while one of them
    /// writes. The file may have been replaced or extended meanwhile, so call `in_place` and `take_up`
    /// afterwards.
    pub fn lock(&self) -> io::Result<Lock> {
        Lock::of(&self.file)
    }

    /// Bytes of acknowledged lines.
    pub fn size(&self) -> u64 {
        self.len
    }

    /// The path it was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to this file: nobody has moved or removed it.
    pub fn in_place(&self) -> bool {
        self.inode.is_at(&self.path)
    }

    /// Counts the lines of the file.
    pub fn count_lines(&self) -> io::Result<u64> {
        count_lines(&self.file)
    }
}

/// Counts the lines of a file by reading all of it.
pub fn count_lines(mut file: &File) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let mut piece = vec![0; STEP as usize];
    let mut count = 0;
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(count),
            read => count += memchr::memchr_iter(b'\n', &piece[..read]).count() as u64,
        }
    }
}

/// The directory that holds a path.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The position after the last line break, searched from the end.
fn end_of_lines(mut file: &File, size: u64) -> io::Result<u64> {
    let mut piece = Vec::new();
    let mut end = size;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        piece.clear();
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut piece)?;
        if let Some(at) = memchr::memrchr(b'\n', &piece) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn append(file: &mut LineFile, lines: &[u8]) -> io::Result<()> {
        file.append(|out| out.write_all(lines))
    }

    #[test]
    fn a_torn_last_line_is_cut_when_the_file_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let torn = "x".repeat(3 * STEP as usize);
        for (before, after) in
            [(format!("one\ntwo\n{torn}"), "one\ntwo\n"), (torn, ""), ("a\n".into(), "a\n")]
        {
            fs::write(&path, before).unwrap();
            assert_eq!(LineFile::open(&path).unwrap().size(), after.len() as u64);
            assert_eq!(fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn what_a_failed_write_left_is_removed_before_the_next_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = LineFile::open(&path).unwrap();
        append(&mut lines, b"one\n").unwrap();

        // Writes fail, and so does removing what they left: this handle may only read.
        let good = std::mem::replace(&mut lines.file, File::open(&path).unwrap());
        append(&mut lines, b"two\n").unwrap_err();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"tw").unwrap();

        lines.file = good;
        append(&mut lines, b"two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!((lines.size(), lines.count_lines().unwrap()), (8, 2));
    }

    #[test]
    fn a_file_that_was_cut_by_somebody_else_gets_no_hole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = LineFile::open(&path).unwrap();
        append(&mut lines, b"one\ntwo\n").unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();

        // The next write fails half way: only what it left is removed.
        let failed = lines.append(|out| {
            out.write_all(b"thr")?;
            Err(io::Error::other("broken on purpose"))
        });
        failed.unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"");
        append(&mut lines, b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        assert_eq!(lines.size(), 6);

        OpenOptions::new().write(true).open(&path).unwrap().set_len(2).unwrap();
        append(&mut lines, b"four\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n", "half a line is none");
    }

    #[test]
    fn a_pipe_in_place_of_the_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert_eq!(LineFile::open(&path).unwrap_err().kind(), ErrorKind::InvalidFilename);
    }

    #[test]
    fn a_moved_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let lines = LineFile::open(&path).unwrap();
        assert!(lines.in_place());
        fs::rename(&path, dir.path().join("moved")).unwrap();
        assert!(!lines.in_place());
        fs::write(&path, "").unwrap();
        assert!(!lines.in_place());
    }

    #[test]
    fn only_the_owner_may_read_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        LineFile::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
