//! `[state]`: where progress is kept.

use std::{path::PathBuf, time::Duration};

use super::{
    SecretSource,
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
    /// Where the key of the stored secrets is kept; `None` for a file beside the state, made at first use.
    pub secrets_key: Option<SecretSource>,
}

impl StateSettings {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let dir = section.required_place("dir", path);
        let lock_wait = section.duration("lock_wait", Duration::ZERO..=10 * MINUTE);
        let secrets_key = section.optional_place("secrets_key", SecretSource::read);
        if let Some(SecretSource::Stored(_)) = secrets_key {
            section.problem("secrets_key", "the key of the stored secrets is not one of them");
        }
        section.finish();
        Some(Self { dir: dir?, lock_wait, secrets_key })
    }
}
