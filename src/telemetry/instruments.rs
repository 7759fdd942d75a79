//! The metrics as OpenTelemetry instruments, with the same names as in Prometheus.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};

use crate::metrics::{Family, MetricKind, MetricValue, MetricsSnapshot, Series, families};

/// The values of one instrument, each with its labels.
type Points = Vec<(f64, Vec<KeyValue>)>;

/// One snapshot for all instruments: each takes its own points, and one that finds none takes a new snapshot.
pub(super) struct Look {
    snapshot: Box<dyn Fn() -> MetricsSnapshot + Send + Sync>,
    points: Mutex<HashMap<String, Points>>,
}

impl Look {
    /// Takes a snapshot now, whose points are used next.
    pub(super) fn refresh(&self) {
        *self.lock() = self.all();
    }

    fn take(&self, name: &str) -> Points {
        let mut points = self.lock();
        if let Some(own) = points.remove(name) {
            return own;
        }
        *points = self.all();
        points.remove(name).unwrap_or_default()
    }

    fn all(&self) -> HashMap<String, Points> {
        families(&(self.snapshot)()).flat_map(parts).map(|part| (part.name, part.points)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Points>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates an instrument for each metric.
pub(super) fn register(
    meter: &Meter,
    snapshot: impl Fn() -> MetricsSnapshot + Send + Sync + 'static,
) -> Arc<Look> {
    let look = Arc::new(Look { snapshot: Box::new(snapshot), points: Mutex::default() });
    for MetricPart { name, is_counter, unit, help, .. } in families(&(look.snapshot)()).flat_map(parts) {
        let (look, own) = (look.clone(), name.clone());
        let tell = move |observer: &dyn AsyncInstrument<f64>| {
            for (value, labels) in look.take(&own) {
                observer.observe(value, &labels);
            }
        };
        if is_counter {
            let counter = meter.f64_observable_counter(name).with_unit(unit).with_description(help);
            counter.with_callback(tell).build();
        } else {
            let gauge = meter.f64_observable_gauge(name).with_unit(unit).with_description(help);
            gauge.with_callback(tell).build();
        }
    }
    look
}

/// The part of a metric that one instrument shows.
struct MetricPart {
    name: String,
    is_counter: bool,
    unit: &'static str,
    help: &'static str,
    points: Points,
}

/// A metric as it is. A histogram, for which there is no observable instrument, becomes three counters as in
/// Prometheus.
fn parts(family: Family<'_>) -> Vec<MetricPart> {
    let Family { name, kind, unit, help, series } = family;
    let part = |suffix: &str, is_counter, unit, points| MetricPart {
        name: format!("{name}{suffix}"),
        is_counter,
        unit,
        help,
        points,
    };
    let points = |of: &dyn Fn(&Series<'_>) -> Points| series.iter().flat_map(of).collect();
    match kind {
        MetricKind::Counter => vec![part("", true, unit, points(&numbers))],
        MetricKind::Gauge => vec![part("", false, unit, points(&numbers))],
        MetricKind::Histogram => vec![
            part("_bucket", true, "1", points(&buckets)),
            part("_sum", true, unit, points(&sums)),
            part("_count", true, "1", points(&counts)),
        ],
    }
}

fn numbers(series: &Series<'_>) -> Points {
    match &series.value {
        MetricValue::Number(number) => vec![(*number, labels(series))],
        MetricValue::Histogram(_) => Vec::new(),
    }
}

fn buckets(series: &Series<'_>) -> Points {
    let MetricValue::Histogram(histogram) = &series.value else { return Vec::new() };
    let all = [("+Inf".to_owned(), histogram.count())];
    let bounds = histogram.cumulative().map(|(bound, count)| (bound.to_string(), count)).chain(all);
    let point = |(bound, count): (String, u64)| {
        let mut labels = labels(series);
        labels.push(KeyValue::new("le", bound));
        (count as f64, labels)
    };
    bounds.map(point).collect()
}

fn sums(series: &Series<'_>) -> Points {
    match &series.value {
        MetricValue::Number(_) => Vec::new(),
        MetricValue::Histogram(histogram) => vec![(histogram.sum(), labels(series))],
    }
}

fn counts(series: &Series<'_>) -> Points {
    match &series.value {
        MetricValue::Number(_) => Vec::new(),
        MetricValue::Histogram(histogram) => vec![(histogram.count() as f64, labels(series))],
    }
}

fn labels(series: &Series<'_>) -> Vec<KeyValue> {
    series.labels.iter().map(|(name, value)| KeyValue::new(*name, value.clone().into_owned())).collect()
}
