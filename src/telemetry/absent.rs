//! Builds without OpenTelemetry: nothing is sent, and a configuration that expects it gets a warning.

use std::time::Duration;

use super::Listener;
use crate::{config::TelemetrySettings, metrics::MetricsSnapshot};

/// Only whether telemetry is configured.
#[derive(Debug, Default)]
pub struct Telemetry {
    is_wanted: bool,
}

impl Telemetry {
    /// Reads the settings.
    pub fn begin(settings: &TelemetrySettings) -> Self {
        Self { is_wanted: settings.endpoint.is_some() }
    }

    /// There is none.
    pub fn listener(&mut self) -> Option<Listener> {
        None
    }

    /// Does nothing; warns if telemetry is configured.
    pub fn measure(&self, _: impl Fn() -> MetricsSnapshot + Send + Sync + 'static) {
        if self.is_wanted {
            tracing::warn!(
                "telemetry.endpoint has no effect: this ccfd is built without OpenTelemetry (cargo build --features otel)"
            );
        }
    }

    /// Does nothing.
    pub fn remember(&self) {}

    /// Does nothing.
    pub fn end(self, _: Duration) {}
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use super::*;

    #[test]
    fn a_build_without_opentelemetry_says_that_its_setting_has_no_effect() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let lines = Arc::new(log.reopen().unwrap());
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(lines).finish();
        tracing::subscriber::with_default(subscriber, || {
            for endpoint in [None, Some("http://127.0.0.1:4318".parse().unwrap())] {
                Telemetry::begin(&TelemetrySettings { endpoint })
                    .measure(|| -> MetricsSnapshot { unreachable!("nothing is measured") });
            }
        });
        let said = fs::read_to_string(log.path()).unwrap();
        assert!(said.lines().count() == 1 && said.contains("built without OpenTelemetry"), "{said}");
    }
}
