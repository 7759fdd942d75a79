//! Sends spans and metrics to a receiver.

use std::{
    env,
    error::Error,
    sync::{Arc, OnceLock, mpsc::sync_channel},
    thread,
    time::Duration,
};

use opentelemetry::{KeyValue, metrics::MeterProvider as _, trace::TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream},
    trace::{BatchSpanProcessor, SdkTracerProvider},
};
use tracing_subscriber::{Layer as _, filter::filter_fn};

use super::{
    Listener,
    instruments::{self, Look},
    reported::Reported,
};
use crate::{config::TelemetrySettings, metrics::MetricsSnapshot};

/// How long the end of the process waits for what is not sent yet.
const END_WAIT: Duration = Duration::from_secs(3);

/// The most series per metric: those of a few thousand routes. The library would merge those above 2,000.
const SERIES_MAX: usize = 100_000;

/// What is sent, and where to.
#[derive(Default)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    look: OnceLock<Arc<Look>>,
    /// Why a configured signal is not sent.
    wrong: Vec<String>,
}

impl Telemetry {
    /// Prepares what the settings or OpenTelemetry's environment variables request; the variables take
    /// precedence. Nothing is sent yet.
    pub fn begin(settings: &TelemetrySettings) -> Self {
        let mut telemetry = Self::default();
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return telemetry;
        }
        match traces(settings) {
            Ok(traces) => telemetry.traces = traces,
            Err(error) => telemetry.wrong.push(error.to_string()),
        }
        match metrics(settings) {
            Ok(metrics) => telemetry.metrics = metrics,
            Err(error) => telemetry.wrong.push(error.to_string()),
        }
        telemetry
    }

    /// The layer that turns spans into traces.
    pub fn listener(&mut self) -> Option<Listener> {
        let tracer = self.traces.as_ref()?.tracer("ccfd");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            // No other code here uses OpenTelemetry's context.
            .with_context_activation(false);
        let is_ours = filter_fn(|of| of.is_span() && of.target() == "telemetry")
            .with_max_level_hint(tracing::level_filters::LevelFilter::DEBUG);
        Some(Box::new(layer.with_filter(is_ours)))
    }

    /// Calls `snapshot` whenever metrics are sent. Logs what is sent, and what is not.
    pub fn measure(&self, snapshot: impl Fn() -> MetricsSnapshot + Send + Sync + 'static) {
        for error in &self.wrong {
            let advice = "correct telemetry.endpoint, or the variables OTEL_EXPORTER_OTLP_…";
            tracing::error!(error, advice, "no telemetry is sent");
        }
        let (traces, metrics) = (self.traces.is_some(), self.metrics.is_some());
        if traces || metrics {
            tracing::info!(traces, metrics, "telemetry is sent");
        }
        if let Some(provider) = &self.metrics {
            _ = self.look.set(instruments::register(&provider.meter("ccfd"), snapshot));
        }
    }

    /// Makes the current snapshot the next one that is sent, because some sources will be gone by then.
    pub fn remember(&self) {
        self.look.get().into_iter().for_each(|look| look.refresh());
    }

    /// Sends what is left, within this time at most.
    pub fn end(self, within: Duration) {
        let within = within.min(END_WAIT);
        let (end, ended) = sync_channel::<()>(0);
        let flush = move || {
            // Errors were logged when they occurred.
            _ = self.traces.map(|traces| traces.shutdown_with_timeout(within));
            _ = self.metrics.map(|metrics| metrics.shutdown_with_timeout(within));
            drop(end);
        };
        if thread::Builder::new().spawn(flush).is_ok() {
            // Signalled by the end of the thread.
            _ = ended.recv_timeout(within);
        }
    }
}

fn traces(settings: &TelemetrySettings) -> Result<Option<SdkTracerProvider>, Box<dyn Error>> {
    let Some(place) = ExportEndpoint::of("TRACES", "v1/traces", settings) else { return Ok(None) };
    let exporter = SpanExporter::builder().with_http();
    let exporter = match place {
        ExportEndpoint::Variables => exporter.build()?,
        ExportEndpoint::Url(url) => exporter.with_endpoint(url).build()?,
    };
    let batches = BatchSpanProcessor::builder(Reported::new(exporter, "traces")).build();
    Ok(Some(SdkTracerProvider::builder().with_span_processor(batches).with_resource(resource()).build()))
}

fn metrics(settings: &TelemetrySettings) -> Result<Option<SdkMeterProvider>, Box<dyn Error>> {
    let Some(place) = ExportEndpoint::of("METRICS", "v1/metrics", settings) else { return Ok(None) };
    let exporter = MetricExporter::builder().with_http();
    let exporter = match place {
        ExportEndpoint::Variables => exporter.build()?,
        ExportEndpoint::Url(url) => exporter.with_endpoint(url).build()?,
    };
    let reader = PeriodicReader::builder(Reported::new(exporter, "metrics")).build();
    let boundless = |_: &Instrument| Stream::builder().with_cardinality_limit(SERIES_MAX).build().ok();
    let provider = SdkMeterProvider::builder().with_reader(reader).with_view(boundless);
    Ok(Some(provider.with_resource(resource()).build()))
}

/// The receiver of one signal.
enum ExportEndpoint {
    /// As set by OpenTelemetry's environment variables, which its library reads.
    Variables,
    /// This URL.
    Url(String),
}

impl ExportEndpoint {
    /// `None` if the signal is not configured.
    fn of(signal: &str, path: &str, settings: &TelemetrySettings) -> Option<Self> {
        if variable(&format!("OTEL_{signal}_EXPORTER")).is_some_and(|exporter| exporter == "none") {
            return None;
        }
        let own = format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");
        if variable(&own).is_some() || variable("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
            return Some(Self::Variables);
        }
        let endpoint = settings.endpoint.as_ref()?;
        Some(Self::Url(format!("{}/{path}", endpoint.as_str().trim_end_matches('/'))))
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The sender's attributes. The library reads `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = variable("OTEL_SERVICE_NAME").is_some()
        || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|all| all.contains("service.name="));
    let resource = Resource::builder().with_attribute(version);
    if named { resource.build() } else { resource.with_service_name("ccfd").build() }
}
