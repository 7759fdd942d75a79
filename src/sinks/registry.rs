//! The registry of sinks: how each type is built from its settings. Everything else about a type (its name,
//! its keys, where it writes, its secrets) is in its settings, in `config/sink/`.

use std::sync::Arc;

use collectors::Clock;

use super::{
    Sink,
    comparable::Comparable,
    elasticsearch::{ElasticsearchRows, ElasticsearchSink},
    kibana_index::KibanaIndexSink,
    logs_ingestion::LogsIngestionSink,
    ndjson::{NdjsonRows, NdjsonSink},
    sqlite::{SqliteRows, SqliteSink},
};
use crate::config::{Environment, NdjsonDir, SinkSettings};

/// A sink with these settings, which opens nothing yet.
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

/// What reads back the rows of a sink with these settings; touches nothing yet.
///
/// # Errors
///
/// Why its rows cannot be compared, as a sentence without a full stop.
pub fn comparable(
    settings: &SinkSettings,
    environment: &Environment,
    _clock: &Clock,
) -> Result<Arc<dyn Comparable>, String> {
    let not_yet = || Err(format!("ccfd cannot read back what a sink of type {} holds", settings.type_name()));
    match settings {
        SinkSettings::Sqlite(settings) => Ok(Arc::new(SqliteRows::new(settings.clone()))),
        SinkSettings::Ndjson(settings) => match &settings.dir {
            NdjsonDir::Dir(dir) => Ok(Arc::new(NdjsonRows::new(dir.clone(), settings.clone()))),
            NdjsonDir::Stdout => Err("what was written to standard output cannot be read back".to_owned()),
        },
        SinkSettings::Elasticsearch(settings) => {
            Ok(Arc::new(ElasticsearchRows::new(settings.clone(), environment.clone())))
        }
        SinkSettings::KibanaIndex(_) => not_yet(),
        SinkSettings::LogsIngestion(_) => not_yet(),
    }
}
