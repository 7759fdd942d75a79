//! `.index`: documents into an index.
//!
//! | file | what it has |
//! | --- | --- |
//! | `params` | settings and parameters |
//! | `target` | where documents go |
//! | `names` | names of indices, and those that nobody writes to by a connector |
//! | `tables` | the embedded tables |
//! | `cluster` | an Elasticsearch sink |

mod cluster;
mod names;
mod params;
mod tables;
mod target;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::SecondsFormat;
use serde_json::{Map, Value};

pub use self::target::{IndexFailure, IndexTarget, IndexWrite};
use self::{
    cluster::IndexCluster,
    names::ReservedNames,
    params::{IndexConfig, IndexParams},
    tables::IndexTables,
};
use super::{
    connector::ConnectorSecrets,
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    fields::only,
    outgoing::Outgoing,
    param_language::ParamLanguage,
    run::{Retry, RunContext, RunFailure, RunOutput},
};
use crate::config::{Config, Environment, SinkSettings};

/// The database of the embedded tables, in the state directory.
pub const INDEX_FILE: &str = "connectors-index.db";

/// The most bytes of the tables where no settings say it.
const BARE_SIZE_MAX: u64 = 1 << 30;

const INFO: TypeInfo = TypeInfo {
    id: ".index",
    name: "Index",
    licence: Licence::Basic,
    features: &[Feature::Alerting, Feature::Uptime, Feature::Siem],
    is_system: false,
};

/// `.index`
pub struct IndexType;

/// Where `.index` writes, as a configuration says.
pub(super) fn index_target(config: &Config, environment: &Environment) -> Arc<dyn IndexTarget> {
    let reserved = ReservedNames::of(config);
    let sink = config.connectors.index_sink.as_ref().and_then(|sink| config.sinks.get(sink));
    match sink {
        Some(SinkSettings::Elasticsearch(settings)) => {
            Arc::new(IndexCluster::new(settings.clone(), environment.clone(), reserved))
        }
        // Another sink cannot be named: the settings were checked for it.
        Some(_) | None => {
            let path = config.state.dir.join(INDEX_FILE);
            Arc::new(IndexTables::new(path, config.connectors.index_size_max, reserved))
        }
    }
}

/// The embedded tables of a state directory without a configuration.
pub(super) fn embedded_tables(dir: &Path) -> Arc<dyn IndexTarget> {
    Arc::new(IndexTables::new(dir.join(INDEX_FILE), BARE_SIZE_MAX, ReservedNames::built_in()))
}

#[async_trait]
impl ConnectorType for IndexType {
    fn info(&self) -> &'static TypeInfo {
        &INFO
    }

    fn check_config(
        &self,
        config: &Map<String, Value>,
        _outgoing: &Outgoing,
    ) -> Result<Map<String, Value>, String> {
        let read = IndexConfig::read(config)?;
        ReservedNames::built_in().check(read.index).map_err(|why| format!("[index]: {why}"))?;
        Ok(read.with_defaults())
    }

    fn check_secrets(
        &self,
        _config: &Map<String, Value>,
        secrets: &ConnectorSecrets,
        _outgoing: &Outgoing,
    ) -> Result<(), String> {
        only(secrets, &[])
    }

    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        IndexParams::read(params).map(drop)
    }

    fn language(&self, _config: &Map<String, Value>, path: &str) -> ParamLanguage {
        if path.starts_with("documents.") { ParamLanguage::Data } else { ParamLanguage::Line }
    }

    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        let invalid = |why: String| RunFailure::returned(why, None, Retry::No);
        let config = IndexConfig::read(&run.connector.config).map_err(invalid)?;
        let params = IndexParams::read(run.params).map_err(invalid)?;
        let mut documents: Vec<Map<String, Value>> = params.documents.into_iter().cloned().collect();
        if let Some(field) = config.execution_time_field {
            let now = run.now.to_rfc3339_opts(SecondsFormat::Millis, true);
            for document in &mut documents {
                // A flat key: a name with dots makes no inner object.
                document.insert(field.to_owned(), Value::from(now.as_str()));
            }
        }
        let index = params.index_override.unwrap_or(config.index);
        let write = IndexWrite { index, documents: &documents, refresh: config.refresh };
        let written = run.index.write(write).await;
        if written.as_ref().map_or_else(|failure| failure.is_sent, |_| true) {
            run.outgoing.note_sent();
        }
        let response = written.map_err(|failure| {
            let retry = if failure.is_temporary { Retry::Yes } else { Retry::No };
            RunFailure::returned(NOT_INDEXED, Some(failure.reason), retry)
        })?;
        match reasons(&response) {
            None => Ok(RunOutput::data(response)),
            Some(reasons) => {
                let retry = if is_untouched(&response) { Retry::Yes } else { Retry::No };
                Err(RunFailure::returned(NOT_INDEXED, Some(reasons), retry))
            }
        }
    }

    fn test_params(&self, _config: &Map<String, Value>) -> Map<String, Value> {
        let document = serde_json::json!({ "message": "This is a test of a connector of ccfd." });
        [("documents".to_owned(), Value::Array(vec![document]))].into_iter().collect()
    }
}

const NOT_INDEXED: &str = "error indexing documents";

/// Whether the cluster was too busy for each document. If it has taken one, another attempt would add that one again.
fn is_untouched(response: &Value) -> bool {
    let items = response.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_busy = |item: &Value| {
        let results = item.as_object().into_iter().flat_map(Map::values);
        results.into_iter().all(|result| result["status"] == 429)
    };
    !items.is_empty() && items.iter().all(is_busy)
}

/// Why documents were refused, as Kibana joins it; `None` if none was.
fn reasons(response: &Value) -> Option<String> {
    if response.get("errors") != Some(&Value::Bool(true)) {
        return None;
    }
    let items = response.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let errors = || items.iter().filter_map(|item| item.as_object()?.values().next()?.get("error"));
    let joined = |texts: Vec<&str>| texts.join(";");
    let reasons = joined(errors().filter_map(|error| error.get("reason")?.as_str()).collect());
    let causes =
        joined(errors().filter_map(|error| error.get("caused_by")?.get("reason")?.as_str()).collect());
    Some(match (reasons.is_empty(), causes.is_empty()) {
        (true, _) => "Indexing error but no reason returned.".to_owned(),
        (false, true) => reasons,
        (false, false) => format!("{reasons} ({causes})"),
    })
}
