//! The connector of a table: found by its name, or created, but never twice.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::client::Client;
use crate::{
    config::KibanaIndexSettings,
    sinks::remote::{RemoteError, RemoteErrorKind, Service, plain},
    tables::Table,
};

/// The type of connector that writes documents.
pub(super) const INDEX_TYPE: &str = ".index";

/// A connector, as Kibana shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct IndexConnector {
    pub(super) id: String,
    name: String,
    connector_type_id: String,
    /// Missing for a connector that kibana.yml defines.
    #[serde(default)]
    config: Option<Value>,
}

/// The connector that a table wants.
pub(super) struct WantedConnector<'s> {
    pub(super) name: &'s str,
    index: &'s str,
    refresh: bool,
    execution_time_field: Option<&'s str>,
    own_id: String,
}

impl<'s> WantedConnector<'s> {
    pub(super) fn of(settings: &'s KibanaIndexSettings, table: &'s Table) -> Self {
        let name = settings.connectors.of(table);
        Self {
            name,
            index: settings.index.of(table),
            refresh: settings.refresh,
            execution_time_field: settings.execution_time_field.as_deref(),
            own_id: own_id(&settings.space, name),
        }
    }

    /// Whether ccfd made this connector.
    pub(super) fn is_own(&self, id: &str) -> bool {
        self.own_id == id
    }

    /// The connector, if it exists. If several have the name, ours or else the one with the smallest id: the
    /// same one each time.
    pub(super) async fn find(&self, client: &Client) -> Result<Option<IndexConnector>, RemoteError> {
        let all: Vec<IndexConnector> = client.get("/api/actions/connectors").await?;
        let of_name = |one: &IndexConnector| one.connector_type_id == INDEX_TYPE && one.name == self.name;
        let mut found: Vec<IndexConnector> =
            all.into_iter().filter(|one| of_name(one) || self.is_own(&one.id)).collect();
        found.sort_by_key(|one| (!of_name(one), !self.is_own(&one.id), one.id.clone()));
        let named = found.iter().filter(|one| of_name(one)).count();
        let Some(first) = found.into_iter().next() else {
            return Ok(None);
        };
        if named > 1 {
            tracing::warn!(
                name = self.name,
                connectors = named,
                taken = first.id,
                "several connectors have this name, and one is used: rename or delete the others"
            );
        }
        if named == 0 {
            tracing::warn!(
                name = self.name,
                taken = first.id,
                "the connector was renamed in Kibana, and is still used"
            );
        }
        Ok(Some(first))
    }

    /// The connector, created if it does not exist. `Ok` only if it writes to the configured index, because
    /// documents in another one cannot be taken back. Other differences are the operator's choice, and are
    /// logged.
    pub(super) async fn find_or_make(&self, client: &Client) -> Result<IndexConnector, RemoteError> {
        let found = match self.find(client).await? {
            Some(found) => found,
            None => self.make(client).await?,
        };
        self.check_index(&found)?;
        let differences = self.differences(&found);
        if !differences.is_empty() {
            let differences = differences.join("; ");
            tracing::warn!(
                name = self.name,
                differences,
                "the connector in Kibana differs from the settings, and is left as it is"
            );
        }
        Ok(found)
    }

    /// The connector of this id, if it still exists. `Ok` only if it still writes to the configured index.
    pub(super) async fn look_at(
        &self,
        client: &Client,
        id: &str,
    ) -> Result<Option<IndexConnector>, RemoteError> {
        let answer =
            client.request(Method::GET, &format!("/api/actions/connector/{id}"), Bytes::new()).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(client.refusal(&answer, &client.space()));
        }
        let found: IndexConnector = client.read(&answer)?;
        self.check_index(&found)?;
        Ok(Some(found))
    }

    /// Fails if the connector writes to another index, or has another type.
    pub(super) fn check_index(&self, found: &IndexConnector) -> Result<(), RemoteError> {
        if found.connector_type_id != INDEX_TYPE {
            let (name, other) = (self.name, plain(&found.connector_type_id));
            let why = format!("connector `{name}` is of type {other}, not {INDEX_TYPE}");
            return Err(RemoteErrorKind::Settings(why).of(Service::Kibana));
        }
        let index = found.config.as_ref().and_then(|config| config.get("index")).and_then(Value::as_str);
        match index.filter(|index| *index != self.index) {
            None => Ok(()),
            Some(index) => {
                let (name, wanted) = (self.name, self.index);
                let why = format!("`index` is {wanted}, and connector `{name}` writes to {index}");
                Err(RemoteErrorKind::Settings(why).of(Service::Kibana))
            }
        }
    }

    /// Where the connector differs from the settings, apart from its index.
    pub(super) fn differences(&self, found: &IndexConnector) -> Vec<String> {
        let Some(config) = &found.config else {
            return Vec::new();
        };
        let mut differences = Vec::new();
        let refresh = config.get("refresh").and_then(Value::as_bool).unwrap_or(false);
        if refresh != self.refresh {
            differences.push(format!("refresh is {refresh}, not {}", self.refresh));
        }
        let field = config.get("executionTimeField").and_then(Value::as_str).unwrap_or_default().trim();
        let wanted = self.execution_time_field.unwrap_or_default();
        if field != wanted {
            differences.push(format!("executionTimeField is \"{field}\", not \"{wanted}\""));
        }
        differences
    }

    /// Creates it under an id derived from its name: if two processes create it at the same time, one of them
    /// gets a conflict.
    async fn make(&self, client: &Client) -> Result<IndexConnector, RemoteError> {
        let config = json!({
            "index": self.index, "refresh": self.refresh, "executionTimeField": self.execution_time_field,
        });
        let body = json!({ "name": self.name, "connector_type_id": INDEX_TYPE, "config": config });
        let path = format!("/api/actions/connector/{}", self.own_id);
        let answer = client.request(Method::POST, &path, Bytes::from(body.to_string())).await?;
        if answer.status.is_success() {
            let made: IndexConnector = client.read(&answer)?;
            tracing::info!(name = self.name, id = made.id, index = self.index, "connector created in Kibana");
            return Ok(made);
        }
        if answer.status == StatusCode::CONFLICT
            && let Some(found) = self.find(client).await?
        {
            return Ok(found);
        }
        Err(client.refusal(&answer, &client.space()))
    }
}

/// Deletes a connector. One that no longer exists counts as deleted.
pub(super) async fn delete(client: &Client, id: &str) -> Result<(), RemoteError> {
    let answer =
        client.request(Method::DELETE, &format!("/api/actions/connector/{id}"), Bytes::new()).await?;
    if answer.status == StatusCode::NO_CONTENT || answer.status == StatusCode::NOT_FOUND {
        return Ok(());
    }
    Err(client.refusal(&answer, &client.space()))
}

/// The id of the connector that ccfd creates. Kibana accepts only UUIDs, and spaces share no ids, so the
/// space is part of it.
fn own_id(space: &str, name: &str) -> String {
    let hash = xxh3_128(format!("ccfd {space} {name}").as_bytes());
    // Version 5, for an id derived from a name, and the variant of RFC 9562.
    let hash = hash & !(0xf << 76) & !(0b11 << 62) | (0x5 << 76) | (0b10 << 62);
    let digits = format!("{hash:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str) -> WantedConnector<'_> {
        WantedConnector {
            name,
            index: "audit",
            refresh: false,
            execution_time_field: Some("@timestamp"),
            own_id: own_id("default", name),
        }
    }

    fn connector(config: Option<Value>) -> IndexConnector {
        IndexConnector {
            id: "1".to_owned(),
            name: "a".to_owned(),
            connector_type_id: INDEX_TYPE.to_owned(),
            config,
        }
    }

    #[test]
    fn the_id_of_a_connector_is_a_uuid_that_follows_from_space_and_name() {
        let id = own_id("default", "OpenAI audit logs");
        assert_eq!(id, own_id("default", "OpenAI audit logs"));
        assert_ne!(id, own_id("soc", "OpenAI audit logs"));
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!((lengths, &id[14..15]), (vec![8, 4, 4, 4, 12], "5"), "{id}");
        assert!("89ab".contains(&id[19..20]), "{id}");
    }

    #[test]
    fn a_connector_that_writes_elsewhere_is_refused() {
        let found = connector(Some(json!({ "index": "other" })));
        let error = wanted("a").check_index(&found).unwrap_err().to_string();
        assert_eq!(error, "Kibana: `index` is audit, and connector `a` writes to other");
    }

    #[test]
    fn other_differences_are_named() {
        let found = connector(Some(json!({ "index": "audit", "refresh": true, "executionTimeField": null })));
        assert!(wanted("a").check_index(&found).is_ok());
        let differences = wanted("a").differences(&found);
        assert_eq!(
            differences,
            ["refresh is true, not false", "executionTimeField is \"\", not \"@timestamp\""]
        );
    }

    #[test]
    fn a_connector_that_does_not_show_its_settings_is_taken_as_it_is() {
        let found = connector(None);
        assert!(wanted("a").check_index(&found).is_ok() && wanted("a").differences(&found).is_empty());
    }
}
