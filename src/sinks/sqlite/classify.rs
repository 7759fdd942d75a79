//! What the database's error codes mean for a batch.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Error, ErrorCode};

use crate::sinks::{SinkError, disk};

/// Why a statement failed.
pub(super) enum DatabaseFault {
    /// The row's own fault: its neighbours can be stored.
    Row(String),
    /// Nothing can be stored now.
    Database(SinkError),
}

/// Judges the failure of one insertion. The statement was compiled just before, for the current tables, so a
/// general error code comes from the row, such as a trigger that parses it as JSON.
pub(super) fn of_row(path: &Path, error: Error) -> DatabaseFault {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch | ErrorCode::Unknown,
        ) => DatabaseFault::Row(error.to_string()),
        _ => DatabaseFault::Database(of_database(path, error)),
    }
}

/// A file that the database keeps next to its own.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Judges any other failure: opening, beginning, committing, cleaning up.
pub(crate) fn of_database(path: &Path, error: Error) -> SinkError {
    let shown = disk::shown(path);
    let code = error.sqlite_error_code();
    if matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure))
        && let Some(source) = disk::no_descriptors()
    {
        return SinkError::Io { path: shown, source };
    }
    match code {
        Some(ErrorCode::DiskFull) => disk::full(path),
        // SQLite also says busy if there are no locks.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) if !disk::lets_lock(path) => {
            disk::no_locks(path)
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SinkError::Busy { path: shown },
        Some(ErrorCode::SystemIoFailure)
            if disk::at_size_limit(path) || disk::at_size_limit(&beside(path, "-wal")) =>
        {
            SinkError::SizeLimit { path: shown }
        }
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::SchemaChanged,
        ) => SinkError::Io { path: shown, source: io::Error::other(error.to_string()) },
        _ => SinkError::Misplaced { path: shown, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn failure(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn faults_of_the_database_are_never_blamed_on_a_row() {
        let path = Path::new("/");
        for code in
            [ffi::SQLITE_FULL, ffi::SQLITE_IOERR, ffi::SQLITE_BUSY, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOMEM]
        {
            assert!(matches!(of_row(path, failure(code)), DatabaseFault::Database(_)), "{code}");
        }
        for code in
            [ffi::SQLITE_CONSTRAINT_CHECK, ffi::SQLITE_TOOBIG, ffi::SQLITE_ERROR, ffi::SQLITE_MISMATCH]
        {
            assert!(matches!(of_row(path, failure(code)), DatabaseFault::Row(_)), "{code}");
        }
    }

    #[test]
    fn faults_of_the_database_say_what_helps() {
        let path = Path::new("/");
        assert!(matches!(of_database(path, failure(ffi::SQLITE_FULL)), SinkError::DiskFull { .. }));
        assert!(matches!(of_database(path, failure(ffi::SQLITE_BUSY_SNAPSHOT)), SinkError::Busy { .. }));
        assert!(matches!(of_database(path, failure(ffi::SQLITE_IOERR_FSYNC)), SinkError::Io { .. }));
        assert!(matches!(of_database(path, failure(ffi::SQLITE_READONLY)), SinkError::Misplaced { .. }));
        assert!(matches!(of_database(path, failure(ffi::SQLITE_CORRUPT)), SinkError::Misplaced { .. }));
    }
}
