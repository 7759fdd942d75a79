//! The manual of the metrics, as a table in Markdown.

use super::{Labelled, Metric, MetricKind, MetricsSnapshot, RouteMetrics, SinkMetrics, list};

/// One row per metric, in the order of the list.
pub fn markdown() -> String {
    let process = list::PROCESS.iter().map(row::<MetricsSnapshot>);
    let routes = list::ROUTES.iter().map(row::<RouteMetrics>);
    let sinks = list::SINKS.iter().map(row::<SinkMetrics>);
    let head = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n";
    head.to_owned() + &process.chain(routes).chain(sinks).collect::<String>()
}

fn row<T: Labelled>(metric: &Metric<T>) -> String {
    let Metric { name, help, read, .. } = metric;
    let kind = match read.kind() {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    };
    let labels: Vec<String> =
        T::LABELS.iter().chain(read.labels()).map(|label| format!("`{label}`")).collect();
    format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "))
}
