//! The only file that uses sled 0.34: a sorted map of bytes with atomic, durable writes.
//!
//! What a durable store needs and sled does not do:
//! * leftovers of a snapshot torn by a kill make every later open fail, so they are removed first;
//! * `flush` only starts the write-out (`sync_file_range`), so `fsync` follows, here and on its blob files;
//! * `flush_async` can hang, so the blocking one is used, off the async threads;
//! * it panics on some damaged files, so every caller must expect a panic.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use sled::{Batch, Db, Mode};

use crate::{StateError, files};

/// Checkpoints are read once and then only written, so a larger cache would waste memory.
const CACHE_BYTES: u64 = 4 << 20;

/// Never change this: sled refuses to open a store made with another size. It is small because sled keeps
/// several such buffers. A page holds up to 17 values and moves to a file of its own, at the cost of two more
/// `fsync`s, once it exceeds a quarter of this: values of at most 1,600 bytes stay clear of that.
const SEGMENT_BYTES: usize = 128 << 10;

/// How long to wait for sled's own lock. Callers hold the lock of the state directory, so only a sled that
/// was closed in this process can have it; it is released when sled's other threads have finished.
const ENDING: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(20);

/// Why an operation of sled failed.
#[derive(Debug)]
pub(crate) enum EngineFault {
    /// sled's own lock was held for all of this time.
    Locked { waited: Duration },
    /// The file system does not support locks.
    NoLocks,
    /// sled found its files damaged.
    Damaged(String),
    /// The files were made by another version of sled, or with other settings.
    Foreign(String),
    /// An error of the operating system.
    Io(io::Error),
}

/// An open sled.
pub(crate) struct Engine {
    db: Db,
    log: File,
    dir: PathBuf,
    synced_blobs: HashSet<OsString>,
    writes: u64,
}

impl Engine {
    /// Opens the sled in `dir`, which must exist. Blocks the thread while a sled that was closed there
    /// finishes.
    pub(crate) fn open(dir: &Path) -> Result<Self, EngineFault> {
        let removed = remove_torn_snapshots(dir)?;
        if removed > 0 {
            tracing::debug!(removed, "removed snapshots torn by a kill");
        }
        let db = open_sled(dir)?;
        let log = File::open(dir.join("db"))?;
        let mut engine = Self { db, log, dir: dir.to_owned(), synced_blobs: HashSet::new(), writes: 0 };
        engine.sync()?;
        // A snapshot that the open renamed is durable only once its directory is.
        File::open(dir)?.sync_all()?;
        Ok(engine)
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineFault> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    /// All entries whose key starts with `prefix`, in key order.
    pub(crate) fn scan(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), EngineFault>> {
        self.db.scan_prefix(prefix).map(|entry| {
            let (key, value) = entry?;
            Ok((key.to_vec(), value.to_vec()))
        })
    }

    /// Writes or (for `None`) removes the values of each list in one step, one list after the other; all are durable when
    /// this returns.
    pub(crate) fn write<'a>(
        &mut self,
        lists: impl IntoIterator<Item = &'a [(Vec<u8>, Option<Vec<u8>>)]>,
    ) -> Result<(), EngineFault> {
        for changes in lists {
            let mut batch = Batch::default();
            for (key, value) in changes {
                match value {
                    Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                    None => batch.remove(key.as_slice()),
                }
            }
            self.db.apply_batch(batch)?;
        }
        self.writes += 1;
        // sled frees replaced pages lazily, and would keep up to 64 of them, some 8 MiB, per thread. They are
        // freed after two epochs, each of which takes a call.
        for _ in 0..3 {
            crossbeam_epoch::pin().flush();
        }
        self.sync()
    }

    /// How often something was written since it was opened.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    fn sync(&mut self) -> Result<(), EngineFault> {
        self.db.flush()?;
        self.sync_blobs()?;
        self.log.sync_data().map_err(EngineFault::Io)
    }

    /// sled moves large pages to files below `blobs/` and never syncs them.
    fn sync_blobs(&mut self) -> Result<(), EngineFault> {
        let dir = self.dir.join("blobs");
        let present: HashSet<OsString> =
            fs::read_dir(&dir)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
        if present == self.synced_blobs {
            return Ok(());
        }
        for name in present.difference(&self.synced_blobs) {
            match File::open(dir.join(name)) {
                Ok(blob) => blob.sync_all()?,
                // sled removes a blob as soon as nothing refers to it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        File::open(&dir)?.sync_all()?;
        self.synced_blobs = present;
        Ok(())
    }
}

fn open_sled(dir: &Path) -> Result<Db, EngineFault> {
    let config = sled::Config::new()
        .path(dir)
        .mode(Mode::LowSpace)
        .cache_capacity(CACHE_BYTES)
        .segment_size(SEGMENT_BYTES)
        .flush_every_ms(None);
    let start = Instant::now();
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if is_locked(&error) => {
                let waited = start.elapsed();
                if waited >= ENDING {
                    return Err(EngineFault::Locked { waited });
                }
                thread::sleep(RETRY);
            }
            Err(sled::Error::Io(error)) if is_without_locks(&error) => return Err(EngineFault::NoLocks),
            ended => return Ok(ended?),
        }
    }
}

/// Whether another process has the lock. A file system without locks fails with the same error kind and
/// another text.
fn is_locked(error: &io::Error) -> bool {
    let text = error.to_string();
    let asked = error.kind() == io::ErrorKind::Other && text.contains("could not acquire lock");
    asked && text.contains("WouldBlock")
}

fn is_without_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Other && error.to_string().contains("could not acquire lock")
}

impl From<sled::Error> for EngineFault {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => error.into(),
            sled::Error::Unsupported(reason) => Self::Foreign(reason),
            sled::Error::CollectionNotFound(_)
            | sled::Error::ReportableBug(_)
            | sled::Error::Corruption { .. } => Self::Damaged(error.to_string()),
        }
    }
}

impl From<io::Error> for EngineFault {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            // sled reports much damage as made-up I/O errors, and a missing blob as a missing file.
            Kind::Other | Kind::UnexpectedEof | Kind::InvalidData | Kind::InvalidInput | Kind::NotFound => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Io(error),
        }
    }
}

/// Moves sled's snapshots out of `dir`, so that the next open replays the whole log. Returns where they are
/// kept, or `None` if there were none.
pub(crate) fn set_snapshots_aside(dir: &Path) -> Result<Option<PathBuf>, StateError> {
    let failed = || StateError::io(dir.display().to_string());
    let snapshots = snapshots(dir).map_err(failed())?;
    if snapshots.is_empty() {
        return Ok(None);
    }
    let kept = files::aside(dir, "snapshots-damaged");
    files::create_dir(&kept)?;
    for name in snapshots {
        fs::rename(dir.join(&name), kept.join(&name)).map_err(failed())?;
    }
    files::sync_dir(&kept)?;
    files::sync_dir(dir)?;
    Ok(Some(kept))
}

fn remove_torn_snapshots(dir: &Path) -> io::Result<usize> {
    let torn = snapshots(dir)?.into_iter().filter(|name| name.to_string_lossy().ends_with(".generating"));
    let mut removed = 0;
    for name in torn {
        fs::remove_file(dir.join(name))?;
        removed += 1;
    }
    Ok(removed)
}

fn snapshots(dir: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with("snap.") {
            names.push(name);
        }
    }
    Ok(names)
}
