//! Proves for a past window that the source and a sink agree, or names every difference.
//!
//! 1. The window must be closed: before the watermark, and older than what may still appear. (`window`)
//! 2. The source is read over it by the reader of a backfill, into a *ledger*: a temporary database with the id, second and
//!    hash of each record. (`ledger`)
//! 3. Source and sink give a digest of each hour: rows, distinct ids, XOR of their hashes.
//!    (`sinks/comparable.rs`)
//! 4. Only where these differ are the sink's rows fetched, into the ledger too. (`compare`)
//! 5. Each difference gets a class, and a reason if one is known. (`difference`)
//! 6. With `--repair` the window is read once more, and the missing records go through the real sink. (`repair`)
//! 7. The report says what was compared, how to repeat it, and what cannot be seen; each names the hash of the one before.
//!    (`report`, `chain`)
//!
//! Nothing here knows settings or commands: `daemon/verification/` puts it together.

pub mod chain;
pub mod compare;
pub mod difference;
pub mod ledger;
pub mod repair;
pub mod repaired;
pub mod report;
pub mod verdict;
pub mod window;

use std::path::{Path, PathBuf};

/// The folder of the state directory with the reports, their chain, and what runs need.
pub const DIR: &str = "verify";
/// How the folder of a run begins.
const RUN_PREFIX: &str = "run-";

/// The folder of a run, which is removed at its end.
pub fn run_dir(state_dir: &Path, run: &str) -> PathBuf {
    state_dir.join(DIR).join(format!("{RUN_PREFIX}{run}"))
}

/// Removes the folders of runs that were killed. No run may be in progress.
pub fn remove_leftovers(state_dir: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(state_dir.join(DIR)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(RUN_PREFIX) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
