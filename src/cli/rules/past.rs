//! The records that the sinks of this machine hold.

use collectors::Record;

use super::detect_sink;
use crate::{
    cli::UsageError,
    config::{Config, NdjsonDir, SinkSettings},
    detect_db::{Trial, TrialError},
    lists::ListDescriptor,
    sinks::{SinkError, ndjson, sqlite},
};

/// A sink whose records can be read back.
pub(super) struct PastSink<'c> {
    /// Its name.
    pub(super) name: &'c str,
    settings: &'c SinkSettings,
}

/// The sink to read: the one that is named, else the one that can be read back and gets most of what the rules judge.
pub(super) fn past_sink<'c>(config: &'c Config, named: Option<&str>) -> Result<PastSink<'c>, UsageError> {
    let readable = |(name, settings): (&'c String, &'c SinkSettings)| {
        is_readable(settings).then_some(PastSink { name: name.as_str(), settings })
    };
    if let Some(named) = named {
        let found = config.sinks.get_key_value(named);
        let found = found.ok_or_else(|| UsageError(format!("there is no sink `{named}`")))?;
        let unreadable = format!(
            "sink `{named}` is not of type sqlite, nor ndjson with a directory: it cannot be read back"
        );
        return readable(found).ok_or(UsageError(unreadable));
    }
    let judged = detect_sink(config).map(|(name, _)| name);
    let gets = |sink: &str| {
        let of = config.collectors.values().filter(|collector| collector.sinks.iter().any(|one| one == sink));
        of.filter(|collector| judged.is_none_or(|judged| collector.sinks.iter().any(|one| one == judged)))
            .count()
    };
    let found = config.sinks.iter().filter_map(readable).max_by_key(|sink| gets(sink.name));
    found.ok_or_else(|| {
        UsageError(
            "no sink can be read back: a rule is tried on the records of a sink of type sqlite or ndjson"
                .to_owned(),
        )
    })
}

fn is_readable(settings: &SinkSettings) -> bool {
    match settings {
        SinkSettings::Sqlite(_) => true,
        SinkSettings::Ndjson(settings) => matches!(settings.dir, NdjsonDir::Dir(_)),
        SinkSettings::Elasticsearch(_)
        | SinkSettings::KibanaIndex(_)
        | SinkSettings::LogsIngestion(_)
        | SinkSettings::Detect(_) => false,
    }
}

impl PastSink<'_> {
    /// Tries a rule on the records of a list since a second.
    pub(super) fn judge(
        &self,
        list: &ListDescriptor,
        since: i64,
        trial: &mut Trial,
    ) -> Result<(), TrialError> {
        let (table, time) = (list.table(), list.time());
        let mut last = String::new();
        let mut failed = None;
        let mut take = |connector: &str, record: Record| {
            if connector != last {
                if let Err(error) = trial.store(&table, &last) {
                    failed.get_or_insert(error);
                }
                connector.clone_into(&mut last);
            }
            if let Err(error) = trial.judge(&table, connector, &record) {
                failed.get_or_insert(error);
            }
            Ok::<(), SinkError>(())
        };
        match self.settings {
            SinkSettings::Sqlite(settings) => {
                sqlite::past_records(&settings.path, &table, time, since, &mut take)?
            }
            SinkSettings::Ndjson(settings) => {
                if let NdjsonDir::Dir(dir) = &settings.dir {
                    ndjson::past_records(dir, settings, &table, time, since, |record| take("", record))?;
                }
            }
            SinkSettings::Elasticsearch(_)
            | SinkSettings::KibanaIndex(_)
            | SinkSettings::LogsIngestion(_)
            | SinkSettings::Detect(_) => {}
        }
        if let Some(error) = failed {
            return Err(error);
        }
        trial.store(&table, &last)
    }
}
