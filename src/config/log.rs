//! `[log]`: what the daemon says.

use tracing::Level;

use super::{section::Section, values::one_of};

/// The log, written to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The lowest level that is logged.
    pub level: Level,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For reading.
    Text,
    /// One JSON object a line.
    Json,
}

const LEVELS: &[(&str, Level)] = &[
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

const FORMATS: &[(&str, LogFormat)] =
    &[("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];

impl LogSettings {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let level = section.required("level", one_of(LEVELS));
        let format = section.required("format", one_of(FORMATS));
        section.finish();
        Some(Self { level: level?, format: format? })
    }
}
