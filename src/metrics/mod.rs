//! ccfd's own metrics as data, one line per metric. Formats and receivers are elsewhere.

mod list;
mod manual;
mod snapshot;

use std::borrow::Cow;

pub use manual::markdown;
pub use snapshot::{MetricsSnapshot, RouteMetrics, SinkMetrics};

use crate::pipeline::histogram::Histogram;

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, from zero at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values in ranges.
    Histogram,
}

/// A number, or a whole histogram.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricValue {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram(Histogram),
}

/// A line of the list: a metric of each `T`.
struct Metric<T> {
    name: &'static str,
    /// The unit in UCUM notation, as in OpenTelemetry.
    unit: &'static str,
    help: &'static str,
    read: ReadMetric<T>,
}

/// How to read a metric's values from a `T`.
enum ReadMetric<T> {
    /// A counter.
    Count(fn(&T) -> u64),
    /// A counter with labels of its own.
    Counts(&'static [&'static str], fn(&T) -> Samples<u64>),
    /// A gauge that may have no value.
    Level(fn(&T) -> Option<i64>),
    /// A gauge with labels of its own.
    Levels(&'static [&'static str], fn(&T) -> Samples<i64>),
    /// A histogram.
    Ranges(fn(&T) -> Histogram),
}

/// A number per combination of the metric's own labels.
type Samples<N> = Vec<(Vec<Cow<'static, str>>, N)>;

/// A metric with all its values at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Family<'a> {
    /// The name by Prometheus conventions: prefix, base unit, `_total` for counters.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// Its unit in UCUM notation.
    pub unit: &'static str,
    /// One sentence of help.
    pub help: &'static str,
    /// Its values, each with different labels.
    pub series: Vec<Series<'a>>,
}

/// One value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    /// Names and values. Values are configured names and fixed words, so their number is limited.
    pub labels: Vec<(&'static str, Cow<'a, str>)>,
    /// The value.
    pub value: MetricValue,
}

/// All metrics, one at a time: with a thousand routes, all at once would take much memory.
pub fn families(snapshot: &MetricsSnapshot) -> impl Iterator<Item = Family<'_>> {
    let process = list::PROCESS.iter().map(move |metric| metric.family([snapshot]));
    let routes = list::ROUTES.iter().map(move |metric| metric.family(&snapshot.routes));
    let sinks = list::SINKS.iter().map(move |metric| metric.family(&snapshot.sinks));
    process.chain(routes).chain(sinks)
}

/// Something that is measured, and the labels that identify it.
trait Labelled {
    const LABELS: &'static [&'static str];

    /// Their values, in the same order.
    fn label_values(&self) -> Vec<&str>;
}

impl<T: Labelled> Metric<T> {
    fn family<'a>(&self, all: impl IntoIterator<Item = &'a T>) -> Family<'a>
    where
        T: 'a,
    {
        let series = all.into_iter().flat_map(|one| {
            let common: Vec<(&str, Cow<'a, str>)> =
                T::LABELS.iter().copied().zip(one.label_values().into_iter().map(Cow::Borrowed)).collect();
            let own = self.read.labels().iter().copied();
            self.read.values(one).into_iter().map(move |(values, value)| Series {
                labels: common.iter().cloned().chain(own.clone().zip(values)).collect(),
                value,
            })
        });
        let Self { name, unit, help, ref read } = *self;
        Family { name, kind: read.kind(), unit, help, series: series.collect() }
    }
}

impl<T> ReadMetric<T> {
    fn kind(&self) -> MetricKind {
        match self {
            Self::Count(_) | Self::Counts(..) => MetricKind::Counter,
            Self::Level(_) | Self::Levels(..) => MetricKind::Gauge,
            Self::Ranges(_) => MetricKind::Histogram,
        }
    }

    fn labels(&self) -> &'static [&'static str] {
        match self {
            Self::Counts(labels, _) | Self::Levels(labels, _) => labels,
            Self::Count(_) | Self::Level(_) | Self::Ranges(_) => &[],
        }
    }

    fn values(&self, of: &T) -> Samples<MetricValue> {
        match self {
            Self::Count(read) => vec![(Vec::new(), MetricValue::Number(read(of) as f64))],
            Self::Counts(_, read) => read(of)
                .into_iter()
                .map(|(labels, count)| (labels, MetricValue::Number(count as f64)))
                .collect(),
            Self::Level(read) => {
                read(of).into_iter().map(|level| (Vec::new(), MetricValue::Number(level as f64))).collect()
            }
            Self::Levels(_, read) => read(of)
                .into_iter()
                .map(|(labels, level)| (labels, MetricValue::Number(level as f64)))
                .collect(),
            Self::Ranges(read) => vec![(Vec::new(), MetricValue::Histogram(read(of)))],
        }
    }
}
