//! `[detect]`: what becomes of the alerts that a sink of type detect raises.

use super::{section::Section, values::texts};

/// Where the alerts go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertSettings {
    /// The names of the sinks that get them. Each is configured, stores rows, and is named once.
    pub sinks: Vec<String>,
}

impl AlertSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let sinks = section.optional("alerts", texts).unwrap_or_default();
        section.finish();
        Self { sinks }
    }
}
