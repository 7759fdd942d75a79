//! Errors of stored checkpoints.

use std::{io, path::PathBuf, time::Duration};

/// Why a checkpoint could not be read or written. After an error from a commit the stored checkpoint is
/// either the old or the new one, never a mixture; load it to find out. `Display` omits what `source`
/// returns.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process (or another store in this one) has the directory open.
    #[error("the state in {dir} is in use by {holder}{}", after_waiting(*waited))]
    Locked {
        /// The state directory.
        dir: PathBuf,
        /// Who has it open: command, process id, since when.
        holder: String,
        /// How long this process waited for it.
        waited: Duration,
    },
    /// The file system does not support locks.
    #[error(
        "{path} cannot be locked: the file system has no locks (a network file system without a lock manager?)"
    )]
    NoLocks {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later version of this program; nothing was changed.
    #[error("{what} has format version {found}, this program knows up to {known}: use the newer program")]
    Newer {
        /// The file or checkpoint.
        what: String,
        /// The version found.
        found: u64,
        /// The newest version that can be read.
        known: u64,
    },
    /// The store is damaged and there is no copy to recover from; all files were left in place.
    #[error("the checkpoints cannot be read and there is no usable copy of them ({reason}); kept at {kept}")]
    Unrecoverable {
        /// What was found.
        reason: String,
        /// Where the damaged store is.
        kept: PathBuf,
    },
    /// The store's files were made by another version of sled or with other settings; all files were left in
    /// place.
    #[error("{kept} cannot be used by this program: {reason}")]
    Foreign {
        /// What differs.
        reason: String,
        /// Where the store is.
        kept: PathBuf,
    },
    /// The open store was found to be damaged; the next open recovers what it can.
    #[error("the checkpoint store is damaged: {0}")]
    Damaged(String),
    /// The stored checkpoint is not the one that was loaded; nothing was changed.
    #[error("checkpoint {name} was changed since it was loaded")]
    Conflict {
        /// The checkpoint.
        name: String,
    },
    /// The checkpoint is sound but does not parse as the requested type.
    #[error("checkpoint {name} cannot be parsed")]
    NotUnderstood {
        /// The checkpoint.
        name: String,
        /// The parse error.
        source: serde_json::Error,
    },
    /// A name, a head, a key or a part is longer than can be stored.
    #[error("checkpoint {name}: {what} of {bytes} bytes, at most {bytes_max} can be stored")]
    TooLarge {
        /// The checkpoint.
        name: String,
        /// Which of its values.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The largest size allowed.
        bytes_max: usize,
    },
    /// A checkpoint's name is empty or contains a control character.
    #[error("{0:?} is not a checkpoint name")]
    InvalidName(String),
    /// The disk did not answer in time. Whether the change was made is unknown until the next load.
    #[error("{what} did not finish within {}s", after.as_secs())]
    TimedOut {
        /// What was being done.
        what: &'static str,
        /// The timeout.
        after: Duration,
    },
    /// An error of the operating system.
    #[error("{what}")]
    Io {
        /// The file, or what was being done.
        what: String,
        /// The error.
        source: io::Error,
    },
    /// The store was closed.
    #[error("the checkpoint store is closed")]
    Closed,
}

impl StateError {
    /// Adds the subject of an operating-system error.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }
}

/// How long was waited, if it is worth a word.
fn after_waiting(waited: Duration) -> String {
    match waited.as_secs() {
        0 => String::new(),
        seconds => format!(" (waited {seconds}s)"),
    }
}
