//! Files that are read whole.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Reads a file, if it is one. A pipe or a device in its place would keep whoever reads it waiting for as long as nobody writes.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    ensure_regular(path)?;
    let mut content = Vec::new();
    File::open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Fails for whatever is no file. Looks before anything is opened: opening a pipe waits already.
pub fn ensure_regular(path: &Path) -> io::Result<()> {
    let found = path.metadata()?;
    if found.is_file() {
        return Ok(());
    }
    let kind = if found.is_dir() { io::ErrorKind::IsADirectory } else { io::ErrorKind::InvalidFilename };
    Err(io::Error::new(kind, "not a regular file"))
}
