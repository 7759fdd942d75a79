//! In a build without OpenTelemetry: nothing leaves, and a configuration that wants it hears why.

use std::time::Duration;

use super::Listener;
use crate::{config::TelemetrySettings, metrics::MetricsSnapshot};

/// Nothing, but whether it was wanted.
#[derive(Debug, Default)]
pub struct Telemetry {
    is_wanted: bool,
}

impl Telemetry {
    /// Takes notice of what is wanted.
    pub fn begin(settings: &TelemetrySettings) -> Self {
        Self { is_wanted: settings.endpoint.is_some() }
    }

    /// Nobody listens.
    pub fn listener(&mut self) -> Option<Listener> {
        None
    }

    /// Measures nothing; says so if somebody expects it.
    pub fn measure(&self, _: impl Fn() -> MetricsSnapshot + Send + Sync + 'static) {
        if self.is_wanted {
            tracing::warn!(
                "telemetry.endpoint has no effect: this ccfd is built without OpenTelemetry (cargo build --features otel)"
            );
        }
    }

    /// Remembers nothing.
    pub fn remember(&self) {}

    /// Ends nothing.
    pub fn end(self, _: Duration) {}
}
