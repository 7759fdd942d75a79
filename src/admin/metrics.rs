//! `/metrics`: the metrics in the text format of Prometheus.

use prometheus::{
    Error, TextEncoder,
    proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

use crate::metrics::{Family, MetricKind, MetricValue, MetricsSnapshot, Series, families};

/// Content type of the answer.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The page. Metrics without a value yet are left out. Fails on a metric that the format cannot express,
/// which would be a bug in the list.
pub fn render(snapshot: &MetricsSnapshot) -> Result<String, Error> {
    let mut page = String::new();
    for family in families(snapshot).filter(|family| !family.series.is_empty()) {
        TextEncoder.encode_utf8(&[translated(family)], &mut page)?;
    }
    Ok(page)
}

fn translated(family: Family<'_>) -> MetricFamily {
    let Family { name, kind, help, series, .. } = family;
    let mut translated = MetricFamily::default();
    translated.set_name(name.to_owned());
    translated.set_help(help.to_owned());
    translated.set_field_type(match kind {
        MetricKind::Counter => MetricType::COUNTER,
        MetricKind::Gauge => MetricType::GAUGE,
        MetricKind::Histogram => MetricType::HISTOGRAM,
    });
    translated.set_metric(series.into_iter().map(|series| sample(kind, series)).collect());
    translated
}

fn sample(kind: MetricKind, series: Series<'_>) -> Metric {
    let labels = series.labels.into_iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.into_owned());
        pair
    });
    let mut metric = Metric::from_label(labels.collect());
    match series.value {
        MetricValue::Number(number) if kind == MetricKind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(number);
            metric.set_counter(counter);
        }
        MetricValue::Number(number) => {
            let mut gauge = Gauge::default();
            gauge.set_value(number);
            metric.set_gauge(gauge);
        }
        MetricValue::Histogram(ranges) => {
            let mut histogram = Histogram::default();
            histogram.set_sample_count(ranges.count());
            histogram.set_sample_sum(ranges.sum());
            let bucket = |(bound, count)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(bound);
                bucket.set_cumulative_count(count);
                bucket
            };
            histogram.set_bucket(ranges.cumulative().map(bucket).collect());
            metric.set_histogram(histogram);
        }
    }
    metric
}
