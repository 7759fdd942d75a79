//! The directory of files: to which file a table is written now.

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use super::{
    encode::RecordLines,
    name::{self, FileName},
    retain::FileRetention,
};
use crate::{
    config::NdjsonSettings,
    sinks::{SinkError, disk, disk::Inode, line_file::LineFile},
    tables::{Tables, Text, utc_day},
};

/// The directory, locked for this process until this is dropped.
pub(super) struct Dir {
    path: PathBuf,
    inode: Inode,
    file_size_max: u64,
    tables: Tables,
    /// By table.
    current: BTreeMap<Text, (FileName, LineFile)>,
    keeper: FileRetention,
    /// The lock is on the directory itself: a lock file would be a file that readers do not expect.
    _lock: File,
}

impl Dir {
    /// Opens and locks the directory, and cuts torn last lines off the newest file of each table.
    pub(super) fn open(path: &Path, settings: &NdjsonSettings) -> Result<Self, SinkError> {
        let failed = |error| disk::failed(path, error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let lock = File::open(path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SinkError::Busy { path: disk::shown(path) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let dir = Self {
            path: path.to_owned(),
            inode: Inode::of(&lock.metadata().map_err(failed)?),
            file_size_max: settings.file_size_max,
            tables: settings.tables.clone(),
            current: BTreeMap::new(),
            keeper: FileRetention::new(settings),
            _lock: lock,
        };
        let names = name::all(path, &dir.tables)?;
        for table in &dir.tables {
            if let Some(newest) = names.iter().filter(|name| *name.table == *table.name).max() {
                dir.file(newest)?;
            }
        }
        Ok(dir)
    }

    /// Appends lines to their table's file of the day; returns once they are safe.
    pub(super) fn append(&mut self, lines: RecordLines<'_>, now: i64) -> Result<(), SinkError> {
        let table = &lines.batch.table;
        let first = FileName::first(table, utc_day(now));
        let adding = lines.bytes();
        if let Some((_, file)) = self.current.get_mut(&table.name) {
            file.remove_torn().map_err(|error| disk::failed(file.path(), error))?;
        }
        let (name, mut file) = match self.current.remove(&table.name) {
            Some((name, file)) if name.day == first.day && self.fits(&file, adding) => (name, file),
            Some(_) | None => self.file_of_the_day(first, adding)?,
        };
        let done = file.append(|out| lines.write_to(out)).map_err(|error| disk::failed(file.path(), error));
        // Kept after a failure as well, because it knows how much of it is acknowledged.
        self.current.insert(table.name.clone(), (name, file));
        done?;
        self.clear_up(now);
        Ok(())
    }

    /// Removes old files, if the settings say so and it is time; if nothing is being written, also the one
    /// written last.
    pub(super) fn clear_up(&mut self, now: i64) {
        let current: Vec<FileName> = self.current.values().map(|(name, _)| name.clone()).collect();
        self.keeper.clear_up(&self.path, &current, now);
        // Held open it would keep its space.
        self.current.retain(|_, (_, file)| file.in_place());
    }

    /// Proves that files can be created here, without leaving one.
    pub(super) fn look(&self) -> Result<(), SinkError> {
        tempfile::tempfile_in(&self.path).map(drop).map_err(|error| disk::failed(&self.path, error))
    }

    /// Whether the path still leads to this directory.
    pub(super) fn in_place(&self) -> bool {
        self.inode.is_at(&self.path)
    }

    /// Whether lines may be added to this file: there is room, or it is empty, and nobody has moved it.
    fn fits(&self, file: &LineFile, adding: u64) -> bool {
        let room = file.size() == 0 || file.size().saturating_add(adding) <= self.file_size_max;
        room && file.in_place()
    }

    /// The newest file of the day if the lines fit into it, otherwise the next one.
    fn file_of_the_day(&self, first: FileName, adding: u64) -> Result<(FileName, LineFile), SinkError> {
        let of_the_day = |name: &FileName| name.table == first.table && name.day == first.day;
        let newest =
            name::all(&self.path, &self.tables)?.into_iter().filter(of_the_day).max().unwrap_or(first);
        let file = self.file(&newest)?;
        if self.fits(&file, adding) {
            return Ok((newest, file));
        }
        let next = newest.next();
        let file = self.file(&next)?;
        Ok((next, file))
    }

    fn file(&self, name: &FileName) -> Result<LineFile, SinkError> {
        let path = self.path.join(name.text());
        LineFile::open(&path).map_err(|error| disk::failed(&path, error))
    }
}
