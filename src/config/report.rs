//! What reading the settings finds, besides their values.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// What was found: the problems, and the keys that each section knows.
#[derive(Debug, Default)]
pub(super) struct ConfigReport {
    pub(super) problems: Vec<String>,
    /// The keys that were read, by the path of the section.
    pub(super) keys: BTreeMap<String, BTreeSet<String>>,
    /// Where relative paths begin; `None` if that is the working directory.
    pub(super) base: Option<PathBuf>,
}

impl ConfigReport {
    /// Adds a problem, once: one in `[default.collector]` is found again with every collector.
    pub(super) fn problem(&mut self, problem: String) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}
