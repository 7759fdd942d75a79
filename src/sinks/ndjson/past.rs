//! Records that the files hold, read back for `ccfd rules test` and `ccfd usage --stored`.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, ErrorKind},
    path::Path,
};

use chrono::Days;
use collectors::{Record, TimeField};

use super::name;
use crate::{
    config::{LineShape, NdjsonSettings},
    sinks::{SinkError, disk},
    tables::{Table, utc_day},
};

/// Bytes read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// Hands out the records of a table since a second, in the order of their lines. Lines do not name their collector. A
/// directory that does not exist has none.
///
/// # Errors
///
/// If a file cannot be read, or if lines have the columns of the table in place of the record.
pub fn past_records(
    dir: &Path,
    settings: &NdjsonSettings,
    table: &Table,
    time: TimeField,
    since: i64,
    mut each: impl FnMut(Record) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    if settings.shape == LineShape::Table {
        let reason = "its lines have the columns of the table, and rules judge records as received; set `shape = \"record\"`";
        return Err(SinkError::Misplaced { path: disk::shown(dir), reason: reason.to_owned() });
    }
    past_lines(dir, settings, table, since, |line| match Record::read(line, time) {
        Ok(record) if record.second >= since => each(record),
        Ok(_) | Err(_) => Ok(()),
    })
}

/// Hands out the lines of a table in the files that may hold a record since a second, in their order, and other lines with
/// them. A directory that does not exist has none.
///
/// # Errors
///
/// If a file cannot be read.
pub fn past_lines(
    dir: &Path,
    settings: &NdjsonSettings,
    table: &Table,
    since: i64,
    mut each: impl FnMut(&[u8]) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    if !dir.exists() {
        return Ok(());
    }
    // A record is in the file of the day on which it was written: not long before its own, and maybe long after.
    let day = utc_day(since);
    let first = day.checked_sub_days(Days::new(1)).unwrap_or(day);
    let mut files = name::all(dir, &settings.tables)?;
    files.retain(|name| *name.table == *table.name && name.day >= first);
    files.sort();
    for name in files {
        let path = dir.join(name.text());
        let failed = |error| disk::failed(&path, error);
        let mut lines = match File::open(&path) {
            Ok(file) => BufReader::with_capacity(PIECE_BYTES, file),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
            each(&line)?;
            line.clear();
        }
    }
    Ok(())
}
