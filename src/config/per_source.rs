//! Keys that have a value for each source, such as `index = { audit_logs = "…", chat_completions = "…", health = "…" }`.

use config::Value;

use super::section::Section;
use super::values::Refusal;
use crate::tables::Source;

/// One value for each list of the API, and one for what ccfd says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerSource<T> {
    /// For `audit_logs`.
    pub audit_logs: T,
    /// For `chat_completions`.
    pub chat_completions: T,
    /// For the rows of `[health_table]`.
    pub health: T,
}

impl<T> PerSource<T> {
    /// Reads the table under `key`; what it leaves out is taken from the defaults.
    pub(super) fn read(
        section: &mut Section<'_>,
        key: &'static str,
        reader: impl Fn(&Value) -> Result<T, Refusal>,
    ) -> Option<Self> {
        section.nested(key, |section| {
            let audit_logs = section.required("audit_logs", &reader);
            let chat_completions = section.required("chat_completions", &reader);
            let health = section.required("health", &reader);
            Some(Self { audit_logs: audit_logs?, chat_completions: chat_completions?, health: health? })
        })
    }

    /// The value for a source.
    pub fn of(&self, source: Source) -> &T {
        match source {
            Source::AuditLogs => &self.audit_logs,
            Source::ChatCompletions => &self.chat_completions,
            Source::Health => &self.health,
        }
    }
}
