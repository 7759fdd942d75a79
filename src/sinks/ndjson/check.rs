//! What `ccfd check` looks at: whether lines can be written, without writing one.

use std::sync::PoisonError;

use super::sink::{NdjsonOutput, OpenOutput, STDOUT};
use crate::{config::NdjsonDir, sinks::SinkError};

impl NdjsonOutput {
    /// Opens the target. A line for it.
    pub(super) fn check(&self) -> Result<String, SinkError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let OpenOutput { dir, stdout } = &mut *open;
        match &self.settings.dir {
            NdjsonDir::Dir(path) => {
                self.with_dir(path, dir, |dir, _| dir.look())?;
                Ok(format!("{}: writable", path.display()))
            }
            NdjsonDir::Stdout => self.with_stdout(stdout, |_| Ok(())).map(|()| format!("{STDOUT}: open")),
        }
    }
}
