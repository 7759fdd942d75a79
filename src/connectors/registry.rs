//! The connectors of this ccfd: those of the settings, and those that people make.

use serde_json::{Map, Value};

use super::{
    catalogue::{TYPES, connector_type},
    connector::{Connector, ConnectorId, ConnectorSecrets},
    connector_type::TypeInfo,
    error::ConnectorError,
    run::{Caller, RunFailure, RunOutput},
};

/// The connectors, for commands and for the admin interface. The database is used on a thread of its own.
#[derive(Default)]
pub struct Registry {}

/// A connector to make.
#[derive(Debug)]
pub struct NewConnector {
    /// Its id; `None` for one that is made up.
    pub id: Option<ConnectorId>,
    /// What people call it.
    pub name: String,
    /// The id of its type.
    pub type_id: String,
    /// Its settings.
    pub config: Map<String, Value>,
    /// Its secrets.
    pub secrets: ConnectorSecrets,
}

/// What a connector becomes. Its type stays.
#[derive(Debug)]
pub struct ConnectorChange {
    /// What people call it.
    pub name: String,
    /// All of its settings.
    pub config: Map<String, Value>,
    /// All of its secrets.
    pub secrets: ConnectorSecrets,
}

/// A type, in a list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedType {
    /// What it says of itself.
    pub info: &'static TypeInfo,
    /// Whether ccfd has it.
    pub is_enabled: bool,
}

/// A connector, in a list of all.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedConnector {
    /// The connector.
    pub connector: Connector,
    /// How many actions use it.
    pub referenced_by: u64,
}

impl Registry {
    /// All types of Kibana.
    pub fn types(&self) -> Vec<ListedType> {
        TYPES.iter().map(|known| ListedType { info: known.info(), is_enabled: true }).collect()
    }

    /// Makes a connector.
    ///
    /// # Errors
    ///
    /// If the type is unknown, something is invalid, or the id is taken.
    pub async fn create(&self, space: &str, new: NewConnector) -> Result<Connector, ConnectorError> {
        let _ = space;
        connector_type(&new.type_id).ok_or(ConnectorError::UnknownType(new.type_id.clone()))?;
        Err(ConnectorError::Disabled(new.type_id))
    }

    /// One connector.
    ///
    /// # Errors
    ///
    /// If the space has none with this id.
    pub async fn get(&self, space: &str, id: &str) -> Result<Connector, ConnectorError> {
        let _ = space;
        Err(ConnectorError::NotFound(id.to_owned()))
    }

    /// All connectors of a space, except those of the system.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list(&self, space: &str) -> Result<Vec<ListedConnector>, ConnectorError> {
        let _ = space;
        Ok(Vec::new())
    }

    /// Replaces name, settings and secrets of a connector.
    ///
    /// # Errors
    ///
    /// If the space has none with this id, it stands in the settings, or something is invalid.
    pub async fn update(
        &self,
        space: &str,
        id: &str,
        change: ConnectorChange,
    ) -> Result<Connector, ConnectorError> {
        let _ = (space, change);
        Err(ConnectorError::NotFound(id.to_owned()))
    }

    /// Deletes a connector with its secrets.
    ///
    /// # Errors
    ///
    /// If the space has none with this id, or it stands in the settings.
    pub async fn delete(&self, space: &str, id: &str) -> Result<(), ConnectorError> {
        let _ = space;
        Err(ConnectorError::NotFound(id.to_owned()))
    }

    /// Runs a connector. The inner failure is that of the run.
    ///
    /// # Errors
    ///
    /// If the space has none with this id, or nobody may run it.
    pub async fn run(
        &self,
        space: &str,
        id: &str,
        params: Map<String, Value>,
        caller: Caller,
        idempotency_key: Option<&str>,
    ) -> Result<Result<RunOutput, RunFailure>, ConnectorError> {
        let _ = (space, params, caller, idempotency_key);
        Err(ConnectorError::NotFound(id.to_owned()))
    }
}
