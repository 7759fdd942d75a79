//! One command at a time takes rejects: two that send the same ones would deliver them twice.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt as _, time::Duration};

use anyhow::{Context as _, anyhow};
use state::{LockGuard, NotHeld};

use crate::{
    config::Config,
    pipeline::{
        names::{CUT_DIR, REJECTS_DIR},
        rejects::kept,
    },
};

/// File name in the directory of rejects.
const LOCK: &str = ".retry.lock";

/// The lock of a command, released on drop, or by the kernel for a process that is killed.
pub(super) struct RejectsTurn {
    _held: LockGuard,
}

impl RejectsTurn {
    /// Takes the lock for a command, and cleans up after one that was killed; fails at once if another
    /// command has it. `None` if there are no rejects.
    pub(super) fn take(config: &Config, command: &str) -> anyhow::Result<Option<Self>> {
        let dirs = [REJECTS_DIR, CUT_DIR].map(|name| config.state.dir.join(name));
        if !dirs.iter().any(|dir| dir.exists()) {
            return Ok(None);
        }
        let [rejects, _] = &dirs;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(rejects);
        made.with_context(|| format!("cannot create {}", rejects.display()))?;
        let path = rejects.join(LOCK);
        let held = LockGuard::at(&path, command, Duration::ZERO).map_err(|why| match why {
            NotHeld::ByOther(holder) => anyhow!(
                "{holder} is working on the rejects: wait until it has \
                                                 finished"
            ),
            NotHeld::Failed(error) => anyhow!(error).context(format!("cannot lock {}", path.display())),
        })?;
        let given = rejects.metadata().and_then(|owned| kept::give_to_owner_of(held.file(), &owned));
        given.with_context(|| format!("cannot give {} to its owner", path.display()))?;
        for dir in &dirs {
            kept::remove_unfinished(dir).with_context(|| format!("cannot clear up {}", dir.display()))?;
        }
        Ok(Some(Self { _held: held }))
    }
}
