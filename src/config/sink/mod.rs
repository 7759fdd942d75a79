//! `[sink.NAME]`: one destination. Each type has a file here, named after it.

mod documents;
mod elasticsearch;
mod kibana_index;
mod logs_ingestion;
mod ndjson;
mod sqlite;

use std::path::Path;

pub use elasticsearch::{ElasticsearchSettings, OpType, Refresh};
pub use kibana_index::KibanaIndexSettings;
pub use logs_ingestion::{AzureAuth, AzureIdentity, Cloud, LogsIngestionSettings, OldRecords, Profile};
pub use ndjson::{NdjsonDir, NdjsonSettings, Shape};
pub use sqlite::SqliteSettings;

use super::section::Section;

/// A sink, by its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkSettings {
    /// Tables in an embedded database.
    Sqlite(SqliteSettings),
    /// Files of JSON lines.
    Ndjson(NdjsonSettings),
    /// Documents of Elasticsearch or OpenSearch.
    Elasticsearch(ElasticsearchSettings),
    /// Documents through an index connector of Kibana.
    KibanaIndex(KibanaIndexSettings),
    /// The Logs Ingestion API of Azure Monitor.
    LogsIngestion(Box<LogsIngestionSettings>),
}

/// Reads the settings of one type.
pub(super) type Reader = fn(&mut Section<'_>) -> Option<SinkSettings>;

/// Every type: the word that stands for it, and its reader.
pub(super) const TYPES: &[(&str, Reader)] = &[
    ("sqlite", |section| SqliteSettings::read(section).map(SinkSettings::Sqlite)),
    ("ndjson", |section| NdjsonSettings::read(section).map(SinkSettings::Ndjson)),
    ("elasticsearch", |section| ElasticsearchSettings::read(section).map(SinkSettings::Elasticsearch)),
    ("kibana_index", |section| KibanaIndexSettings::read(section).map(SinkSettings::KibanaIndex)),
    ("logs_ingestion", |section| {
        LogsIngestionSettings::read(section).map(Box::new).map(SinkSettings::LogsIngestion)
    }),
];

impl SinkSettings {
    /// The word behind `type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Ndjson(_) => "ndjson",
            Self::Elasticsearch(_) => "elasticsearch",
            Self::KibanaIndex(_) => "kibana_index",
            Self::LogsIngestion(_) => "logs_ingestion",
        }
    }

    /// The file or directory that it alone may write; `None` when it writes elsewhere.
    pub(super) fn place(&self) -> Option<&Path> {
        match self {
            SinkSettings::Sqlite(settings) => Some(&settings.path),
            SinkSettings::Ndjson(settings) => Some(settings.dir.place()),
            SinkSettings::Elasticsearch(_) => None,
            SinkSettings::KibanaIndex(_) => None,
            SinkSettings::LogsIngestion(_) => None,
        }
    }
}
