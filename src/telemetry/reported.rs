//! An exporter whose failures are logged: the first at once, later ones summed.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{SpanData, SpanExporter},
};

use crate::log_throttle::LogThrottle;

/// The time between two lines about failures.
const FAILURES_INTERVAL: Duration = Duration::from_secs(300);

/// An exporter, and the failures that are not logged yet.
pub(super) struct Reported<E> {
    exporter: E,
    signal: &'static str,
    unlogged: Mutex<LogThrottle<u64>>,
}

impl<E> Reported<E> {
    /// Logs failures of this exporter.
    pub(super) fn new(exporter: E, signal: &'static str) -> Self {
        Self { exporter, signal, unlogged: Mutex::new(LogThrottle::new(FAILURES_INTERVAL)) }
    }

    fn report(&self, done: OTelSdkResult) -> OTelSdkResult {
        if done.is_err() {
            let mut unlogged = self.unlogged.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(failures) = unlogged.add(|failures| *failures += 1) {
                // The library's own text may contain the receiver's answer.
                let (signal, advice) =
                    (self.signal, "check telemetry.endpoint and that it accepts OTLP over HTTP");
                tracing::warn!(
                    signal,
                    failures,
                    advice,
                    "telemetry could not be sent; records are not affected"
                );
            }
        }
        done
    }
}

impl<E> fmt::Debug for Reported<E> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reported({})", self.signal)
    }
}

impl<E: SpanExporter> SpanExporter for Reported<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.report(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Reported<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.report(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
