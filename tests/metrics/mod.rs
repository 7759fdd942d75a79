//! Every metric by the behaviour that it counts, and the page by Prometheus' own tool.

mod anomalies;
mod counting;
mod page;
mod rules;
