//! The registry of sinks: how each type is built from its settings. What else is asked of a type (its name, its keys, where
//! it writes to, its secrets) its settings say, in `config/sink/`.

use std::sync::Arc;

use collectors::Clock;

use super::{
    Sink, elasticsearch::ElasticsearchSink, kibana_index::KibanaIndexSink, logs_ingestion::LogsIngestionSink,
    ndjson::NdjsonSink, sqlite::SqliteSink,
};
use crate::config::{Environment, SinkSettings};

/// A sink with these settings, which touches nothing yet.
pub fn build(settings: &SinkSettings, environment: &Environment, clock: Clock) -> Arc<dyn Sink> {
    let environment = environment.clone();
    match settings.clone() {
        SinkSettings::Sqlite(settings) => Arc::new(SqliteSink::new(settings, clock)),
        SinkSettings::Ndjson(settings) => Arc::new(NdjsonSink::new(settings, clock)),
        SinkSettings::Elasticsearch(settings) => {
            Arc::new(ElasticsearchSink::new(settings, environment, clock))
        }
        SinkSettings::KibanaIndex(settings) => Arc::new(KibanaIndexSink::new(settings, environment)),
        SinkSettings::LogsIngestion(settings) => {
            Arc::new(LogsIngestionSink::new(*settings, environment, clock))
        }
    }
}
