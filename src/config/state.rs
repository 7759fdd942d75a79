//! `[state]`: where progress is kept.

use std::{path::PathBuf, time::Duration};

use super::{
    section::Section,
    values::{MINUTE, path},
};

/// The state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSettings {
    /// Directory of the checkpoints, the rejects and `status.json`.
    pub dir: PathBuf,
    /// How long a start waits for another process to release the directory.
    pub lock_wait: Duration,
}

impl StateSettings {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let dir = section.required_place("dir", path);
        let lock_wait = section.duration("lock_wait", Duration::ZERO..=10 * MINUTE);
        section.finish();
        Some(Self { dir: dir?, lock_wait })
    }
}
