//! Spans and metrics on their way to a receiver.

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

/// How long the end of the process waits for what has not left yet.
const END_WAIT: Duration = Duration::from_secs(3);

/// Series of one metric: those of a few thousand routes. The library would throw those above 2,000 together.
const SERIES_MAX: usize = 100_000;

/// What is sent, and where to.
#[derive(Default)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    look: OnceLock<Arc<Look>>,
    /// Why something that was wanted is not sent.
    wrong: Vec<String>,
}

impl Telemetry {
    /// Prepares what the settings or the variables of OpenTelemetry ask for; the variables win. Nothing is sent yet.
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

    /// What makes traces of spans.
    pub fn listener(&mut self) -> Option<Listener> {
        let tracer = self.traces.as_ref()?.tracer("ccfd");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            // Nobody else here speaks OpenTelemetry.
            .with_context_activation(false);
        let is_ours = filter_fn(|of| of.is_span() && of.target() == "telemetry")
            .with_max_level_hint(tracing::level_filters::LevelFilter::DEBUG);
        Some(Box::new(layer.with_filter(is_ours)))
    }

    /// Looks at the snapshot whenever metrics are sent. Says what is sent, and what is not.
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

    /// The snapshot of now are those that are sent next: soon they will not all be there.
    pub fn remember(&self) {
        self.look.get().into_iter().for_each(|look| look.anew());
    }

    /// Lets go what is left, for a bounded time, and no longer than this.
    pub fn end(self, within: Duration) {
        let within = within.min(END_WAIT);
        let (end, ended) = sync_channel::<()>(0);
        let flush = move || {
            // What went wrong was told when it was sent.
            _ = self.traces.map(|traces| traces.shutdown_with_timeout(within));
            _ = self.metrics.map(|metrics| metrics.shutdown_with_timeout(within));
            drop(end);
        };
        if thread::Builder::new().spawn(flush).is_ok() {
            // Answered by the end of the thread.
            _ = ended.recv_timeout(within);
        }
    }
}

fn traces(settings: &TelemetrySettings) -> Result<Option<SdkTracerProvider>, Box<dyn Error>> {
    let Some(place) = Endpoint::of("TRACES", "v1/traces", settings) else { return Ok(None) };
    let exporter = SpanExporter::builder().with_http();
    let exporter = match place {
        Endpoint::Variables => exporter.build()?,
        Endpoint::Url(url) => exporter.with_endpoint(url).build()?,
    };
    let batches = BatchSpanProcessor::builder(Reported::new(exporter, "traces")).build();
    Ok(Some(SdkTracerProvider::builder().with_span_processor(batches).with_resource(resource()).build()))
}

fn metrics(settings: &TelemetrySettings) -> Result<Option<SdkMeterProvider>, Box<dyn Error>> {
    let Some(place) = Endpoint::of("METRICS", "v1/metrics", settings) else { return Ok(None) };
    let exporter = MetricExporter::builder().with_http();
    let exporter = match place {
        Endpoint::Variables => exporter.build()?,
        Endpoint::Url(url) => exporter.with_endpoint(url).build()?,
    };
    let reader = PeriodicReader::builder(Reported::new(exporter, "metrics")).build();
    let boundless = |_: &Instrument| Stream::builder().with_cardinality_limit(SERIES_MAX).build().ok();
    let provider = SdkMeterProvider::builder().with_reader(reader).with_view(boundless);
    Ok(Some(provider.with_resource(resource()).build()))
}

/// Where one signal goes.
enum Endpoint {
    /// Where OpenTelemetry's own variables say; its library reads them.
    Variables,
    /// Here.
    Url(String),
}

impl Endpoint {
    /// `None` when nobody asked for the signal.
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

/// Who sends. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are read by the library.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = variable("OTEL_SERVICE_NAME").is_some()
        || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|all| all.contains("service.name="));
    let resource = Resource::builder().with_attribute(version);
    if named { resource.build() } else { resource.with_service_name("ccfd").build() }
}
