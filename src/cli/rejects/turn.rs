//! One command at a time takes out of the rejects: what two send at once would arrive twice.

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

/// Below the directory of rejects.
const LOCK: &str = ".retry.lock";

/// The turn of a command, given back when dropped. The kernel gives it back for a process that is killed.
pub(super) struct Turn {
    _held: LockGuard,
}

impl Turn {
    /// Takes it for a command, and clears up after one that was killed; fails at once while another one has it. `None` where
    /// nothing is kept.
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
