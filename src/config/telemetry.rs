//! `[telemetry]`: where traces and metrics go.

use url::Url;

use super::{section::Section, urls::receiver};

/// The receiver, which speaks OpenTelemetry's protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// Its base URL, below which each signal has its path; `None` for no telemetry.
    pub endpoint: Option<Url>,
}

impl TelemetrySettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let endpoint = section.optional("endpoint", receiver);
        section.finish();
        Self { endpoint }
    }
}
