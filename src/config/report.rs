//! What reading the settings brings to light, besides their values.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// What was found while reading: the problems, and the keys that each section knows.
#[derive(Debug, Default)]
pub(super) struct ConfigReport {
    pub(super) problems: Vec<String>,
    /// Keys asked for, by the path of the section.
    pub(super) keys: BTreeMap<String, BTreeSet<String>>,
    /// Where relative paths begin; `None` if that is the working directory.
    pub(super) base: Option<PathBuf>,
}

impl ConfigReport {
    /// Notes a problem, once: a fault in `[default.collector]` is met again with every collector.
    pub(super) fn problem(&mut self, problem: String) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}
