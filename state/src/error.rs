//! What can go wrong with the stored checkpoints.

use std::{io, path::PathBuf, time::Duration};

/// Why a checkpoint could not be read or written. After an error from a commit the stored checkpoint is
/// either the old or the new one, never a mixture; loading again tells which. Its text leaves out what `source` returns.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process (or another store in this one) has the directory open.
    #[error("the state in {dir} is in use by {holder} (waited {}s)", waited.as_secs())]
    Locked {
        /// The state directory.
        dir: PathBuf,
        /// Who holds it: command, process id, since when.
        holder: String,
        /// How long was waited for it.
        waited: Duration,
    },
    /// The file system lets nobody lock a file.
    #[error(
        "{path} cannot be locked: the file system has no locks (a network file system without a lock manager?)"
    )]
    NoLocks {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later version of this program; nothing was touched.
    #[error("{what} has format version {found}, this program knows up to {known}: use the newer program")]
    Newer {
        /// The file or checkpoint.
        what: String,
        /// The version found.
        found: u64,
        /// The newest version known.
        known: u64,
    },
    /// The store is damaged and there is no copy to recover from; everything was left where it was.
    #[error("the checkpoints cannot be read and there is no usable copy of them ({reason}); kept at {kept}")]
    Unrecoverable {
        /// What was found.
        reason: String,
        /// Where the damaged store lies.
        kept: PathBuf,
    },
    /// The store's files were made by another sled or with other settings; everything was left where it was.
    #[error("{kept} cannot be used by this program: {reason}")]
    Foreign {
        /// What differs.
        reason: String,
        /// Where the store lies.
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
    /// The checkpoint is sound but is not of the type asked for.
    #[error("checkpoint {name} cannot be parsed")]
    NotUnderstood {
        /// The checkpoint.
        name: String,
        /// What does not fit.
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
    /// A checkpoint's name is empty or holds a control character.
    #[error("{0:?} is not a checkpoint name")]
    InvalidName(String),
    /// The disk did not answer in time; whether the change was made is not known until the next load.
    #[error("{what} did not finish within {}s", after.as_secs())]
    TimedOut {
        /// What was being done.
        what: &'static str,
        /// The bound.
        after: Duration,
    },
    /// The operating system refused.
    #[error("{what}")]
    Io {
        /// The file, or what was being done.
        what: String,
        /// Its reason.
        source: io::Error,
    },
    /// The store was closed before.
    #[error("the checkpoint store is closed")]
    Closed,
}

impl StateError {
    /// Names what an operating-system error was about.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }
}
