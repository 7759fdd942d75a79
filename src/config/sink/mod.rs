//! `[sink.NAME]`: one destination. Each type has a file here, named after it, and a line in `sink_types!`.

mod detect;
mod documents;
mod elasticsearch;
mod kibana_index;
mod logs_ingestion;
mod ndjson;
mod sqlite;

use std::path::{Path, PathBuf};

pub use detect::{DetectSettings, RulesPlace};
pub use elasticsearch::{ElasticsearchSettings, OpType, Refresh};
pub use kibana_index::KibanaIndexSettings;
pub use logs_ingestion::{
    AzureAuth, AzureIdentity, Cloud, LogsIngestionSettings, OldRecords, Profile, QuerySettings, Workspace,
};
pub use ndjson::{AlertShape, LineShape, NdjsonDir, NdjsonSettings};
pub use sqlite::SqliteSettings;
use url::Url;

use super::{AlertSettings, Environment, section::Section};
use crate::tables::{Table, Tables};

/// What the settings of each type say about it. Nothing has a default, so that a new type must decide
/// everything.
pub(super) trait SinkType: Sized {
    /// The word behind `type`.
    const NAME: &'static str;

    /// Reads the keys of the section.
    fn read(section: &mut Section<'_>, tables: &Tables) -> Option<Self>;

    /// Where it writes to.
    fn place(&self) -> SinkPlace<'_>;

    /// The files with secrets and certificates, which may change while ccfd runs.
    fn files(&self, environment: &Environment) -> Vec<PathBuf>;
}

/// Where a sink writes to.
#[derive(Debug)]
pub enum SinkPlace<'s> {
    /// A SQLite database.
    Database(&'s Path),
    /// Files below a directory.
    Dir(&'s Path),
    /// The database of alerts, in the state directory.
    Alerts(&'s Path),
    /// The standard output of the daemon.
    StandardOutput,
    /// A service, by its addresses.
    Service(Vec<&'s Url>),
}

/// Reads the settings of one type.
pub(super) type SettingsReader = fn(&mut Section<'_>, &Tables) -> Option<SinkSettings>;

macro_rules! sink_types {
    ($($(#[$doc:meta])* $variant:ident($settings:ty),)*) => {
        /// A sink, by its type.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum SinkSettings {
            $($(#[$doc])* $variant($settings),)*
        }

        /// Every type: its name, and its reader.
        pub(super) const TYPES: &[(&str, SettingsReader)] = &[$((
            <$settings as SinkType>::NAME,
            |section, tables| <$settings as SinkType>::read(section, tables).map(SinkSettings::$variant),
        ),)*];

        impl SinkSettings {
            /// The word behind `type`.
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$settings as SinkType>::NAME,)*
                }
            }

            /// Where it writes to.
            pub fn place(&self) -> SinkPlace<'_> {
                match self {
                    $(Self::$variant(settings) => SinkType::place(settings),)*
                }
            }

            /// Which destination the rows of a table go to.
            pub fn destination(&self, table: &Table) -> String {
                match self {
                    $(Self::$variant(settings) => settings.destination(table),)*
                }
            }

            /// Its secrets and certificates.
            pub fn files(&self, environment: &Environment) -> Vec<PathBuf> {
                match self {
                    $(Self::$variant(settings) => SinkType::files(settings, environment),)*
                }
            }
        }
    };
}

sink_types! {
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
    /// Alerts, by rules.
    Detect(DetectSettings),
}

impl SinkSettings {
    /// Whether it raises alerts, instead of storing rows.
    pub fn raises_alerts(&self) -> bool {
        match self {
            Self::Detect(_) => true,
            Self::Sqlite(_)
            | Self::Ndjson(_)
            | Self::Elasticsearch(_)
            | Self::KibanaIndex(_)
            | Self::LogsIngestion(_) => false,
        }
    }

    /// Lets a sink that raises alerts put what they do into its database.
    pub(super) fn act(&mut self, alerts: &AlertSettings, routes: &[(String, String)]) {
        match self {
            Self::Detect(settings) => {
                settings.actions = alerts.actions.clone();
                settings.alert_routes = routes.to_vec();
            }
            Self::Sqlite(_)
            | Self::Ndjson(_)
            | Self::Elasticsearch(_)
            | Self::KibanaIndex(_)
            | Self::LogsIngestion(_) => {}
        }
    }

    /// Gives a sink that keeps its own file in the state directory its place.
    pub(super) fn keep_below(&mut self, state: &Path) {
        match self {
            Self::Detect(settings) => settings.keep_below(state),
            Self::Sqlite(_)
            | Self::Ndjson(_)
            | Self::Elasticsearch(_)
            | Self::KibanaIndex(_)
            | Self::LogsIngestion(_) => {}
        }
    }
}

impl<T: SinkType> SinkType for Box<T> {
    const NAME: &'static str = T::NAME;

    fn read(section: &mut Section<'_>, tables: &Tables) -> Option<Self> {
        T::read(section, tables).map(Box::new)
    }

    fn place(&self) -> SinkPlace<'_> {
        T::place(self)
    }

    fn files(&self, environment: &Environment) -> Vec<PathBuf> {
        T::files(self, environment)
    }
}
