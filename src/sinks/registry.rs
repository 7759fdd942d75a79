//! The registry of sinks: how each type is built from its settings. Everything else about a type (its name,
//! its keys, where it writes, its secrets) is in its settings, in `config/sink/`.

use std::{collections::BTreeMap, sync::Arc};

use collectors::Clock;

use super::{
    Sink,
    comparable::Comparable,
    detect::{DetectSink, load_rules},
    elasticsearch::{ElasticsearchRows, ElasticsearchSink},
    kibana_index::KibanaIndexSink,
    logs_ingestion::{LogsIngestionRows, LogsIngestionSink},
    ndjson::{NdjsonRows, NdjsonSink},
    sqlite::{SqliteRows, SqliteSink},
};
use crate::config::{ElasticsearchSettings, Environment, NdjsonDir, SinkSettings};

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
        SinkSettings::Detect(settings) => Arc::new(DetectSink::new(settings, clock)),
    }
}

/// What is wrong in files that a sink with these settings reads while it runs, such as rules. A reload refuses them.
///
/// # Errors
///
/// A line for each problem.
pub fn check_files(settings: &SinkSettings) -> Result<(), String> {
    match settings {
        SinkSettings::Detect(settings) => load_rules(settings).map(drop),
        SinkSettings::Sqlite(_)
        | SinkSettings::Ndjson(_)
        | SinkSettings::Elasticsearch(_)
        | SinkSettings::KibanaIndex(_)
        | SinkSettings::LogsIngestion(_) => Ok(()),
    }
}

/// What reads back the rows of a sink with these settings; touches nothing yet.
///
/// # Errors
///
/// Why its rows cannot be compared, as a sentence without a full stop.
pub fn comparable(
    settings: &SinkSettings,
    sinks: &BTreeMap<String, SinkSettings>,
    environment: &Environment,
    clock: &Clock,
) -> Result<Arc<dyn Comparable>, String> {
    match settings {
        SinkSettings::Sqlite(settings) => Ok(Arc::new(SqliteRows::new(settings.clone()))),
        SinkSettings::Ndjson(settings) => match &settings.dir {
            NdjsonDir::Dir(dir) => Ok(Arc::new(NdjsonRows::new(dir.clone(), settings.clone()))),
            NdjsonDir::Stdout => Err("what was written to standard output cannot be read back".to_owned()),
        },
        SinkSettings::Elasticsearch(settings) => {
            Ok(Arc::new(ElasticsearchRows::new(settings.clone(), environment.clone())))
        }
        SinkSettings::KibanaIndex(settings) => match &settings.compare_with {
            Some(name) => match sinks.get(name) {
                Some(SinkSettings::Elasticsearch(cluster)) => {
                    let cluster = ElasticsearchSettings { index: settings.index.clone(), ..cluster.clone() };
                    Ok(Arc::new(ElasticsearchRows::new(cluster, environment.clone())))
                }
                Some(
                    SinkSettings::Sqlite(_)
                    | SinkSettings::Ndjson(_)
                    | SinkSettings::KibanaIndex(_)
                    | SinkSettings::LogsIngestion(_)
                    | SinkSettings::Detect(_),
                )
                | None => Err(format!("`compare_with` names `{name}`, which must be a sink of type elasticsearch")),
            },
            None => Err("Kibana cannot list documents: describe its cluster in a sink of type elasticsearch, and name that \
                         sink in `compare_with`"
                .to_owned()),
        },
        SinkSettings::Detect(_) => {
            Err("alerts are what rules found in records, and not the records themselves".to_owned())
        }
        SinkSettings::LogsIngestion(settings) => match &settings.query {
            Some(query) => {
                let (settings, query) = ((**settings).clone(), query.clone());
                let rows = LogsIngestionRows::new(settings, query, environment.clone(), clock.clone());
                Ok(Arc::new(rows))
            }
            None => Err("set `workspace_id` of the sink to the workspace with its tables, and give its identity the role \
                         Log Analytics Reader there"
                .to_owned()),
        },
    }
}
