//! What `ccfd check` looks at. Creates and writes nothing.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    connector::{INDEX_TYPE, WantedConnector},
    sink::KibanaIndexSink,
};
use crate::{
    sinks::remote::{RemoteError, RemoteErrorKind, Service},
    tables::Table,
};

/// A type of connector, as Kibana lists it.
#[derive(Deserialize)]
struct ListedConnectorType {
    id: String,
    enabled: bool,
    enabled_in_config: bool,
    enabled_in_license: bool,
    minimum_license_required: String,
}

impl KibanaIndexSink {
    /// Checks the space, the type of connector and the connectors; returns a line for each.
    pub(super) async fn look(&self, tables: &[Arc<Table>]) -> Result<String, RemoteError> {
        self.client.find_space().await?;
        let mut lines = vec![format!("{}, {} is there", self.settings.url, self.client.space())];
        let types: Vec<ListedConnectorType> = self.client.get("/api/actions/connector_types").await?;
        lines.push(enabled(&types, self.client.space())?);
        for table in tables {
            lines.push(self.look_for(table).await?);
        }
        Ok(lines.join("\n"))
    }

    async fn look_for(&self, table: &Table) -> Result<String, RemoteError> {
        let wanted = WantedConnector::of(&self.settings, table);
        let (name, index) = (wanted.name, self.settings.index.of(table));
        let Some(found) = wanted.find(&self.client).await? else {
            return Ok(format!("connector `{name}` to {index}: does not exist, the first write creates it"));
        };
        wanted.check_index(&found)?;
        let mut line = format!("connector `{name}` to {index}: found ({})", found.id);
        for difference in wanted.differences(&found) {
            line += &format!("; {difference} as the settings say");
        }
        Ok(line)
    }
}

/// Whether documents can be written in a space at all.
fn enabled(types: &[ListedConnectorType], space: String) -> Result<String, RemoteError> {
    let not_possible =
        |code: String| Err(RemoteErrorKind::PlaceAtFault { place: space, code }.of(Service::Kibana));
    match types.iter().find(|one| one.id == INDEX_TYPE) {
        None => not_possible(format!("connector type {INDEX_TYPE} is not listed")),
        Some(one) if !one.enabled_in_config => {
            not_possible(format!("connector type {INDEX_TYPE} is not in xpack.actions.enabledActionTypes"))
        }
        Some(one) if !one.enabled_in_license => {
            let licence = &one.minimum_license_required;
            not_possible(format!("connector type {INDEX_TYPE} needs the licence {licence}"))
        }
        Some(one) if !one.enabled => not_possible(format!("connector type {INDEX_TYPE} is not enabled")),
        Some(_) => Ok(format!("{} connector types, {INDEX_TYPE} is enabled", types.len())),
    }
}
