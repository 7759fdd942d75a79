//! Reads whole files.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Reads a regular file. A pipe or a device would block the reader until somebody writes to it.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    ensure_regular(path)?;
    let mut content = Vec::new();
    File::open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Reads a regular file that has at most so many bytes.
pub fn read_at_most(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    ensure_regular(path)?;
    let mut content = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {bytes_max} bytes")));
    }
    Ok(content)
}

/// Fails for anything but a regular file. Checked before opening, because opening a pipe already blocks.
pub fn ensure_regular(path: &Path) -> io::Result<()> {
    let found = path.metadata()?;
    if found.is_file() {
        return Ok(());
    }
    let kind = if found.is_dir() { io::ErrorKind::IsADirectory } else { io::ErrorKind::InvalidFilename };
    Err(io::Error::new(kind, "not a regular file"))
}
